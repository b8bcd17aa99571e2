// SPDX-License-Identifier: Apache-2.0
#include "process/seccomp.hpp"

#include <linux/audit.h>
#include <seccomp.h>  // brings <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <set>
#include <string_view>

#include "process/seccomp_calls.hpp"
#include "process/seccomp_program.hpp"

// libseccomp gives the numbers of calls and nothing else. Its own filters take 45 ms for an engine's profile of 400
// calls on three architectures, ten times as long as all the rest of starting a container, and it refuses rules for one
// call of which one covers another: those of podman for socket(2).

namespace caisson::process {

namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;

/// One rule for one number. The rules of a number stay in the profile's order.
struct Entry {
  std::uint32_t number = 0;
  const plan::SeccompRule* rule = nullptr;
  std::optional<Multiplexed> through;  ///< `number` is a multiplexer's, which makes the rule's call
};

/// One architecture's part of the filter, while it is made.
class Architecture {
 public:
  Architecture(const plan::SeccompPlan& plan, std::uint32_t architecture) : plan_(plan), architecture_(architecture) {
    for (const auto& rule : plan.rules) number(rule);
    for (const auto& name : plan.default_calls) see(find_call(name, architecture_));
    std::ranges::stable_sort(entries_, {}, &Entry::number);
  }

  /// Appends a program that answers by the call's number, which is in the accumulator.
  void append(Program& program, std::vector<std::string>& warnings) {
    std::vector<Segment> segments{{0, plan_.default_action, nullptr}};
    auto from = [&](const Segment& next) {
      if (segments.back().first == next.first) segments.pop_back();
      // Calls side by side with one answer are one segment.
      if (segments.empty() || next.decision || segments.back().decision || segments.back().action != next.action)
        segments.push_back(next);
    };
    for (auto first = entries_.begin(); first != entries_.end();) {
      const auto last = std::find_if(first, entries_.end(), [&](const Entry& e) { return e.number != first->number; });
      from(decide({first, last}, warnings));
      from({first->number + 1, plan_.default_action, nullptr});
      first = last;
    }
    if (plan_.answer_unknown_with_enosys && largest_) from({*largest_ + 1, SECCOMP_RET_ERRNO | ENOSYS, nullptr});
    append_tree(segments, program);
  }

 private:
  void see(const CallNumbers& call) {
    if (call.direct) largest_ = std::max(*call.direct, largest_.value_or(0));
  }

  void number(const plan::SeccompRule& rule) {
    const CallNumbers call = find_call(rule.syscall, architecture_);
    see(call);
    if (call.direct) entries_.push_back({*call.direct, &rule, {}});
    if (call.multiplexed) entries_.push_back({call.multiplexed->number, &rule, call.multiplexed});
  }

  bool is_narrow() const { return (architecture_ & __AUDIT_ARCH_64BIT) == 0 && architecture_ != plan::kArchX32; }

  /// The answer to one number, of which `entries` are the rules.
  Segment decide(std::span<const Entry> entries, std::vector<std::string>& warnings) {
    const Entry& first = entries.front();
    if (!first.through && first.rule->arguments.empty()) return {first.number, first.rule->action, nullptr};
    std::vector<Branch> branches;
    for (const auto& entry : entries)
      if (!entry.through) branches.push_back({entry.rule->arguments, entry.rule->action});
    if (branches.size() < entries.size()) branches = decide_multiplexed(entries, warnings);
    decisions_.push_back(make_decision(branches, plan_.default_action, is_narrow()));
    return {first.number, 0, &decisions_.back()};
  }

  /// A multiplexer's branches: what can be told, in the profile's order, and then the calls that cannot.
  std::vector<Branch> decide_multiplexed(std::span<const Entry> entries, std::vector<std::string>& warnings) {
    std::vector<Branch> branches;
    std::vector<const Entry*> blind;  // the first entry of a call whose rules look at arguments
    bool all_told = false;
    for (const auto& entry : entries) {
      if (!entry.through) {
        branches.push_back({entry.rule->arguments, entry.rule->action});
        all_told = entry.rule->arguments.empty();
        if (all_told) break;
        continue;
      }
      const bool is_blind = std::ranges::any_of(blind, [&](const Entry* b) { return is_same_call(*b, entry); });
      if (is_blind) continue;
      if (entry.rule->arguments.empty())
        branches.push_back({{condition(*entry.through)}, entry.rule->action});
      else if (!is_told(branches, *entry.through))
        blind.push_back(&entry);
    }
    if (all_told) return branches;
    for (const Entry* entry : blind) {
      branches.push_back({{condition(*entry->through)}, strictest(entries, *entry)});
      warnings.push_back(
          fmt::format("seccomp: rules of '{}' look at arguments, which cannot be seen behind {}(2) of architecture "
                      "{:#x}: there the strictest of their actions holds",
                      entry->rule->syscall, entry->through->mask == 0xffff ? "ipc" : "socketcall", architecture_));
    }
    return branches;
  }

