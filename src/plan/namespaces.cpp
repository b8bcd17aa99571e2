// SPDX-License-Identifier: Apache-2.0
#include "plan/namespaces.hpp"

#include <linux/sched.h>

#include <algorithm>

namespace caisson::plan {

namespace {

std::uint64_t kind_of(config::NamespaceType type) {
  switch (type) {
    case config::NamespaceType::pid: return CLONE_NEWPID;
    case config::NamespaceType::network: return CLONE_NEWNET;
    case config::NamespaceType::mount: return CLONE_NEWNS;
    case config::NamespaceType::ipc: return CLONE_NEWIPC;
    case config::NamespaceType::uts: return CLONE_NEWUTS;
    case config::NamespaceType::user: return CLONE_NEWUSER;
    case config::NamespaceType::cgroup: return CLONE_NEWCGROUP;
    case config::NamespaceType::time: return CLONE_NEWTIME;
  }
  return 0;
}

bool maps_any(const std::vector<config::IdMapping>& mappings) {
  return std::ranges::any_of(mappings, [](const auto& map) { return map.size > 0; });
}

/// Without a mapped id no process could set the container up. Where 0 is not among them, the first one does.
Status check_maps(const config::Linux& linux, const NamespacePlan& plan) {
  if (!plan.makes(CLONE_NEWUSER)) return {};
  if (!maps_any(linux.uid_mappings))
    return fail_config("/linux/uidMappings", "user namespaces enabled, but no uid mappings found");
  if (!maps_any(linux.gid_mappings))
    return fail_config("/linux/gidMappings", "user namespaces enabled, but no gid mappings found");
  return {};
}

}  // namespace

std::string map_text(const std::vector<config::IdMapping>& mappings) {
  std::string text;
  for (const auto& map : mappings) text += fmt::format("{} {} {}\n", map.container_id, map.host_id, map.size);
  return text;
}

std::uint64_t NamespacePlan::made_by_clone() const {
  std::uint64_t later = CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME;
  if (makes(CLONE_NEWUSER)) later |= CLONE_NEWIPC;
  return create & ~later;
}

bool NamespacePlan::joins(std::uint64_t kind) const {
  return std::ranges::any_of(join, [kind](const JoinNamespace& target) { return target.kind == kind; });
}

Result<NamespacePlan> make_namespaces(const config::Spec& spec, const HostFacts& facts) {
  NamespacePlan plan;
  const config::Linux& linux = spec.linux_or_empty();
  for (std::size_t i = 0; i < linux.namespaces.size(); ++i) {
    const auto& wanted = linux.namespaces[i];
    const std::uint64_t kind = kind_of(wanted.type);
    if (wanted.path.empty())
      plan.create |= kind;
    else
      plan.join.push_back({kind, wanted.path, fmt::format("/linux/namespaces/{}/path", i)});
  }
  if (facts.rootless() && plan.shares_host(CLONE_NEWUSER))
    return fail_config("/linux/namespaces", "rootless container requires user namespaces");
  for (const auto& [clock, offset] : linux.time_offsets)
    plan.time_offsets += fmt::format("{} {} {}\n", clock, offset.secs, offset.nanosecs);
  if (plan.makes(CLONE_NEWUSER)) {
    plan.uid_map = map_text(linux.uid_mappings);
    plan.gid_map = map_text(linux.gid_mappings);
    CAISSON_TRY(check_maps(linux, plan));
  }
  // Joining a PID namespace concerns children alone. And namespaces of the host's must be joined before a user
  // namespace takes the privilege to do so, which a single clone with CLONE_NEWUSER would do first.
  const bool user = plan.makes(CLONE_NEWUSER) || plan.joins(CLONE_NEWUSER);
  plan.needs_stage = plan.joins(CLONE_NEWPID) || (user && !plan.join.empty());
  return plan;
}

}  // namespace caisson::plan
