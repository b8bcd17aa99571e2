// SPDX-License-Identifier: Apache-2.0
#include "plan/seccomp_plan.hpp"

#include <linux/audit.h>
#include <linux/elf-em.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace caisson::plan {

namespace {

constexpr std::uint32_t kLargestErrno = 4095;  // MAX_ERRNO: the kernel answers with it instead of a larger one

// Newer than the kernel headers this is built with; SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is Linux 5.19's.
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef AUDIT_ARCH_LOONGARCH64
#define AUDIT_ARCH_LOONGARCH64 (258 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE)
#endif

std::uint32_t token_of(config::SeccompArch arch) {
  using enum config::SeccompArch;
  switch (arch) {
    case x86: return AUDIT_ARCH_I386;
    case x86_64: return AUDIT_ARCH_X86_64;
    case x32: return kArchX32;
    case arm: return AUDIT_ARCH_ARM;
    case aarch64: return AUDIT_ARCH_AARCH64;
    case loongarch64: return AUDIT_ARCH_LOONGARCH64;
    case m68k: return AUDIT_ARCH_M68K;
    case mips: return AUDIT_ARCH_MIPS;
    case mips64: return AUDIT_ARCH_MIPS64;
    case mips64n32: return AUDIT_ARCH_MIPS64N32;
    case mipsel: return AUDIT_ARCH_MIPSEL;
    case mipsel64: return AUDIT_ARCH_MIPSEL64;
    case mipsel64n32: return AUDIT_ARCH_MIPSEL64N32;
    case ppc: return AUDIT_ARCH_PPC;
    case ppc64: return AUDIT_ARCH_PPC64;
    case ppc64le: return AUDIT_ARCH_PPC64LE;
    case s390: return AUDIT_ARCH_S390;
    case s390x: return AUDIT_ARCH_S390X;
    case sh: return AUDIT_ARCH_SHEL;
    case sheb: return AUDIT_ARCH_SH;
    case parisc: return AUDIT_ARCH_PARISC;
    case parisc64: return AUDIT_ARCH_PARISC64;
    case riscv64: return AUDIT_ARCH_RISCV64;
  }
  std::unreachable();
}

Comparison comparison_of(config::SeccompOperator op) {
  using enum config::SeccompOperator;
  switch (op) {
    case ne: return Comparison::ne;
    case lt: return Comparison::lt;
    case le: return Comparison::le;
    case eq: return Comparison::eq;
    case ge: return Comparison::ge;
    case gt: return Comparison::gt;
    case masked_eq: return Comparison::masked_eq;
  }
  std::unreachable();
}

/// SECCOMP_RET_* with its data. The error's pointer is for the caller to complete.
Result<std::uint32_t> make_action(config::SeccompAction action, std::optional<std::uint32_t> errno_ret) {
  using enum config::SeccompAction;
  if (errno_ret && action != errno_return && action != trace)
    return fail(ErrorKind::config, "an errno is possible with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only");
  switch (action) {
    case kill:
    case kill_thread: return SECCOMP_RET_KILL_THREAD;
    case kill_process: return SECCOMP_RET_KILL_PROCESS;
    case trap: return SECCOMP_RET_TRAP;
    case allow: return SECCOMP_RET_ALLOW;
    case log: return SECCOMP_RET_LOG;
    case notify: return SECCOMP_RET_USER_NOTIF;
    case errno_return:
      if (errno_ret.value_or(EPERM) > kLargestErrno)
        return fail(ErrorKind::config, "errno {} is larger than {}", *errno_ret, kLargestErrno);
      return SECCOMP_RET_ERRNO | errno_ret.value_or(EPERM);
    case trace:
      if (errno_ret.value_or(EPERM) > SECCOMP_RET_DATA)
        return fail(ErrorKind::config, "{} is larger than {}", *errno_ret, SECCOMP_RET_DATA);
      return SECCOMP_RET_TRACE | errno_ret.value_or(EPERM);
  }
  std::unreachable();
}

// TSYNC speaks of other threads, of which the process that loads the filter has none.
Result<std::uint32_t> make_flags(const config::Seccomp& profile, const HostFacts& facts, const std::string& pointer) {
  if (!profile.flags) return SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  std::uint32_t flags = 0;
  for (std::size_t i = 0; i < profile.flags->size(); ++i) {
    using enum config::SeccompFlag;
    switch ((*profile.flags)[i]) {
      case tsync: break;
      case log: flags |= SECCOMP_FILTER_FLAG_LOG; break;
      case spec_allow: flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW; break;
      case wait_killable_recv:
        if (std::pair(facts.kernel_major, facts.kernel_minor) < std::pair(5, 19))
          return fail_config(fmt::format("{}/flags/{}", pointer, i),
                             "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs Linux 5.19, and this is Linux {}.{}",
                             facts.kernel_major, facts.kernel_minor);
        flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
        break;
    }
  }
  return flags;
}

/// The listener's number is said by it once the filter stands: its own notification would wait for itself.
constexpr std::string_view kHandOver = "write";

/// Conditions on different arguments are ANDed; several on one argument are beyond libseccomp and become a rule each,
/// of which any may hold: so do the other runtimes, for whom profiles are written.
Status make_rules(const config::SeccompRule& rule, std::uint32_t action, std::size_t place, SeccompPlan& plan) {
  std::vector<SeccompArgument> arguments;
  std::array<bool, 6> used{};
  bool several = false;
  for (std::size_t i = 0; i < rule.args.size(); ++i) {
    const auto& arg = rule.args[i];
    if (arg.index >= used.size())
      return fail_config(fmt::format("/args/{}/index", i), "a system call has no argument {}", arg.index);
    several |= used[arg.index];
    used[arg.index] = true;
    arguments.push_back({arg.index, comparison_of(arg.op), arg.value, arg.value_two});
  }
  // A mask of 0 matches everything: libseccomp, too, makes such a rule an unconditional one.
  const auto always_matches = [](const SeccompArgument& argument) {
    return argument.comparison == Comparison::masked_eq && argument.value == 0;
  };
  if (!several) {
    std::erase_if(arguments, always_matches);
    plan.rules.push_back({rule.names, action, std::move(arguments), place});
    return {};
  }
  for (const auto& argument : arguments) {
    auto& alternative = plan.rules.emplace_back(SeccompRule{rule.names, action, {}, place});
    if (!always_matches(argument)) alternative.arguments.push_back(argument);
  }
  return {};
}

/// The error's pointer is relative to the rule.
Status read_rule(const config::SeccompRule& rule, std::size_t place, SeccompPlan& plan) {
  if (rule.names.empty()) return fail_config("/names", "names must not be empty");
  auto action = make_action(rule.action, rule.errno_ret);
  if (!action) return std::unexpected(std::move(action).error().at("/errnoRet"));
  for (std::size_t i = 0; i < rule.names.size(); ++i) {
    if (rule.names[i].empty()) return fail_config(fmt::format("/names/{}", i), "empty string is not a valid syscall");
    if (rule.action == config::SeccompAction::notify && rule.names[i] == kHandOver)
      return fail_config(fmt::format("/names/{}", i), "SCMP_ACT_NOTIFY cannot be used for the {} syscall",
                         rule.names[i]);
  }
  // Without conditions it says nothing, and other runtimes drop it. With them it may be an exception to a later rule.
  if (*action == plan.default_action && rule.args.empty()) {
    plan.default_calls.emplace_back(rule.names);
    return {};
  }
  plan.notify |= rule.action == config::SeccompAction::notify;
  return make_rules(rule, *action, place, plan);
}

/// What is about a listener means nothing where no rule notifies one.
void drop_listener(SeccompPlan& plan) {
  constexpr std::uint32_t kWait = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  if (!plan.listener_path.empty())
    plan.warnings.push_back(
        fmt::format("seccomp: no rule has the action SCMP_ACT_NOTIFY, and the agent at listenerPath '{}' is not called",
                    plan.listener_path));
  // It says how to wait for the listener's answer; the kernel refuses it where there is no listener.
  if ((plan.flags & kWait) != 0)
    plan.warnings.emplace_back(
        "seccomp: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV means nothing without a rule of SCMP_ACT_NOTIFY");
  plan.flags &= ~kWait;
}

bool lets_calls_through(std::uint32_t action) {
  const std::uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
  return kind == SECCOMP_RET_ALLOW || kind == SECCOMP_RET_LOG || kind == SECCOMP_RET_TRACE;
}

}  // namespace

