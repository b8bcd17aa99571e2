// SPDX-License-Identifier: Apache-2.0
// What is compiled is run by interpreters of the kernel's two machines, and compared with what was asked for.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include "base/fd.hpp"
#include "config/spec.hpp"
#include "fuzz/targets.hpp"
#include "json/read.hpp"
#include "plan/devices.hpp"
#include "plan/seccomp_plan.hpp"
#include "process/load_filter.hpp"

namespace caisson::fuzz {

namespace {

/// Runs a seccomp filter as the kernel does. Documentation/userspace-api/seccomp_filter.rst.
std::uint32_t answer(const std::vector<sock_filter>& program, const seccomp_data& data) {
  std::uint32_t a = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        require(step.k + 4 <= sizeof data && step.k % 4 == 0, "a load beyond the data");
        std::memcpy(&a, reinterpret_cast<const char*>(&data) + step.k, sizeof a);
        break;
      case BPF_RET | BPF_K: return step.k;
      case BPF_JMP | BPF_JA: at += step.k; break;
      case BPF_JMP | BPF_JEQ | BPF_K: at += a == step.k ? step.jt : step.jf; break;
      case BPF_JMP | BPF_JGT | BPF_K: at += a > step.k ? step.jt : step.jf; break;
      case BPF_JMP | BPF_JGE | BPF_K: at += a >= step.k ? step.jt : step.jf; break;
      case BPF_JMP | BPF_JSET | BPF_K: at += (a & step.k) != 0 ? step.jt : step.jf; break;
      case BPF_ALU | BPF_AND | BPF_K: a &= step.k; break;
      default: require(false, "an instruction that is not known");
    }
  }
  require(false, "the filter ends without an answer");
  return 0;
}

std::vector<sock_filter> instructions(std::span<const std::byte> bytes) {
  std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes.data(), program.size() * sizeof(sock_filter));
  return program;
}

bool holds(const plan::SeccompArgument& argument, const seccomp_data& data) {
  const std::uint64_t given = data.args[argument.index];
  switch (argument.comparison) {
    case plan::Comparison::ne: return given != argument.value;
    case plan::Comparison::lt: return given < argument.value;
    case plan::Comparison::le: return given <= argument.value;
    case plan::Comparison::eq: return given == argument.value;
    case plan::Comparison::ge: return given >= argument.value;
    case plan::Comparison::gt: return given > argument.value;
    case plan::Comparison::masked_eq: return (given & argument.value) == (argument.value_two & argument.value);
  }
  return false;
}

/// libseccomp's own filter of the same rules; empty where it does not take them.
std::vector<sock_filter> libseccomp_program(const plan::SeccompPlan& plan) {
  constexpr std::array kOperators = {SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE,       SCMP_CMP_EQ,
                                     SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ};
  const std::unique_ptr<void, void (*)(void*)> context(::seccomp_init(plan.default_action), ::seccomp_release);
  if (!context) return {};
  for (const auto& rule : plan.rules) {
    std::vector<scmp_arg_cmp> conditions;
    for (const auto& argument : rule.arguments)
      conditions.push_back({argument.index, kOperators[static_cast<std::size_t>(argument.comparison)], argument.value,
                            argument.value_two});
    for (const auto& call : rule.calls) {
      const int number = ::seccomp_syscall_resolve_name(call.c_str());
      if (number >= 0 && ::seccomp_rule_add_array(context.get(), rule.action, number,
                                                  static_cast<unsigned>(conditions.size()), conditions.data()) != 0)
        return {};
    }
  }
  const FileDescriptor file(::memfd_create("filter", MFD_CLOEXEC));
  if (::seccomp_export_bpf(context.get(), file.get()) != 0) return {};
  std::vector<std::byte> bytes(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_CUR)));
  if (::pread(file.get(), bytes.data(), bytes.size(), 0) < 0) return {};
  return instructions(bytes);
}

