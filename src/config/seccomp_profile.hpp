// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "json/fields.hpp"

namespace caisson::config {

/// SCMP_ACT_*. `kill` is kill_thread's old name; `errno_return` is SCMP_ACT_ERRNO (errno is a macro).
enum class SeccompAction { kill, kill_process, kill_thread, trap, errno_return, trace, allow, log, notify };

/// SCMP_CMP_*.
enum class SeccompOperator { ne, lt, le, eq, ge, gt, masked_eq };

/// SCMP_ARCH_*.
enum class SeccompArch {
  x86,
  x86_64,
  x32,
  arm,
  aarch64,
  loongarch64,
  m68k,
  mips,
  mips64,
  mips64n32,
  mipsel,
  mipsel64,
  mipsel64n32,
  ppc,
  ppc64,
  ppc64le,
  s390,
  s390x,
  sh,
  sheb,
  parisc,
  parisc64,
  riscv64,
};

/// SECCOMP_FILTER_FLAG_*.
enum class SeccompFlag { tsync, log, spec_allow, wait_killable_recv };

struct SeccompArg {
  std::uint32_t index = 0;
  std::uint64_t value = 0;
  std::uint64_t value_two = 0;
  SeccompOperator op{};
  bool operator==(const SeccompArg&) const = default;
};

struct SeccompRule {
  std::vector<std::string> names;
  SeccompAction action{};
  std::optional<std::uint32_t> errno_ret;  ///< absent = EPERM
  std::vector<SeccompArg> args;
  bool operator==(const SeccompRule&) const = default;
};

/// /linux/seccomp. Source: runtime-spec 1.3 config-linux.md, "Seccomp".
struct Seccomp {
  std::optional<SeccompAction> default_action;  ///< absent without syscalls = no filter
  std::optional<std::uint32_t> default_errno_ret;
  std::vector<SeccompArch> architectures;
  std::optional<std::vector<SeccompFlag>> flags;  ///< absent and empty differ: absent = the runtime's default flags
  std::string listener_path;
  std::string listener_metadata;
  std::vector<SeccompRule> syscalls;
  bool operator==(const Seccomp&) const = default;
};

}  // namespace caisson::config

