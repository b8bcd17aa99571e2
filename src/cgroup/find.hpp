// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "plan/facts.hpp"

namespace caisson::cgroup {

/// One cgroup or cgroup2 line of /proc/self/mountinfo.
struct MountLine {
  std::string root;        ///< the part of the hierarchy that is mounted, as the reader's cgroup namespace shows it
  std::string mountpoint;  ///< octal escapes undone
  std::string options;     ///< of the super block: "rw,cpu,cpuacct"
  bool v2 = false;
  bool operator==(const MountLine&) const = default;
};

/// Fills cgroup_flavour and cgroup_mounts from /proc/self/cgroup and the conventional places under /sys/fs/cgroup;
/// mountinfo is read only when a hierarchy is mounted elsewhere or only a part of it is. A hierarchy that is not
/// mounted anywhere is left out.
Status find_mounts(plan::HostFacts& facts);

/// The path of a process' cgroup in the unified hierarchy, as /proc/PID/cgroup has it: "/user.slice/x". `process` is a
/// pid or "self". Empty when there is none, or no such process.
std::string unified_cgroup_of(std::string_view process);

/// The pure half of find_mounts: the lines of a mountinfo that are about cgroups.
std::vector<MountLine> read_mountinfo(std::string_view text);

/// `path`, a cgroup of /proc/self/cgroup, as seen under a mount whose root is `root`: "/docker/c1" under "/docker" is
/// "/c1". A path outside the mount gives "/".
std::string relative_to_root(const std::string& path, const std::string& root);

}  // namespace caisson::cgroup
