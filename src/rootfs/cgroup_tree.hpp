// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/fd.hpp"
#include "plan/rootfs.hpp"

namespace caisson::rootfs {

/// The detached tmpfs that holds the v1 hierarchies, with their directories and links.
/// `scratch` as in make_filesystem().
Result<FileDescriptor> make_cgroup_directory(const plan::CgroupTree& op, FdView scratch);

/// Mounts each hierarchy into `top`, the attached tmpfs, and makes that read-only where the plan says so. The container
/// must be in its cgroups, and in its cgroup namespace where it has one (cgroup_namespaces(7)).
Status mount_cgroups(const plan::CgroupTree& op, FdView top, FdView scratch);

}  // namespace caisson::rootfs