  static plan::SeccompArgument condition(const Multiplexed& through) {
    return {0, plan::Comparison::masked_eq, through.mask, through.call};
  }

  static bool is_same_call(const Entry& one, const Entry& other) {
    return one.through && other.through && one.through->call == other.through->call;
  }

  /// Whether a branch without further conditions answers the call already.
  static bool is_told(const std::vector<Branch>& branches, const Multiplexed& through) {
    return std::ranges::any_of(branches, [&](const Branch& branch) {
      return branch.conditions.size() == 1 && branch.conditions[0] == condition(through);
    });
  }

  /// Of everything that the rules of `entry`'s call may answer.
  std::uint32_t strictest(std::span<const Entry> entries, const Entry& entry) const {
    // The kernel's own order among filters: the lowest as a signed number.
    auto rank = [](std::uint32_t action) { return static_cast<std::int32_t>(action & SECCOMP_RET_ACTION_FULL); };
    std::optional<std::uint32_t> found;
    auto may_answer = [&](std::uint32_t action) {
      if (!found || rank(action) < rank(*found)) found = action;
    };
    for (const auto& other : entries) {
      if (!is_same_call(entry, other)) continue;
      may_answer(other.rule->action);
      if (other.rule->arguments.empty()) return *found;
    }
    may_answer(plan_.default_action);
    return *found;
  }

  const plan::SeccompPlan& plan_;
  std::uint32_t architecture_;
  std::vector<Entry> entries_;
  std::optional<std::uint32_t> largest_;  ///< number that the profile mentions
  std::deque<Program> decisions_;
};

/// x86_64's and x32's calls have one audit number; x32's have a bit of their own.
void append_x86_64(const plan::SeccompPlan& plan, Program& program, std::vector<std::string>& warnings) {
  Program x32;
  if (std::ranges::find(plan.architectures, plan::kArchX32) != plan.architectures.end()) {
    Architecture(plan, plan::kArchX32).append(x32, warnings);
  } else {
    // A tracer that wants a call to be skipped makes it number -1, which is no x32 call: seccomp(2).
    x32 = {jump(BPF_JEQ, ~0U, 1, 0), answer(SECCOMP_RET_KILL_THREAD), answer(plan.default_action)};
  }
  program.push_back(jump(BPF_JGE, kX32Bit, 0, 1));
  program.push_back(skip(0));
  const std::size_t at = program.size();
  Architecture(plan, AUDIT_ARCH_X86_64).append(program, warnings);
  program[at - 1] = skip(program.size() - at);
  program.insert(program.end(), x32.begin(), x32.end());
}

std::vector<std::string> find_unknown(const plan::SeccompPlan& plan) {
  std::set<std::string> unknown;
  for (const auto& rule : plan.rules)
    if (!find_call(rule.syscall, plan::native_architecture()).known) unknown.insert(rule.syscall);
  for (const auto& name : plan.default_calls)
    if (!find_call(name, plan::native_architecture()).known) unknown.insert(name);
  return {unknown.begin(), unknown.end()};
}

}  // namespace

Result<CompiledFilter> compile(const plan::SeccompPlan& plan) {
  CompiledFilter filter;
  filter.flags = plan.flags;
  filter.unknown = find_unknown(plan);
  Program program{statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch))};
  program.reserve(1024);
  for (std::uint32_t architecture : plan.architectures) {
    if (!knows_architecture(architecture)) {
      const auto asked = plan.asked.find(architecture);
      if (asked != plan.asked.end())
        return fail_config(asked->second.origin, "libseccomp {} does not know architecture {}",
                           seccomp_library_version(), asked->second.word);
      return fail_config("/linux/seccomp/architectures", "libseccomp {} does not know this machine's architecture",
                         seccomp_library_version());
    }
    const bool is_x32 = architecture == plan::kArchX32;
    if (is_x32 && std::ranges::find(plan.architectures, AUDIT_ARCH_X86_64) != plan.architectures.end()) continue;
    program.push_back(jump(BPF_JEQ, is_x32 ? AUDIT_ARCH_X86_64 : architecture, 1, 0));
    program.push_back(skip(0));
    const std::size_t at = program.size();
    program.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    if (architecture == AUDIT_ARCH_X86_64)
      append_x86_64(plan, program, filter.warnings);
    else
      Architecture(plan, architecture).append(program, filter.warnings);
    program[at - 1] = skip(program.size() - at);
  }
  program.push_back(answer(SECCOMP_RET_KILL_THREAD));
  if (program.size() > BPF_MAXINSNS)
    return fail_config("/linux/seccomp", "the filter has {} instructions, and the kernel takes {}", program.size(),
                       BPF_MAXINSNS);
  const auto bytes = std::as_bytes(std::span(program));
  filter.program.assign(bytes.begin(), bytes.end());
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
