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
  v1,      ///< controllers mounted one by one
  hybrid,  ///< v1 controllers, and a cgroup2 without controllers at <root>/unified
  v2,      ///< one cgroup2 at /sys/fs/cgroup
};

/// The systemd instance that makes scopes for containers, with --systemd-cgroup.
enum class SystemdManager {
  none,    ///< no systemd, or --systemd-cgroup is not given
  system,  ///< the system instance
  user,    ///< the user's instance, for rootless containers
};

/// A mounted cgroup hierarchy and the runtime's own cgroup in it.
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

/// All the plan may know about the host. container/probe fills it; tests write it by hand.
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
  std::vector<CgroupMount>
      cgroup_mounts;  ///< v1 hierarchies in mount order, on hybrid hosts cgroup2 last; one entry on v2
  SystemdManager systemd = SystemdManager::none;
  std::uint32_t systemd_owner = 0;      ///< owner of the user's instance, as a uid of the host
  bool apparmor = false;                ///< /sys/module/apparmor/parameters/enabled is Y
  bool selinux = false;                 ///< selinuxfs is mounted
  std::optional<ResctrlFacts> resctrl;  ///< filled if the config has intelRdt; not sent to init
  bool operator==(const HostFacts&) const = default;

  bool rootless() const { return euid != 0; }
};

}  // namespace caisson::plan
