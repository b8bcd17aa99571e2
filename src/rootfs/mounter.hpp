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

/// Calls its argument, which makes a detached file system, in a process of another PID namespace.
using OpenInPidNamespace = std::function<Result<FileDescriptor>(const std::function<Result<FileDescriptor>()>&)>;

/// What the mounter gets from its caller, and what it has to say to it.
struct Environment {
  /// From prepare_trees(), in the plan's order; each is closed as soon as it is used.
  std::vector<FileDescriptor> prepared;
  /// From make_joined_filesystems(), in the plan's order.
  std::vector<FileDescriptor> joined;
  /// Called once, before the first operation that needs the container's cgroups to exist, to be joined, and a cgroup
  /// namespace (when the plan has one) to be made. Not called when no operation needs them. May be empty.
  std::function<Status()> wait_for_cgroups;
  /// Set by wait_for_cgroups(): the container has no cgroup of its own, and those of the caller, which it would see in
  /// their place, are mounted read-only.
  bool cgroups_are_callers = false;
  /// Calls its argument, which opens a file system's context, in a process of the container's PID namespace: a procfs
  /// shows that of the process which opens it. Not the mount, whose descriptor would lead from the container to the
  /// host's tree once it is attached below that. Empty: the caller is such a process.
  OpenInPidNamespace in_pid_namespace;
  /// Where the kernel's rules for less privileged callers gave something else than the config names: lines for the
  /// debug log.
  std::vector<std::string> notes;
};

/// In the runtime, before the clone: opens what the container's own process could not open (bind sources and the
/// rootfs of a container with a user namespace) or not map (MOUNT_ATTR_IDMAP), as detached trees with their attributes
/// and, below a foreign user namespace, cut off from the host's peer groups. User namespaces for id maps are made and
/// ended here. Empty when the plan prepares nothing. `notes`: as Environment::notes.
Result<std::vector<FileDescriptor>> prepare_trees(const plan::RootfsPlan& plan, std::vector<std::string>& notes);

/// How many descriptors prepare_trees() gives.
std::size_t count_prepared(const plan::RootfsPlan& plan);

/// In a process that has joined the container's namespaces, all but its user namespace: makes the file systems that
/// show the joined ones (`joined`, CLONE_NEW*; of a PID namespace, those to be joined) and that the root of the user
/// namespace could not make, as detached mounts. An empty descriptor stands for one that is left to attach_mounts():
/// its namespace is not joined yet, or belongs to the user namespace.
Result<std::vector<FileDescriptor>> make_joined_filesystems(const plan::RootfsPlan& plan, std::uint64_t joined,
                                                            const OpenInPidNamespace& in_pid_namespace);

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
