// SPDX-License-Identifier: Apache-2.0
#include "process/seccomp.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <seccomp.h>  // brings <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <string_view>

#include "process/seccomp_calls.hpp"
#include "sys/file.hpp"

// libseccomp builds the filter of the rules that look at arguments. The many that a number alone decides stand before
// it, in a program made here: a search tree for each architecture. libseccomp would take 45 ms for an engine's profile
// of 300 calls on three architectures, ten times as long as all the rest of starting a container.

namespace caisson::process {

namespace {

static_assert(SCMP_ACT_ERRNO(1) == (SECCOMP_RET_ERRNO | 1) && SCMP_ACT_ALLOW == SECCOMP_RET_ALLOW &&
              SCMP_ACT_NOTIFY == SECCOMP_RET_USER_NOTIF);

constexpr std::uint32_t kX32Bit = 0x40000000;

/// What the profile says of one call, all its rules together.
struct Verdict {
  std::uint32_t action = 0;
  bool by_number = true;  ///< no rule looks at arguments, and none contradicts another
  bool to_library = false;
};
using Verdicts = std::map<std::string_view, Verdict>;

Verdicts judge(const plan::SeccompPlan& plan) {
  Verdicts verdicts;
  for (const auto& rule : plan.rules) {
    const auto [at, is_new] = verdicts.try_emplace(rule.syscall, Verdict{rule.action});
    if (!rule.arguments.empty() || (!is_new && at->second.action != rule.action)) at->second.by_number = false;
  }
  return verdicts;
}

/// One architecture's calls in the order of their numbers, and from which number on nothing is known of them.
struct Numbered {
  std::map<std::uint32_t, std::uint32_t> actions;  ///< number -> SECCOMP_RET_*
  std::optional<std::uint32_t> largest;            ///< that the profile mentions
};

Numbered number_calls(const plan::SeccompPlan& plan, std::uint32_t architecture, Verdicts& verdicts) {
  Numbered numbered;
  auto see = [&](const CallNumber& call) {
    if (call.kind == CallNumber::Kind::direct) numbered.largest = std::max(call.number, numbered.largest.value_or(0));
  };
  for (auto& [name, verdict] : verdicts) {
    const CallNumber call = find_call(std::string(name), architecture);
    see(call);
    if (!verdict.by_number || call.kind == CallNumber::Kind::multiplexed)
      verdict.to_library = true;
    else if (call.kind == CallNumber::Kind::direct)
      numbered.actions.emplace(call.number, verdict.action);
  }
  for (const auto& name : plan.default_calls) see(find_call(name, architecture));
  return numbered;
}

using Program = std::vector<sock_filter>;

constexpr sock_filter statement(unsigned code, std::uint32_t value) {
  return {static_cast<std::uint16_t>(code), 0, 0, value};
}
constexpr sock_filter jump(unsigned code, std::uint32_t value, std::uint8_t if_true, std::uint8_t if_false) {
  return {static_cast<std::uint16_t>(BPF_JMP | code | BPF_K), if_true, if_false, value};
}
constexpr sock_filter skip(std::size_t instructions) {
  return statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(instructions));
}

/// The numbers from `first` to the next segment's. Without an action, libseccomp's program decides.
struct Segment {
  std::uint32_t first = 0;
  std::optional<std::uint32_t> action;
};

std::vector<Segment> make_segments(const Numbered& numbered, bool answer_unknown_with_enosys) {
  std::vector<Segment> segments{{}};
  auto from = [&](std::uint32_t first, std::optional<std::uint32_t> action) {
    if (segments.back().first == first)
      segments.back().action = action;
    else if (segments.back().action != action)
      segments.push_back({first, action});
    if (segments.size() > 1 && segments[segments.size() - 2].action == action) segments.pop_back();
  };
  for (const auto& [number, action] : numbered.actions) {
    from(number, action);
    from(number + 1, {});
  }
  if (answer_unknown_with_enosys && numbered.largest) from(*numbered.largest + 1, SECCOMP_RET_ERRNO | ENOSYS);
  return segments;
}

/// A search tree over the segments; the accumulator holds the call's number. Leaves without an action are marked with
/// kFallThrough, to be sent past the end of the whole tree.
constexpr sock_filter kFallThrough = statement(BPF_JMP | BPF_JA, ~0U);

Program make_tree(std::span<const Segment> segments) {
  if (segments.size() == 1)
    return {segments[0].action ? statement(BPF_RET | BPF_K, *segments[0].action) : kFallThrough};
  const std::size_t middle = segments.size() / 2;
  const Program below = make_tree(segments.first(middle));
  const Program above = make_tree(segments.subspan(middle));
  Program tree;
  tree.reserve(below.size() + above.size() + 2);
  // A conditional jump reaches 255 instructions.
  if (below.size() <= 255) {
    tree.push_back(jump(BPF_JGE, segments[middle].first, static_cast<std::uint8_t>(below.size()), 0));
  } else {
    tree.push_back(jump(BPF_JGE, segments[middle].first, 0, 1));
    tree.push_back(skip(below.size()));
  }
  tree.insert(tree.end(), below.begin(), below.end());
  tree.insert(tree.end(), above.begin(), above.end());
  return tree;
}

/// What the number decides on one architecture; falls off its end where libseccomp's program is to decide.
Program decide_by_number(const plan::SeccompPlan& plan, std::uint32_t architecture, Verdicts& verdicts) {
  const auto segments = make_segments(number_calls(plan, architecture, verdicts), plan.answer_unknown_with_enosys);
  if (segments.size() == 1 && !segments[0].action) return {};
  Program tree = make_tree(segments);
  for (std::size_t i = 0; i < tree.size(); ++i)
    if (tree[i].code == kFallThrough.code && tree[i].k == kFallThrough.k) tree[i] = skip(tree.size() - i - 1);
  return tree;
}

/// x32's calls have x86_64's audit number and a bit of their own: "newer than all" of one does not hold for the other.
Program join_x32(const Program& x86_64, const Program& x32) {
  Program both;
  both.push_back(jump(BPF_JGE, kX32Bit, 1, 0));
  both.push_back(skip(x32.size() + 1));
  both.insert(both.end(), x32.begin(), x32.end());
  both.push_back(skip(x86_64.size()));
  both.insert(both.end(), x86_64.begin(), x86_64.end());
  return both;
}

/// All architectures' trees, each behind a test for its audit number. Marks the verdicts that libseccomp must hear of.
Program make_prologue(const plan::SeccompPlan& plan, Verdicts& verdicts) {
  Program code;
  for (std::uint32_t architecture : plan.architectures) {
    if (architecture == plan::kArchX32) continue;
    Program part = decide_by_number(plan, architecture, verdicts);
    if (architecture == AUDIT_ARCH_X86_64) {
      Program x32;
      if (std::ranges::find(plan.architectures, plan::kArchX32) != plan.architectures.end())
        x32 = decide_by_number(plan, plan::kArchX32, verdicts);
      if (!part.empty() || !x32.empty()) part = join_x32(part, x32);
    }
    if (part.empty()) continue;
    code.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
    code.push_back(jump(BPF_JEQ, architecture, 1, 0));
    code.push_back(skip(part.size() + 1));
    code.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    code.insert(code.end(), part.begin(), part.end());
  }
  return code;
}

using Context = std::unique_ptr<void, decltype(&::seccomp_release)>;

scmp_arg_cmp condition(const plan::SeccompArgument& argument) {
  using enum plan::Comparison;
  scmp_compare op = SCMP_CMP_EQ;
  switch (argument.comparison) {
    case ne: op = SCMP_CMP_NE; break;
    case lt: op = SCMP_CMP_LT; break;
    case le: op = SCMP_CMP_LE; break;
    case eq: op = SCMP_CMP_EQ; break;
    case ge: op = SCMP_CMP_GE; break;
    case gt: op = SCMP_CMP_GT; break;
    case masked_eq: op = SCMP_CMP_MASKED_EQ; break;
  }
  return {argument.index, op, argument.value, argument.value_two};
}

std::unexpected<Error> library_failure(const std::string& what, int result, const std::string& pointer) {
  return std::unexpected(Error(ErrorKind::config, what, -result).at(pointer));
}

Result<Context> make_context(const plan::SeccompPlan& plan) {
  // Otherwise the library asks the kernel feature by feature; those of level 6 are older than any kernel we run on.
  ::seccomp_api_set(6);
  Context context(::seccomp_init(plan.default_action), &::seccomp_release);
  if (!context) return fail_config("/linux/seccomp/defaultAction", "seccomp_init({:#x}) failed", plan.default_action);
  for (std::uint32_t token : plan.architectures) {
    if (token == plan::native_architecture()) continue;
    const int result = ::seccomp_arch_add(context.get(), token);
    if (result != 0 && result != -EEXIST)
      return library_failure(fmt::format("seccomp_arch_add({:#x})", token), result, "/linux/seccomp/architectures");
  }
  return context;
}

/// Tells libseccomp the rules that are marked for it.
Status add_rules(const plan::SeccompPlan& plan, const Verdicts& verdicts, void* context) {
  for (const auto& rule : plan.rules) {
    if (!verdicts.at(rule.syscall).to_library) continue;
    const int number = ::seccomp_syscall_resolve_name(rule.syscall.c_str());
    if (number == __NR_SCMP_ERROR) {
      if (find_call(rule.syscall, plan::native_architecture()).kind == CallNumber::Kind::unknown) continue;
      return fail_config(rule.origin, "'{}' can have one rule without arguments only: libseccomp {} does not know it",
                         rule.syscall, seccomp_library_version());
    }
    std::array<scmp_arg_cmp, 6> conditions;
    std::ranges::transform(rule.arguments, conditions.begin(), condition);
    const int result = ::seccomp_rule_add_array(context, rule.action, number,
                                                static_cast<unsigned>(rule.arguments.size()), conditions.data());
    if (result != 0) return library_failure(fmt::format("seccomp_rule_add('{}')", rule.syscall), result, rule.origin);
  }
  return {};
}

std::vector<std::string> find_unknown(const Verdicts& verdicts) {
  std::vector<std::string> unknown;
  for (const auto& [name, verdict] : verdicts)
    if (find_call(std::string(name), plan::native_architecture()).kind == CallNumber::Kind::unknown)
      unknown.emplace_back(name);
  return unknown;
}

Result<std::string> export_program(void* context) {
  // libseccomp 2.5 writes to a descriptor only. A memfd takes what a pipe may not.
  FileDescriptor file = CAISSON_TRY(sys::memfd("seccomp", {}, false));
  const int result = ::seccomp_export_bpf(context, file.get());
  if (result != 0) return library_failure("seccomp_export_bpf()", result, "/linux/seccomp");
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail_errno("lseek()");
  return sys::read_all(file, "seccomp program");
}

}  // namespace