/// Only of calls that one rule names, so that their order does not matter; calls that no rule names are compared, too.
void compare_filters(const plan::SeccompPlan& plan, const std::vector<sock_filter>& program) {
  std::map<int, std::vector<const plan::SeccompRule*>> rules;
  for (const auto& rule : plan.rules)
    for (const auto& call : rule.calls) rules[::seccomp_syscall_resolve_name(call.c_str())].push_back(&rule);
  const auto theirs = libseccomp_program(plan);
  for (const auto& [number, of_call] : rules) {
    if (number < 0 || of_call.size() != 1) continue;
    std::set<std::uint64_t> values{0, 1, 0xffffffff, 0x100000000, ~0ULL};
    for (const auto& argument : of_call[0]->arguments)
      for (const std::uint64_t value : {argument.value, argument.value_two})
        values.insert({value - 1, value, value + 1, ~value});
    for (const std::uint64_t value : values) {
      seccomp_data data{.nr = number, .arch = plan::native_architecture(), .instruction_pointer = 0, .args = {}};
      std::ranges::fill(data.args, value);
      const bool all = std::ranges::all_of(of_call[0]->arguments, [&](const auto& each) { return holds(each, data); });
      const std::uint32_t wanted = all ? of_call[0]->action : plan.default_action;
      require(answer(program, data) == wanted, "the filter answers otherwise than its rule");
      require(theirs.empty() || answer(theirs, data) == wanted, "libseccomp answers otherwise than the rule");
    }
  }
}

struct Access {
  plan::DeviceKind kind;
  std::uint32_t major, minor;
  unsigned bits;
};

/// The rules as the spec says them: of those about one bit of the access, the last decides.
bool allowed_by_rules(const plan::DevicePlan& plan, const Access& access) {
  for (const unsigned bit : {plan::kDeviceMknod, plan::kDeviceRead, plan::kDeviceWrite}) {
    if ((access.bits & bit) == 0) continue;
    bool allowed = false;
    for (const auto& rule : plan.rules)
      if ((rule.kind == plan::DeviceKind::all || rule.kind == access.kind) &&
          rule.major.value_or(access.major) == access.major && rule.minor.value_or(access.minor) == access.minor &&
          (rule.access & bit) != 0)
        allowed = rule.allow;
    if (!allowed) return false;
  }
  return true;
}

/// Runs the few instructions that device programs are made of.
bool allowed_by_program(const std::vector<bpf_insn>& program, const Access& access) {
  const std::uint32_t type = access.kind == plan::DeviceKind::block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
  const std::array<std::uint32_t, 3> context = {access.bits << 16 | type, access.major, access.minor};
  std::array<std::uint64_t, 11> r{};
  for (std::size_t at = 0; at < program.size(); ++at) {
    const auto& step = program[at];
    const auto value = static_cast<std::uint32_t>(step.imm);
    const auto low = static_cast<std::uint32_t>(r[step.dst_reg]);
    const auto jump = [&](bool taken) { at += taken ? static_cast<std::size_t>(step.off) : 0; };
    switch (step.code) {
      case BPF_LDX | BPF_MEM | BPF_W: r[step.dst_reg] = context.at(static_cast<std::size_t>(step.off) / 4); break;
      case BPF_ALU | BPF_MOV | BPF_X: r[step.dst_reg] = static_cast<std::uint32_t>(r[step.src_reg]); break;
      case BPF_ALU64 | BPF_MOV | BPF_K: r[step.dst_reg] = value; break;
      case BPF_ALU | BPF_AND | BPF_K: r[step.dst_reg] = low & value; break;
      case BPF_ALU | BPF_RSH | BPF_K: r[step.dst_reg] = low >> value; break;
      case BPF_JMP32 | BPF_JNE | BPF_K: jump(low != value); break;
      case BPF_JMP32 | BPF_JSET | BPF_K: jump((low & value) != 0); break;
      case BPF_JMP | BPF_EXIT: return r[0] != 0;
      default: require(false, "an instruction of a device program that is not known");
    }
  }
  require(false, "the device program does not end");
  return false;
}

