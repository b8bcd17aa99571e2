// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace caisson::plan {

/// Which cgroup hierarchies the host has mounted.
enum class CgroupFlavour {
  none,    ///< nothing mounted under /sys/fs/cgroup
  v1,      ///< each controller by itself
  hybrid,  ///< v1 controllers, and an empty cgroup2 at <root>/unified
  v2,      ///< one cgroup2 at /sys/fs/cgroup
};

/// The systemd whose units hold the runtime's containers, when it is asked to make units.
enum class SystemdManager {
  none,    ///< the host does not run systemd, or nobody asked
  system,  ///< the host's
  user,    ///< a user's own, for containers without privilege
};

/// One mounted cgroup hierarchy and the place of the runtime's own process in it.
struct CgroupMount {
  std::vector<std::string> controllers;  ///< v1: {"cpu","cpuacct"}, named: {"name=systemd"}; v2: cgroup.controllers
  std::string mountpoint;                ///< "/sys/fs/cgroup/cpu,cpuacct"
  std::string own_path;                  ///< the runtime's own cgroup, relative to the mount's root: "/user.slice"
  bool v2 = false;
  bool operator==(const CgroupMount&) const = default;
};

/// A mounted resctrl file system.
struct ResctrlFacts {
  std::string mountpoint;
  bool cache = false;       ///< L3 allocation (CAT)
  bool bandwidth = false;   ///< memory bandwidth allocation (MBA)
  bool monitoring = false;  ///< L3 monitoring (CMT, MBM)
  bool operator==(const ResctrlFacts&) const = default;
};

/// Everything the plan may know of the host, as a value: tests write it by hand, container/probe fills it.
struct HostFacts {
  std::uint32_t euid = 0;
  std::uint32_t egid = 0;
  bool in_user_namespace = false;  ///< the runtime itself is not in the initial user namespace
  bool privileged = true;          ///< CAP_SYS_ADMIN is effective in the runtime's user namespace
  int kernel_major = 6;
  int kernel_minor = 1;
  std::uint64_t bounding_capabilities = 0;  ///< bit n = capability n can be granted by this runtime
  int last_capability = 40;                 ///< /proc/sys/kernel/cap_last_cap
  CgroupFlavour cgroup_flavour = CgroupFlavour::v2;
  std::vector<CgroupMount> cgroup_mounts;  ///< v1 hierarchies in mount order; on hybrid the unified one last; on v2 one
  SystemdManager systemd = SystemdManager::none;
  std::uint32_t systemd_owner = 0;      ///< the user whose manager it is, as the host numbers users
  bool apparmor = false;                ///< /sys/module/apparmor/parameters/enabled is Y
  bool selinux = false;                 ///< selinuxfs is mounted
  std::optional<ResctrlFacts> resctrl;  ///< looked for when a config asks for intelRdt; not told to init
  bool operator==(const HostFacts&) const = default;

  bool rootless() const { return euid != 0; }
};

}  // namespace caisson::plan
