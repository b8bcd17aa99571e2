// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>

#include "base/error.hpp"

namespace caisson::sys {

/// setgroups(2).
Status set_groups(std::span<const std::uint32_t> groups);
/// setresgid(2), all three.
Status set_group(std::uint32_t gid);
/// setresuid(2), all three.
Status set_user(std::uint32_t uid);

/// Thread's capability sets as masks, capget(2).
struct CapabilitySets {
  std::uint64_t effective = 0;
  std::uint64_t permitted = 0;
  std::uint64_t inheritable = 0;
  bool operator==(const CapabilitySets&) const = default;
};
Result<CapabilitySets> capabilities();
/// capset(2).
Status set_capabilities(const CapabilitySets& sets);
/// The bounding set and the last capability that the kernel knows.
struct BoundingSet {
  std::uint64_t set = 0;
  int last_capability = -1;
};
/// By one prctl(PR_CAPBSET_READ) a capability, a few hundred nanoseconds each: /proc/self/status takes longer. A
/// refusal is an error: what lies above it would stay in the container's bounding set. capabilities(7).
Result<BoundingSet> bounding_set();
/// prctl(PR_CAPBSET_DROP).
Status drop_bounding(int capability);
/// prctl(PR_SET_KEEPCAPS): permitted capabilities survive the change to another uid. execve clears it.
Status keep_capabilities();
/// Makes the permitted capabilities survive execve(2) of a process that is not root, by the ambient set.
Status keep_capabilities_over_execve();
/// prctl(PR_CAP_AMBIENT_CLEAR_ALL); a kernel without ambient capabilities (before 4.3) is no error.
Status clear_ambient();
/// prctl(PR_CAP_AMBIENT_RAISE).
Status raise_ambient(int capability);
/// prctl(PR_SET_NO_NEW_PRIVS).
Status forbid_new_privileges();

/// keyctl(KEYCTL_JOIN_SESSION_KEYRING): its serial number, or 0 when it is the session's keyring already.
Result<std::int32_t> join_session_keyring(const std::string& name);
/// keyctl(KEYCTL_DESCRIBE): "keyring;uid;gid;perm;name".
Result<std::string> describe_key(std::int32_t key);
/// keyctl(KEYCTL_SETPERM).
Status set_key_permissions(std::int32_t key, std::uint32_t permissions);

}  // namespace caisson::sys
