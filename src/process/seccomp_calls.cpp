// SPDX-License-Identifier: Apache-2.0
#include "process/seccomp_calls.hpp"

#include <linux/audit.h>
#include <seccomp.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "plan/seccomp.hpp"

namespace caisson::process {

namespace {

static_assert(SCMP_ARCH_X32 == plan::kArchX32);

/// A system call that libseccomp 2.5 does not know. From 424 on, numbers are the same on all architectures.
struct NewCall {
  std::string_view name;
  std::uint32_t number;
  bool x86_64_only = false;
};
constexpr auto kNewCalls = std::to_array<NewCall>({
    {"uretprobe", 335, true},          // Linux 6.11
    {"uprobe", 336, true},             // 6.18
    {"quotactl_fd", 443},              // 5.14
    {"landlock_create_ruleset", 444},  // 5.13
    {"landlock_add_rule", 445},        // 5.13
    {"landlock_restrict_self", 446},   // 5.13
    {"memfd_secret", 447},             // 5.14
    {"process_mrelease", 448},         // 5.15
    {"futex_waitv", 449},              // 5.16
    {"set_mempolicy_home_node", 450},  // 5.17
    {"cachestat", 451},                // 6.5
    {"fchmodat2", 452},                // 6.6
    {"map_shadow_stack", 453},         // 6.6
    {"futex_wake", 454},               // 6.7
    {"futex_wait", 455},               // 6.7
    {"futex_requeue", 456},            // 6.7
    {"statmount", 457},                // 6.8
    {"listmount", 458},                // 6.8
    {"lsm_get_self_attr", 459},        // 6.8
    {"lsm_set_self_attr", 460},        // 6.8
    {"lsm_list_modules", 461},         // 6.8
    {"mseal", 462},                    // 6.10
    {"setxattrat", 463},               // 6.13
    {"getxattrat", 464},               // 6.13
    {"listxattrat", 465},              // 6.13
    {"removexattrat", 466},            // 6.13
    {"open_tree_attr", 467},           // 6.15
    {"file_getattr", 468},             // 6.17
    {"file_setattr", 469},             // 6.17
});

/// What an architecture's numbers count from.
std::uint32_t first_number(std::uint32_t architecture) {
  switch (architecture) {
    case plan::kArchX32: return 0x40000000;
    case AUDIT_ARCH_MIPS:
    case AUDIT_ARCH_MIPSEL: return 4000;
    case AUDIT_ARCH_MIPS64:
    case AUDIT_ARCH_MIPSEL64: return 5000;
    case AUDIT_ARCH_MIPS64N32:
    case AUDIT_ARCH_MIPSEL64N32: return 6000;
    default: return 0;
  }
}

}  // namespace

CallNumber find_call(const std::string& name, std::uint32_t architecture) {
  using enum CallNumber::Kind;
  // libseccomp's numbers of its own: socketcall's calls are -101 and below, ipc's -201 and below, and those that an
  // architecture lacks -10001 and below (<seccomp-syscalls.h>).
  constexpr int kFirstAbsent = -10000;
  const int number = ::seccomp_syscall_resolve_name_arch(architecture, name.c_str());
  if (number >= 0) return {direct, static_cast<std::uint32_t>(number), false};
  if (number != __NR_SCMP_ERROR) return {number > kFirstAbsent ? multiplexed : none, 0, false};
  const auto call = std::ranges::find(kNewCalls, name, &NewCall::name);
  if (call == kNewCalls.end()) return {};
  if (call->x86_64_only && architecture != AUDIT_ARCH_X86_64) return {none, 0, true};
  return {direct, first_number(architecture) + call->number, true};
}

}  // namespace caisson::process
