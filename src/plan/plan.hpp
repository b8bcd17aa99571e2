// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "plan/cgroup.hpp"
#include "plan/facts.hpp"
#include "plan/identity.hpp"
#include "plan/namespaces.hpp"
#include "plan/network.hpp"
#include "plan/resctrl.hpp"
#include "plan/rootfs.hpp"
#include "plan/seccomp_plan.hpp"

namespace caisson::plan {

struct InitOptions {
  bool exec = false;                  ///< a process for a running container: no namespaces or root file system to make
  std::uint64_t exec_namespaces = 0;  ///< exec: CLONE_NEW* that the container does not share with the host
  RootfsOptions rootfs;
};

/// What init does. The runtime and init compute it from the same values.
struct InitPlan {
  NamespacePlan namespaces;
  RootfsPlan rootfs;
  IdentityPlan identity;
  bool operator==(const InitPlan&) const = default;
};

/// Computes init's part. Requires `spec.process`, which config::validate() checks.
Result<InitPlan> make_init(const config::Spec& spec, const HostFacts& facts, const InitOptions& options,
                           std::vector<std::string>& warnings);

struct PlanOptions {
  std::string id;
  std::string bundle;  ///< absolute
  bool no_pivot = false;
  CgroupOptions cgroup;
  std::uint64_t own_namespaces = 0;  ///< CLONE_NEW* that the config joins by path and that are the runtime's own
};

/// Everything that is done to make a container.
struct Plan {
  InitPlan init;
  CgroupPlan cgroup;
  std::optional<ResctrlPlan> resctrl;
  std::optional<SeccompPlan> seccomp;
  NetworkPlan network;
  bool operator==(const Plan&) const = default;
};

Result<Plan> make(const config::Spec& spec, const HostFacts& facts, const PlanOptions& options,
                  std::vector<std::string>& warnings);

/// The container's cgroups, for the cgroup mounts of its root file system.
std::vector<ContainerCgroup> cgroups_inside(const CgroupPlan& plan);

/// One operation per line, for golden tests and people.
std::string describe(const Plan& plan);

}  // namespace caisson::plan