Result<CompiledFilter> compile(const plan::SeccompPlan& plan) {
  Verdicts verdicts = judge(plan);
  const Program prologue = make_prologue(plan, verdicts);
  Context context = CAISSON_TRY(make_context(plan));
  CAISSON_TRY(add_rules(plan, verdicts, context.get()));
  const std::string body = CAISSON_TRY(export_program(context.get()));

  CompiledFilter filter;
  filter.flags = plan.flags;
  filter.unknown = find_unknown(verdicts);
  const auto head = std::as_bytes(std::span(prologue));
  const auto tail = std::as_bytes(std::span(body));
  filter.program.reserve(head.size() + tail.size());
  filter.program.insert(filter.program.end(), head.begin(), head.end());
  filter.program.insert(filter.program.end(), tail.begin(), tail.end());
  const std::size_t instructions = filter.program.size() / sizeof(sock_filter);
  if (instructions > BPF_MAXINSNS)
    return fail_config("/linux/seccomp", "the filter has {} instructions, and the kernel takes {}", instructions,
                       BPF_MAXINSNS);
  return filter;
}

Result<std::optional<FileDescriptor>> load(std::span<const std::byte> program, std::uint32_t flags) {
  std::vector<sock_filter> code(program.size() / sizeof(sock_filter));
  std::memcpy(code.data(), program.data(), code.size() * sizeof(sock_filter));
  const sock_fprog filter{static_cast<std::uint16_t>(code.size()), code.data()};
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
  if (result < 0)
    return fail_errno("seccomp(SECCOMP_SET_MODE_FILTER, flags={:#x}, {} instructions)", flags, code.size());
  if ((flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0) return std::optional<FileDescriptor>();
  return std::optional(FileDescriptor(static_cast<int>(result)));
}

std::string seccomp_library_version() {
  const scmp_version* version = ::seccomp_version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->micro);
}

}  // namespace caisson::process
