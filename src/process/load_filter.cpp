// SPDX-License-Identifier: Apache-2.0
#include "process/load_filter.hpp"

#include <linux/audit.h>
#include <seccomp.h>  // brings <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <deque>
#include <functional>
#include <numeric>
#include <string_view>

#include "process/seccomp_calls.hpp"
#include "process/seccomp_program.hpp"

// libseccomp gives the numbers of calls and nothing else. Its own filters take 45 ms for an engine's profile of 400
// calls on three architectures, ten times as long as all the rest of starting a container, and it refuses rules for one
// call of which one covers another: those of podman for socket(2).

namespace caisson::process {

namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;

/// One call of a rule.
struct Call {
  CallName name;
  const plan::SeccompRule* rule;
};

/// The profile's calls one by one, in its order.
std::vector<Call> list_calls(const plan::SeccompPlan& plan) {
  std::size_t count = 0;
  for (const auto& rule : plan.rules) count += rule.calls.size();
  std::vector<Call> calls;
  calls.reserve(count);
  for (const auto& rule : plan.rules)
    for (const auto& name : rule.calls) calls.push_back({CallName(name), &rule});
  return calls;
}

std::vector<CallName> list_default_calls(const plan::SeccompPlan& plan) {
  std::vector<CallName> calls;
  for (const auto& names : plan.default_calls)
    for (const auto& name : names) calls.emplace_back(name);
  return calls;
}

/// One call for one number. The calls of a number stay in the profile's order.
struct Entry {
  std::uint32_t number = 0;
  std::uint32_t call : 31 = 0;    ///< its place in the list
  std::uint32_t through : 1 = 0;  ///< `number` is a multiplexer's, which makes the call
};

/// What all architectures' parts of a filter are made of.
struct Material {
  const plan::SeccompPlan& plan;
  std::vector<Call> calls;
  std::vector<CallName> default_calls;
  std::deque<Program> decisions;
  std::vector<Link> links;  ///< in the program, to the decisions
  std::vector<std::string> warnings;
  std::vector<std::string> unknown;

  /// The one that is like it: architectures mostly differ in their numbers alone.
  const Program* keep(Program decision) {
    auto same = std::ranges::find_if(decisions, [&](const Program& other) {
      return std::ranges::equal(std::as_bytes(std::span(other)), std::as_bytes(std::span(decision)));
    });
    return same != decisions.end() ? &*same : &decisions.emplace_back(std::move(decision));
  }
};

/// One architecture's part of the filter, while it is made.
class Architecture {
 public:
  Architecture(Material& material, std::uint32_t architecture)
      : material_(material), plan_(material.plan), architecture_(architecture) {
    entries_.reserve(material.calls.size());
    for (std::uint32_t i = 0; i < material.calls.size(); ++i) number(i);
    for (const auto& name : material.default_calls) see(name, name.on(architecture_));
    sort();
  }

  /// Appends a program that answers by the call's number, which is in the accumulator.
  void append(Program& program) {
    std::vector<Segment> segments;
    segments.reserve(entries_.size());
    segments.push_back({0, {plan_.default_action, nullptr}});
    auto from = [&](std::uint32_t number, const Answer& said) {
      if (segments.back().first == number) segments.pop_back();
      // Calls side by side with one answer are one segment.
      if (segments.empty() || segments.back().answer != said) segments.push_back({number, said});
    };
    for (auto first = entries_.begin(); first != entries_.end();) {
      const auto last = std::find_if(first, entries_.end(), [&](const Entry& e) { return e.number != first->number; });
      from(first->number, decide({first, last}));
      if (last == entries_.end() || last->number != first->number + 1)
        from(first->number + 1, {plan_.default_action, nullptr});
      first = last;
    }
    if (plan_.answer_unknown_with_enosys && largest_) from(*largest_ + 1, {SECCOMP_RET_ERRNO | ENOSYS, nullptr});
    // Out of order, the tree would give the wrong answers without a word.
    assert(std::ranges::is_sorted(segments, std::less(), &Segment::first));
    append_tree(segments, program, material_.links);
  }

