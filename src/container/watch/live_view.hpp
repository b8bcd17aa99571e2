// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "container/record/state.hpp"
#include "plan/plan.hpp"

namespace caisson::container {

/// A path inside a running container.
struct LivePath {
  bool mount_root = false;       ///< something is mounted exactly there
  std::string filesystem;        ///< "tmpfs"
  std::uint64_t attributes = 0;  ///< MOUNT_ATTR_* of its mount
  std::uint32_t mode = 0;        ///< file type and permission bits
  std::uint32_t uid = 0;         ///< as the container numbers users; absent ones are 65534
  std::uint32_t gid = 0;
  std::uint32_t major = 0;  ///< of a device node
  std::uint32_t minor = 0;
  bool operator==(const LivePath&) const = default;
};

/// Which namespace of a kind the container's first process is in.
struct LiveNamespace {
  bool is_callers = false;  ///< the runtime's own, which is the host's
  bool is_joined = false;   ///< the one behind the path that the config names, if it names one that still is there
  bool operator==(const LiveNamespace&) const = default;
};

/// The container's first process. proc_pid_status(5).
struct LiveProcess {
  std::uint32_t uid = 0;  ///< as the container numbers users, as with gid and groups
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  std::uint64_t bounding = 0;  ///< capability sets: bit n = capability n
  std::uint64_t permitted = 0;
  std::uint64_t inheritable = 0;
  std::uint64_t ambient = 0;
  int seccomp_mode = 0;
  bool no_new_privileges = false;
  std::map<int, plan::ResourceLimit> limits;  ///< RLIMIT_* -> soft and hard
  std::optional<int> oom_score_adj;
};

/// What the kernel says of a running container, of all that its plan speaks of.
struct LiveView {
  LiveProcess process;
  std::map<std::uint64_t, LiveNamespace> namespaces;  ///< by CLONE_NEW*
  std::map<std::string, LivePath> paths;              ///< by the plan's path; absent: nothing is there
  /// Content of the files of CgroupPlan::writes and of "devices.list", by "controller/file"; absent: no such file.
  std::map<std::string, std::string> cgroup_files;
};

/// Reads it of the running process `pid`, whose record is `state`. Paths are resolved within the container's root
/// (RESOLVE_IN_ROOT) and opened without access to what is there (O_PATH); a FUSE file system of the container's own can
/// still make this wait, which a signal interrupts. Needs ptrace access to the process (ptrace(2)).
Result<LiveView> read_live_view(int pid, const State& state, const plan::Plan& plan);

}  // namespace caisson::container
