// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "plan/rootfs.hpp"
#include "rootfs/root_dir.hpp"

namespace caisson::rootfs {

/// What the mounter may ask of its caller.
struct Environment {
  /// From prepare_trees(), in the plan's order; each is closed as soon as it is used.
  std::vector<FileDescriptor> prepared;
  /// Called once, before the first operation that needs the container's cgroups to exist, to be joined, and a cgroup
  /// namespace (when the plan has one) to be made. Not called when no operation needs them. May be empty.
  std::function<Status()> wait_for_cgroups;
  /// Calls its argument, which opens a file system's context, in a process of the container's PID namespace: a procfs
  /// shows that of the process which opens it. Not the mount, whose descriptor would lead from the container to the
  /// host's tree once it is attached below that. Empty: the caller is such a process.
  std::function<Result<FileDescriptor>(const std::function<Result<FileDescriptor>()>&)> in_pid_namespace;
};

/// In the runtime, before the clone: opens what the container's own process could not open (bind sources and the
/// rootfs of a container with a user namespace) or not map (MOUNT_ATTR_IDMAP), as detached trees with their attributes
/// and, below a foreign user namespace, cut off from the host's peer groups. User namespaces for id maps are made and
/// ended here. Empty when the plan prepares nothing.
Result<std::vector<FileDescriptor>> prepare_trees(const plan::RootfsPlan& plan);

/// The last of the prepared trees when the plan has device nodes that the parent makes: a file system with node 0, 1,
/// ... of the plan's prepared ones.
bool has_prepared_nodes(const plan::RootfsPlan& plan);

/// In the container's process, in its mount namespace: sets the propagation of the host's tree, and attaches a clone
/// of the rootfs at its own path, which becomes the working directory. Sets the umask to 0 until finish_rootfs().
/// Without a mount namespace it opens the rootfs only.
Result<RootDir> enter_rootfs(const plan::RootfsPlan& plan, Environment& environment);

/// Makes the mounts of the config in their order. Each error bears "error mounting ... to rootfs at ..." and the
/// config value's pointer.
Status attach_mounts(RootDir& root, const plan::RootfsPlan& plan, Environment& environment);

}  // namespace caisson::rootfs