 private:
  /// By number, and the calls of one number in the profile's order, in which they are now.
  void sort() {
    if (entries_.empty()) return;
    constexpr std::uint32_t kNarrow = 2048;
    const auto [least, most] = std::ranges::minmax(entries_, {}, &Entry::number);
    if (most.number - least.number >= kNarrow) {
      std::ranges::stable_sort(entries_, {}, &Entry::number);
      return;
    }
    // Numbers lie close together on all architectures: each entry's place can be counted.
    std::vector<std::uint32_t> places(most.number - least.number + 2);
    for (const auto& entry : entries_) ++places[entry.number - least.number + 1];
    std::partial_sum(places.begin(), places.end(), places.begin());
    std::vector<Entry> sorted(entries_.size());
    for (const auto& entry : entries_) sorted[places[entry.number - least.number]++] = entry;
    entries_.swap(sorted);
  }

  void see(const CallName& name, const CallNumbers& call) {
    if (!call.known && architecture_ == plan::native_architecture()) material_.unknown.push_back(name.text());
    if (call.direct) largest_ = std::max(*call.direct, largest_.value_or(0));
    // A call that has no number of its own is mentioned by its multiplexer's.
    if (call.multiplexed) largest_ = std::max(call.multiplexed->number, largest_.value_or(0));
  }

  void number(std::uint32_t place) {
    const CallName& name = material_.calls[place].name;
    const CallNumbers call = name.on(architecture_);
    see(name, call);
    if (call.direct) entries_.push_back({*call.direct, place, 0});
    if (call.multiplexed) entries_.push_back({call.multiplexed->number, place, 1});
  }

  bool is_narrow() const { return (architecture_ & __AUDIT_ARCH_64BIT) == 0 && architecture_ != plan::kArchX32; }

  const Call& call_of(const Entry& entry) const { return material_.calls[entry.call]; }
  const plan::SeccompRule& rule_of(const Entry& entry) const { return *call_of(entry).rule; }

  /// Of an entry that goes through a multiplexer.
  Multiplexed multiplexed(const Entry& entry) const { return *call_of(entry).name.on(architecture_).multiplexed; }

  /// The answer to one number, of which `entries` are the rules.
  Answer decide(std::span<const Entry> all) {
    const std::vector<Entry> entries = without_overruled(all);
    const Entry& first = entries.front();
    if (!first.through && rule_of(first).arguments.empty()) return {rule_of(first).action, nullptr};
    std::vector<Branch> branches;
    for (const auto& entry : entries)
      if (!entry.through) branches.push_back({rule_of(entry).arguments, rule_of(entry).action});
    if (branches.size() < entries.size()) branches = decide_multiplexed(entries);
    Program decision = make_decision(branches, plan_.default_action, is_narrow());
    if (decision.size() == 1) return {decision[0].k, nullptr};
    return {0, material_.keep(std::move(decision))};
  }

  /// Leaves out a call's conditional rules where the call has an unconditional one. libseccomp does so in either
  /// order (db_rule_add() in its db.c), and profiles are written for what comes of that.
  std::vector<Entry> without_overruled(std::span<const Entry> entries) const {
    const auto is_overruled = [&](const Entry& entry) {
      return !rule_of(entry).arguments.empty() && std::ranges::any_of(entries, [&](const Entry& other) {
        return rule_of(other).arguments.empty() && (is_same_call(entry, other) || (!entry.through && !other.through));
      });
    };
    std::vector<Entry> kept(entries.begin(), entries.end());
    std::erase_if(kept, is_overruled);
    return kept;
  }