std::uint32_t native_architecture() {
#if defined(__x86_64__)
  return AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
  return AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
  return AUDIT_ARCH_RISCV64;
#elif defined(__s390x__)
  return AUDIT_ARCH_S390X;
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
  return AUDIT_ARCH_PPC64LE;
#else
#error "the audit architecture of this machine is needed here"
#endif
}

Result<std::optional<SeccompPlan>> make_seccomp(const config::Seccomp& profile, const HostFacts& facts,
                                                const std::string& pointer) {
  if (!profile.default_action) {
    if (profile.syscalls.empty()) return std::optional<SeccompPlan>();
    return fail_config(pointer + "/defaultAction", "defaultAction is required");
  }
  if (*profile.default_action == config::SeccompAction::notify)
    return fail_config(pointer + "/defaultAction", "SCMP_ACT_NOTIFY cannot be used as default action");

  SeccompPlan plan;
  auto default_action = make_action(*profile.default_action, profile.default_errno_ret);
  if (!default_action) return std::unexpected(std::move(default_action).error().at(pointer + "/defaultErrnoRet"));
  plan.default_action = *default_action;
  plan.architectures.push_back(native_architecture());
  for (std::size_t i = 0; i < profile.architectures.size(); ++i) {
    const auto arch = profile.architectures[i];
    const auto token = token_of(arch);
    plan.asked.try_emplace(
        token, AskedArchitecture{std::string(json::word_of(arch)), fmt::format("{}/architectures/{}", pointer, i)});
    if (std::ranges::find(plan.architectures, token) == plan.architectures.end()) plan.architectures.push_back(token);
  }
  plan.flags = CAISSON_TRY(make_flags(profile, facts, pointer));
  plan.rules.reserve(profile.syscalls.size());
  for (std::size_t i = 0; i < profile.syscalls.size(); ++i) {
    auto read = read_rule(profile.syscalls[i], i, plan);
    if (read) continue;
    std::string place = fmt::format("{}/syscalls/{}{}", pointer, i, read.error().pointer());
    return std::unexpected(std::move(read).error().moved_to(std::move(place)));
  }

  if (plan.notify && profile.listener_path.empty())
    return fail_config(pointer + "/listenerPath", "listenerPath is required with SCMP_ACT_NOTIFY");
  if (profile.listener_path.empty() && !profile.listener_metadata.empty())
    return fail_config(pointer + "/listenerMetadata", "listenerMetadata must not be set without listenerPath");
  plan.listener_path = profile.listener_path;
  plan.listener_metadata = profile.listener_metadata;
  if (plan.notify)
    plan.flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  else
    drop_listener(plan);
  plan.answer_unknown_with_enosys =
      !lets_calls_through(plan.default_action) && plan.default_action != (SECCOMP_RET_ERRNO | ENOSYS);
  return std::optional(std::move(plan));
}

