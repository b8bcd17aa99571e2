// SPDX-License-Identifier: Apache-2.0
#include "process/seccomp_calls.hpp"

#include <linux/audit.h>
#include <seccomp.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/fixed_text.hpp"
#include "plan/seccomp_plan.hpp"
#include "process/listed_calls.hpp"

namespace caisson::process {

namespace {

static_assert(SCMP_ARCH_X32 == plan::kArchX32);

/// A system call that libseccomp 2.5 does not know. From 424 on, numbers are the same on all architectures.
struct NewCall {
  text::Fixed<23> name;
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

// Where a multiplexed call also has a number of its own, libseccomp names it by its pseudo number alone.
// By the argument of socketcall(2), <linux/net.h>: SYS_SOCKET is 1, SYS_SENDMMSG 20; 0 = only there. Linux 4.3 gave
// x86 and s390 theirs.
using SocketNumbers = std::array<std::uint16_t, 21>;
constexpr SocketNumbers kSocketX86 = {0,   359, 361, 362, 363, 0,   367, 368, 360, 0,  0,
                                      369, 371, 373, 366, 365, 370, 372, 364, 337, 345};
constexpr SocketNumbers kSocketS390 = {0,   359, 361, 362, 363, 0,   367, 368, 360, 0,  0,
                                       369, 371, 373, 366, 365, 370, 372, 364, 357, 358};
constexpr SocketNumbers kSocketPpc = {0,   326, 327, 328, 329, 330, 331, 332, 333, 334, 336,
                                      335, 337, 338, 339, 340, 341, 342, 344, 343, 349};
constexpr SocketNumbers kSocketMips = {0,   183, 169, 170, 174, 168, 172, 171, 184, 178, 175,
                                       180, 176, 182, 181, 173, 179, 177, 334, 335, 343};

/// Null where there is no socketcall(2) and no ipc(2).
const SocketNumbers* socket_numbers(std::uint32_t architecture) {
  switch (architecture) {
    case AUDIT_ARCH_I386: return &kSocketX86;
    case AUDIT_ARCH_S390:
    case AUDIT_ARCH_S390X: return &kSocketS390;
    case AUDIT_ARCH_PPC:
    case AUDIT_ARCH_PPC64:
    case AUDIT_ARCH_PPC64LE: return &kSocketPpc;
    case AUDIT_ARCH_MIPS:
    case AUDIT_ARCH_MIPSEL: return &kSocketMips;
    default: return nullptr;
  }
}

/// The own number of a call that ipc(2) makes too, <linux/ipc.h>; Linux 5.1, the same on all architectures.
std::optional<std::uint32_t> ipc_number(std::uint32_t call, std::uint32_t architecture) {
  switch (call) {
    case 2: return 393;  // semget
    case 3: return 394;  // semctl
    case 4:              // semtimedop; 32-bit architectures got semtimedop_time64 instead
      if ((architecture & __AUDIT_ARCH_64BIT) == 0) return {};
      return 392;
    case 11: return 400;  // msgsnd
    case 12: return 401;  // msgrcv
    case 13: return 399;  // msgget
    case 14: return 402;  // msgctl
    case 21: return 397;  // shmat
    case 22: return 398;  // shmdt
    case 23: return 395;  // shmget
    case 24: return 396;  // shmctl
    default: return {};   // semop
  }
}

/// `pseudo` is libseccomp's number: -100 - n for socketcall's call n, -200 - n for ipc's.
CallNumbers find_multiplexed(int pseudo, std::uint32_t architecture) {
  CallNumbers found{.known = true, .direct = {}, .multiplexed = {}};
  const SocketNumbers* const sockets = socket_numbers(architecture);
  if (sockets == nullptr) return found;
  const std::uint32_t first = first_number(architecture);
  const auto call = static_cast<std::uint32_t>(-pseudo) % 100;
  if (pseudo <= -200) {
    // The upper half of ipc(2)'s first argument is a version, which most of its calls do not look at.
    found.multiplexed = {first + 117, call, 0xffff};
    if (const auto number = ipc_number(call, architecture)) found.direct = first + *number;
  } else {
    found.multiplexed = {first + 102, call, 0xffff'ffff};
    if (call < sockets->size() && (*sockets)[call] != 0) found.direct = first + (*sockets)[call];
  }
  return found;
}

// FNV-1a.
constexpr std::uint32_t hash(std::string_view name) {
  std::uint32_t value = 2166136261U;
  for (const char c : name) value = (value ^ static_cast<unsigned char>(c)) * 16777619U;
  return value ^ value >> 16;
}

constexpr std::string_view name_of(const ListedCall& call) { return {kListedNames + call.name, call.length}; }

/// Places in kListedCalls, plus one, by the hash of the name; the next free one where that is taken.
using Index = std::array<std::uint16_t, 2048>;
constexpr Index make_index() {
  static_assert(kListedCalls.size() < Index().size() / 2);
  Index index{};
  for (std::size_t i = 0; i < kListedCalls.size(); ++i) {
    std::size_t at = hash(name_of(kListedCalls[i])) % index.size();
    while (index[at] != 0) at = (at + 1) % index.size();
    index[at] = static_cast<std::uint16_t>(i + 1);
  }
  return index;
}
constexpr Index kIndex = make_index();

const ListedCall* find_listed(std::string_view name) {
  for (std::size_t at = hash(name) % kIndex.size(); kIndex[at] != 0; at = (at + 1) % kIndex.size())
    if (const ListedCall& call = kListedCalls[kIndex[at] - 1U]; name_of(call) == name) return &call;
  return nullptr;
}

/// libseccomp's number: for the architectures that the build has listed, that of the library it was built with. Its own
/// search goes through a hundred comparisons for some architectures.
int resolve(const ListedCall* listed, const std::string& name, std::uint32_t architecture) {
  if (listed != nullptr)
    for (std::size_t i = 0; i < kListed.size(); ++i)
      if (kListed[i] == architecture) return listed->numbers[i];
  return ::seccomp_syscall_resolve_name_arch(architecture, name.c_str());
}

}  // namespace

CallName::CallName(const std::string& name) : name_(&name), listed_(find_listed(name)) {}

CallNumbers CallName::on(std::uint32_t architecture) const {
  // libseccomp's numbers of its own: those that an architecture lacks are -10001 and below (<seccomp-syscalls.h>).
  constexpr int kFirstAbsent = -10000;
  const std::string& name = *name_;
  const int number = resolve(listed_, name, architecture);
  if (number >= 0) return {true, static_cast<std::uint32_t>(number), {}};
  if (number != __NR_SCMP_ERROR) {
    if (number > kFirstAbsent) return find_multiplexed(number, architecture);
    return {true, {}, {}};
  }
  const auto call = std::ranges::find(kNewCalls, std::string_view(name), &NewCall::name);
  if (call == kNewCalls.end()) return {};
  if (call->x86_64_only && architecture != AUDIT_ARCH_X86_64) return {true, {}, {}};
  return {true, first_number(architecture) + call->number, {}};
}

CallNumbers find_call(const std::string& name, std::uint32_t architecture) { return CallName(name).on(architecture); }

bool knows_architecture(std::uint32_t architecture) { return find_call("exit_group", architecture).direct.has_value(); }

}  // namespace caisson::process