  /// A multiplexer's branches: what can be told, in the profile's order, and then the calls that cannot.
  std::vector<Branch> decide_multiplexed(std::span<const Entry> entries) {
    std::vector<Branch> branches;
    std::vector<const Entry*> blind;  // the first entry of a call whose rules look at arguments
    bool all_told = false;
    for (const auto& entry : entries) {
      const plan::SeccompRule& rule = rule_of(entry);
      if (!entry.through) {
        branches.push_back({rule.arguments, rule.action});
        all_told = rule.arguments.empty();
        if (all_told) break;
        continue;
      }
      const bool is_blind = std::ranges::any_of(blind, [&](const Entry* b) { return is_same_call(*b, entry); });
      if (is_blind) continue;
      if (rule.arguments.empty())
        branches.push_back({{condition(multiplexed(entry))}, rule.action});
      else if (!is_told(branches, multiplexed(entry)))
        blind.push_back(&entry);
    }
    if (all_told) return branches;
    for (const Entry* entry : blind) {
      const Multiplexed through = multiplexed(*entry);
      branches.push_back({{condition(through)}, strictest(entries, *entry)});
      material_.warnings.push_back(
          fmt::format("seccomp: rules of '{}' look at arguments, which cannot be seen behind {}(2) of architecture "
                      "{:#x}: there the strictest of their actions holds",
                      call_of(*entry).name.text(), through.mask == 0xffff ? "ipc" : "socketcall", architecture_));
    }
    return branches;
  }

  static plan::SeccompArgument condition(const Multiplexed& through) {
    return {0, plan::Comparison::masked_eq, through.mask, through.call};
  }

  bool is_same_call(const Entry& one, const Entry& other) const {
    return one.through && other.through && multiplexed(one).call == multiplexed(other).call;
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
    for (const auto& other : entries)
      if (is_same_call(entry, other)) may_answer(rule_of(other).action);
    may_answer(plan_.default_action);
    return *found;
  }

  Material& material_;
  const plan::SeccompPlan& plan_;
  std::uint32_t architecture_;
  std::vector<Entry> entries_;
  std::optional<std::uint32_t> largest_;  ///< number that the profile mentions
};

/// x86_64's and x32's calls have one audit number; x32's have a bit of their own.
void append_x86_64(Material& material, Program& program) {
  program.push_back(jump(BPF_JGE, kX32Bit, 0, 1));
  program.push_back(skip(0));
  const std::size_t at = program.size();
  Architecture(material, AUDIT_ARCH_X86_64).append(program);
  program[at - 1] = skip(program.size() - at);
  const plan::SeccompPlan& plan = material.plan;
  if (std::ranges::find(plan.architectures, plan::kArchX32) != plan.architectures.end())
    return Architecture(material, plan::kArchX32).append(program);
  // A tracer that wants a call to be skipped makes it number -1, which is no x32 call: seccomp(2).
  program.push_back(jump(BPF_JEQ, ~0U, 1, 0));
  program.push_back(answer(SECCOMP_RET_KILL_THREAD));
  program.push_back(answer(plan.default_action));
}

/// The first name of a rule that this build does not know, as an error.
Status refuse_unknown_calls(const plan::SeccompPlan& plan) {
  for (const auto& rule : plan.rules)
    for (std::size_t i = 0; i < rule.calls.size(); ++i)
      if (!find_call(rule.calls[i], plan::native_architecture()).known)
        return fail_config(
            fmt::format("/linux/seccomp/syscalls/{}/names/{}", rule.place, i),
            "unknown system call '{}', which the annotation run.oci.seccomp_fail_unknown_syscall makes an "
            "error",
            rule.calls[i]);
  return {};
}

}  // namespace

Result<CompiledFilter> compile(const plan::SeccompPlan& plan) {
  if (plan.unknown_call_is_error) CAISSON_TRY(refuse_unknown_calls(plan));
  CompiledFilter filter;
  filter.flags = plan.flags;
  Material material{plan, list_calls(plan), list_default_calls(plan), {}, {}, {}, {}};
  Program program;
  program.reserve(1024);
  program.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
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
      append_x86_64(material, program);
    else
      Architecture(material, architecture).append(program);
    program[at - 1] = skip(program.size() - at);
  }
  program.push_back(answer(SECCOMP_RET_KILL_THREAD));
  append_decisions(material.links, program);
  filter.warnings = std::move(material.warnings);
  filter.unknown = std::move(material.unknown);
  std::ranges::sort(filter.unknown);
  filter.unknown.erase(std::ranges::unique(filter.unknown).begin(), filter.unknown.end());
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
