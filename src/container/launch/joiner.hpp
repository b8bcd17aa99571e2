// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "selfexe/protect.hpp"

namespace caisson::container {

/// A container that a process is to be in from its first moment.
struct JoinTarget {
  FdView pidfd;                    ///< of the container's init
  std::uint64_t namespaces = 0;    ///< CLONE_NEW*: those to join
  FdView root = FdView::of(-1);    ///< root directory of a container without a mount namespace; -1 = none
  int cgroup = -1;                 ///< cgroup2 directory to be cloned into; -1 = the caller's
  std::vector<FdView> tasks = {};  ///< cgroup v1: "tasks" files that are written to
  std::uint32_t uid = 0;           ///< taken in a user namespace: 0, or the first id that it maps
  std::uint32_t gid = 0;
  bool keeps_groups = false;                ///< the caller's supplementary groups stay when a user namespace is joined
  std::span<const unsigned long> affinity;  ///< set before the cgroups are entered; empty = the caller's
};

/// Clones a process that is in the namespaces, below the root and in the cgroups of `target`, and has no descriptor
/// from `first_closed` on but `kept`. It calls `run`, which does not return, in a copy of the caller's memory; it is
/// the caller's child. Gives its pid.
///
/// A short-lived process, the joiner, enters all of that outside the PID namespace and clones the process then. The
/// process must not enter by itself: in the container's PID namespace it would stand with the host's root directory,
/// mounts and descriptors, and processes of the container with CAP_SYS_PTRACE reach those by /proc/PID/root and
/// pidfd_getfd(2).
///
/// The joiner shares the caller's memory (but not where a time namespace is joined: setns(2) refuses that), so that no
/// page table is copied for it. The caller waits meanwhile; a signal that Interruptible catches ends the wait.
///
/// `program` is sealed meanwhile: the caller releases its tree while the joiner works, and the joiner clones the
/// process once the kernel refuses to change the mount.
///
/// EAGAIN: the cgroups (pids.max) do not take the process beside the joiner.
Result<pid_t> clone_joined(const JoinTarget& target, selfexe::ProtectedProgram& program, int first_closed,
                           std::vector<int> kept, const std::function<void()>& run);

}  // namespace caisson::container
