// SPDX-License-Identifier: Apache-2.0
#include "sys/credential.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>

namespace caisson::sys {

Status set_groups(std::span<const std::uint32_t> groups) {
  static_assert(sizeof(gid_t) == sizeof(std::uint32_t));
  if (::setgroups(groups.size(), groups.data()) == 0) return {};
  return fail_errno("setgroups({} groups)", groups.size());
}

Status set_group(std::uint32_t gid) {
  if (::setresgid(gid, gid, gid) == 0) return {};
  return fail_errno("setresgid({})", gid);
}

Status set_user(std::uint32_t uid) {
  if (::setresuid(uid, uid, uid) == 0) return {};
  return fail_errno("setresuid({})", uid);
}

Result<CapabilitySets> capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return fail_errno("capget()");
  auto joined = [&](std::uint32_t __user_cap_data_struct::*set) {
    return std::uint64_t{data[1].*set} << 32 | data[0].*set;
  };
  return CapabilitySets{joined(&__user_cap_data_struct::effective), joined(&__user_cap_data_struct::permitted),
                        joined(&__user_cap_data_struct::inheritable)};
}

Status set_capabilities(const CapabilitySets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  const auto split = [&data](std::uint32_t __user_cap_data_struct::*set, std::uint64_t bits) {
    data[0].*set = static_cast<std::uint32_t>(bits);
    data[1].*set = static_cast<std::uint32_t>(bits >> 32);
  };
  split(&__user_cap_data_struct::effective, sets.effective);
  split(&__user_cap_data_struct::permitted, sets.permitted);
  split(&__user_cap_data_struct::inheritable, sets.inheritable);
  if (::syscall(SYS_capset, &header, data.data()) == 0) return {};
  return fail_errno("capset(effective={:#x}, permitted={:#x}, inheritable={:#x})", sets.effective, sets.permitted,
                    sets.inheritable);
}

Result<BoundingSet> bounding_set() {
  BoundingSet bounding;
  for (int capability = 0; capability < 64; ++capability) {
    const int granted = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    // EINVAL: the kernel has no capability of this number.
    if (granted < 0 && errno == EINVAL && capability > 0) break;
    if (granted < 0) return fail_errno("prctl(PR_CAPBSET_READ, {})", capability);
    if (granted > 0) bounding.set |= std::uint64_t{1} << capability;
    bounding.last_capability = capability;
  }
  return bounding;
}

Status drop_bounding(int capability) {
  if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) return {};
  return fail_errno("prctl(PR_CAPBSET_DROP, {})", capability);
}

Status keep_capabilities() {
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0) return {};
  return fail_errno("prctl(PR_SET_KEEPCAPS)");
}

Status keep_capabilities_over_execve() {
  CapabilitySets sets = CAISSON_TRY(capabilities());
  sets.inheritable = sets.permitted;
  CAISSON_TRY(set_capabilities(sets));
  for (std::uint64_t left = sets.permitted; left != 0; left &= left - 1)
    CAISSON_TRY(raise_ambient(std::countr_zero(left)));
  return {};
}

Status clear_ambient() {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 || errno == EINVAL) return {};
  return fail_errno("prctl(PR_CAP_AMBIENT_CLEAR_ALL)");
}

Status raise_ambient(int capability) {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0) return {};
  return fail_errno("prctl(PR_CAP_AMBIENT_RAISE, {})", capability);
}

Status forbid_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return {};
  return fail_errno("prctl(PR_SET_NO_NEW_PRIVS)");
}

Result<std::int32_t> join_session_keyring(const std::string& name) {
  const long key = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.c_str());
  if (key < 0) return fail_errno("keyctl(KEYCTL_JOIN_SESSION_KEYRING, '{}')", name);
  return static_cast<std::int32_t>(key);
}

Result<std::string> describe_key(std::int32_t key) {
  std::string text(256, '\0');
  long size = ::syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, text.data(), text.size());
  if (size > static_cast<long>(text.size())) {
    text.resize(static_cast<std::size_t>(size));
    size = ::syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, text.data(), text.size());
  }
  if (size < 0) return fail_errno("keyctl(KEYCTL_DESCRIBE, {})", key);
  text.resize(static_cast<std::size_t>(size) < text.size() ? static_cast<std::size_t>(size) : text.size());
  if (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

Status set_key_permissions(std::int32_t key, std::uint32_t permissions) {
  if (::syscall(SYS_keyctl, KEYCTL_SETPERM, key, permissions) == 0) return {};
  return fail_errno("keyctl(KEYCTL_SETPERM, {}, {:#x})", key, permissions);
}

}  // namespace caisson::sys