std::vector<std::string> seccomp_actions() { return json::words_of<config::SeccompAction>(); }
std::vector<std::string> seccomp_operators() { return json::words_of<config::SeccompOperator>(); }
std::vector<std::string> seccomp_architectures() { return json::words_of<config::SeccompArch>(); }
std::vector<std::string> seccomp_flags() { return json::words_of<config::SeccompFlag>(); }

std::string describe(const SeccompPlan& plan) {
  static constexpr std::array kSigns = {"!=", "<", "<=", "==", ">=", ">", "&"};
  std::string text = fmt::format("default {:#x} flags {:#x}{}{}\n", plan.default_action, plan.flags,
                                 plan.notify ? " notify" : "", plan.answer_unknown_with_enosys ? " enosys" : "");
  for (auto token : plan.architectures) text += fmt::format("architecture {:#x}\n", token);
  for (const auto& rule : plan.rules) {
    std::string conditions;
    for (const auto& argument : rule.arguments) {
      conditions += fmt::format(" {}{}{:#x}", argument.index, kSigns[static_cast<std::size_t>(argument.comparison)],
                                argument.value);
      if (argument.comparison == Comparison::masked_eq) conditions += fmt::format("=={:#x}", argument.value_two);
    }
    for (const auto& call : rule.calls) text += fmt::format("rule {} {:#x}{}\n", call, rule.action, conditions);
  }
  return text;
}

}  // namespace caisson::plan
