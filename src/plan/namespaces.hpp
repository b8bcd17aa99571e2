// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/sched.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "plan/facts.hpp"

namespace caisson::plan {

struct JoinNamespace {
  std::uint64_t kind = 0;  ///< CLONE_NEW*
  std::string path;
  std::string origin;  ///< "/linux/namespaces/2/path"
  bool operator==(const JoinNamespace&) const = default;
};

/// What becomes of each kind of namespace: made new, joined by path, or shared with the host (neither).
struct NamespacePlan {
  std::uint64_t create = 0;  ///< CLONE_NEW* to make
  std::vector<JoinNamespace>
      join;                  ///< in config order; init decides the passes (runtime: user namespace in the middle)
  std::string time_offsets;  ///< text for /proc/self/timens_offsets, empty = none
  std::string uid_map;       ///< text for /proc/PID/uid_map, empty = none
  std::string gid_map;
  bool needs_stage = false;  ///< a second clone is needed to enter the PID namespace

  bool makes(std::uint64_t kind) const { return (create & kind) != 0; }
  bool joins(std::uint64_t kind) const;
  /// What the clone makes at once. Init makes the network namespace itself, while the parent makes the cgroups; the
  /// cgroup namespace must wait for the cgroups and the time namespace for its offsets. In a new user namespace the IPC
  /// namespace waits until init is its root: whoever makes it owns the file system of its message queues.
  std::uint64_t made_by_clone() const;
  /// Neither made nor joined.
  bool shares_host(std::uint64_t kind) const { return !makes(kind) && !joins(kind); }
  /// A PID namespace is joined in which other processes may have CAP_SYS_PTRACE over init: init enters it once the root
  /// is switched, and no sooner.
  bool enters_pids_last() const {
    return joins(CLONE_NEWPID) && makes(CLONE_NEWNS) && !makes(CLONE_NEWUSER) && !joins(CLONE_NEWUSER);
  }
  bool operator==(const NamespacePlan&) const = default;
};

/// The text for /proc/PID/uid_map or gid_map.
std::string map_text(const std::vector<config::IdMapping>& mappings);

/// Errors name /linux/namespaces/N, /linux/uidMappings, /linux/timeOffsets.
Result<NamespacePlan> make_namespaces(const config::Spec& spec, const HostFacts& facts);

}  // namespace caisson::plan