namespace caisson {

template <>
inline constexpr auto json::spellings<config::SeccompAction> = std::to_array<json::Spelling<config::SeccompAction>>({
    {"SCMP_ACT_KILL", config::SeccompAction::kill},
    {"SCMP_ACT_KILL_PROCESS", config::SeccompAction::kill_process},
    {"SCMP_ACT_KILL_THREAD", config::SeccompAction::kill_thread},
    {"SCMP_ACT_TRAP", config::SeccompAction::trap},
    {"SCMP_ACT_ERRNO", config::SeccompAction::errno_return},
    {"SCMP_ACT_TRACE", config::SeccompAction::trace},
    {"SCMP_ACT_ALLOW", config::SeccompAction::allow},
    {"SCMP_ACT_LOG", config::SeccompAction::log},
    {"SCMP_ACT_NOTIFY", config::SeccompAction::notify},
});
template <>
inline constexpr json::UnknownWord json::unknown_word<config::SeccompAction>{"unknown seccomp action "};

template <>
inline constexpr auto json::spellings<config::SeccompOperator> =
    std::to_array<json::Spelling<config::SeccompOperator>>({
        {"SCMP_CMP_NE", config::SeccompOperator::ne},
        {"SCMP_CMP_LT", config::SeccompOperator::lt},
        {"SCMP_CMP_LE", config::SeccompOperator::le},
        {"SCMP_CMP_EQ", config::SeccompOperator::eq},
        {"SCMP_CMP_GE", config::SeccompOperator::ge},
        {"SCMP_CMP_GT", config::SeccompOperator::gt},
        {"SCMP_CMP_MASKED_EQ", config::SeccompOperator::masked_eq},
    });
template <>
inline constexpr json::UnknownWord json::unknown_word<config::SeccompOperator>{"unknown seccomp operator "};

template <>
inline constexpr auto json::spellings<config::SeccompArch> = std::to_array<json::Spelling<config::SeccompArch>>({
    {"SCMP_ARCH_X86", config::SeccompArch::x86},
    {"SCMP_ARCH_X86_64", config::SeccompArch::x86_64},
    {"SCMP_ARCH_X32", config::SeccompArch::x32},
    {"SCMP_ARCH_ARM", config::SeccompArch::arm},
    {"SCMP_ARCH_AARCH64", config::SeccompArch::aarch64},
    {"SCMP_ARCH_LOONGARCH64", config::SeccompArch::loongarch64},
    {"SCMP_ARCH_M68K", config::SeccompArch::m68k},
    {"SCMP_ARCH_MIPS", config::SeccompArch::mips},
    {"SCMP_ARCH_MIPS64", config::SeccompArch::mips64},
    {"SCMP_ARCH_MIPS64N32", config::SeccompArch::mips64n32},
    {"SCMP_ARCH_MIPSEL", config::SeccompArch::mipsel},
    {"SCMP_ARCH_MIPSEL64", config::SeccompArch::mipsel64},
    {"SCMP_ARCH_MIPSEL64N32", config::SeccompArch::mipsel64n32},
    {"SCMP_ARCH_PPC", config::SeccompArch::ppc},
    {"SCMP_ARCH_PPC64", config::SeccompArch::ppc64},
    {"SCMP_ARCH_PPC64LE", config::SeccompArch::ppc64le},
    {"SCMP_ARCH_S390", config::SeccompArch::s390},
    {"SCMP_ARCH_S390X", config::SeccompArch::s390x},
    {"SCMP_ARCH_SH", config::SeccompArch::sh},
    {"SCMP_ARCH_SHEB", config::SeccompArch::sheb},
    {"SCMP_ARCH_PARISC", config::SeccompArch::parisc},
    {"SCMP_ARCH_PARISC64", config::SeccompArch::parisc64},
    {"SCMP_ARCH_RISCV64", config::SeccompArch::riscv64},
});
template <>
inline constexpr json::UnknownWord json::unknown_word<config::SeccompArch>{"unknown seccomp architecture "};

template <>
inline constexpr auto json::spellings<config::SeccompFlag> = std::to_array<json::Spelling<config::SeccompFlag>>({
    {"SECCOMP_FILTER_FLAG_TSYNC", config::SeccompFlag::tsync},
    {"SECCOMP_FILTER_FLAG_LOG", config::SeccompFlag::log},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", config::SeccompFlag::spec_allow},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", config::SeccompFlag::wait_killable_recv},
});
template <>
inline constexpr json::UnknownWord json::unknown_word<config::SeccompFlag>{"unknown seccomp flag "};

template <>
inline constexpr auto json::fields<config::SeccompArg> = table(required("index", &config::SeccompArg::index),
                                                               required("value", &config::SeccompArg::value),
                                                               optional("valueTwo", &config::SeccompArg::value_two),
                                                               required("op", &config::SeccompArg::op));

template <>
inline constexpr auto json::fields<config::SeccompRule> = table(required("names", &config::SeccompRule::names),
                                                                required("action", &config::SeccompRule::action),
                                                                optional("errnoRet", &config::SeccompRule::errno_ret),
                                                                optional("args", &config::SeccompRule::args));

template <>
inline constexpr auto json::fields<config::Seccomp> =
    table(optional("defaultAction", &config::Seccomp::default_action),
          optional("defaultErrnoRet", &config::Seccomp::default_errno_ret),
          optional("architectures", &config::Seccomp::architectures), optional("flags", &config::Seccomp::flags),
          optional("listenerPath", &config::Seccomp::listener_path),
          optional("listenerMetadata", &config::Seccomp::listener_metadata),
          optional("syscalls", &config::Seccomp::syscalls));

}  // namespace caisson