/// Rules of any kind, five bytes each; small numbers, so that they meet.
std::vector<config::DeviceRule> device_rules(std::string_view bytes) {
  std::vector<config::DeviceRule> rules;
  for (; bytes.size() >= 5 && rules.size() < 40; bytes.remove_prefix(5)) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    config::DeviceRule rule;
    rule.allow = (at(0) & 1) != 0;
    rule.type = static_cast<config::DeviceRuleType>(at(1) % 3);
    if ((at(0) & 2) != 0) rule.major = at(2) % 16;
    if ((at(0) & 4) != 0) rule.minor = at(3) % 16;
    for (const auto& [bit, letter] : {std::pair{1, 'r'}, {2, 'w'}, {4, 'm'}})
      if ((at(4) & bit) != 0) rule.access += letter;
    rules.push_back(std::move(rule));
  }
  return rules;
}

/// The v1 controller: a default and exceptions to it. Documentation/admin-guide/cgroup-v1/devices.rst.
bool allowed_by_lines(const std::vector<plan::DeviceLine>& lines, const Access& access) {
  bool allows_all = true;
  std::vector<std::string> exceptions;
  for (const auto& line : lines) {
    if (line.text == "a") {
      allows_all = line.allow;
      exceptions.clear();
    } else if (line.allow != allows_all) {
      exceptions.push_back(line.text);
    } else {
      std::erase(exceptions, line.text);
    }
  }
  for (const unsigned bit : {plan::kDeviceMknod, plan::kDeviceRead, plan::kDeviceWrite}) {
    if ((access.bits & bit) == 0) continue;
    const char letter = bit == plan::kDeviceMknod ? 'm' : bit == plan::kDeviceRead ? 'r' : 'w';
    const bool excepted = std::ranges::any_of(exceptions, [&](const std::string& text) {
      char type = 0, major[16] = "", minor[16] = "", letters[16] = "";
      if (std::sscanf(text.c_str(), "%c %15[^:]:%15s %15s", &type, major, minor, letters) != 4) return false;
      const auto fits = [](const char* word, std::uint32_t number) {
        return std::strcmp(word, "*") == 0 || std::strtoul(word, nullptr, 10) == number;
      };
      return type == (access.kind == plan::DeviceKind::block ? 'b' : 'c') && fits(major, access.major) &&
             fits(minor, access.minor) && std::strchr(letters, letter) != nullptr;
    });
    if (excepted == allows_all) return false;
  }
  return true;
}

}  // namespace

/// A profile to BPF, against an interpreter of it and against libseccomp.
void compile_seccomp(std::string_view text) {
  const auto profile = json::parse<config::Seccomp>(text);
  if (!profile) return;
  const auto plan = plan::make_seccomp(*profile, hosts()[2]);
  if (!plan || !*plan) return;
  const auto filter = process::compile(**plan);
  if (!filter) return;
  compare_filters(**plan, instructions(filter->program));
}

/// Device rules to a BPF program and to lines of v1, against models of what the kernel makes of them.
void compile_devices(std::string_view bytes) {
  const auto plan = plan::make_devices(device_rules(bytes), "/linux/resources/devices");
  if (!plan) return;
  const auto program = plan::device_program(*plan);
  const auto lines = plan::device_lines(*plan);
  for (const auto kind : {plan::DeviceKind::character, plan::DeviceKind::block})
    for (std::uint32_t major = 0; major < 17; ++major)
      for (std::uint32_t minor = 0; minor < 17; ++minor)
        for (unsigned bits = 1; bits < 8; ++bits) {
          const Access access{kind, major, minor, bits};
          const bool wanted = allowed_by_rules(*plan, access);
          require(allowed_by_program(program, access) == wanted, "the device program answers otherwise than the rules");
          require(!lines || allowed_by_lines(*lines, access) == wanted, "the lines of v1 say otherwise than the rules");
        }
}

}  // namespace caisson::fuzz
