// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.hpp"

#include <linux/sched.h>

#include "config/annotations.hpp"
#include "config/validate.hpp"

namespace caisson::plan {

Result<InitPlan> make_init(const config::Spec& spec, const HostFacts& facts, const InitOptions& options,
                           std::vector<std::string>& warnings) {
  InitPlan plan;
  bool user_namespace = (options.exec_namespaces & CLONE_NEWUSER) != 0;
  if (!options.exec) {
    plan.namespaces = CAISSON_TRY(make_namespaces(spec, facts));
    plan.rootfs = CAISSON_TRY(make_rootfs(spec, facts, plan.namespaces, options.rootfs));
    user_namespace = !plan.namespaces.shares_host(CLONE_NEWUSER);
  }
  const Groups groups = CAISSON_TRY(read_groups_annotation(spec.annotations));
  plan.identity = CAISSON_TRY(
      make_identity(*spec.process, &spec.linux_or_empty(), facts, user_namespace, "/process", warnings, groups));
  return plan;
}

std::vector<ContainerCgroup> cgroups_inside(const CgroupPlan& plan) {
  std::vector<ContainerCgroup> inside;
  inside.reserve(plan.dirs.size());
  for (const auto& dir : plan.dirs) inside.push_back({dir.controllers, dir.mountpoint, dir.path, dir.v2});
  return inside;
}

namespace {

/// Refuses settings in a namespace that is joined by path and is the runtime's own: they would change the host.
Status spare_the_host(const config::Spec& spec, std::uint64_t own) {
  if (own == 0) return {};
  for (const auto& [key, value] : spec.linux_or_empty().sysctl) {
    const auto type = config::namespace_of_sysctl(config::sysctl_path(key));
    const std::string pointer = config::sysctl_pointer(key);
    if (type == config::NamespaceType::network && (own & CLONE_NEWNET) != 0)
      return fail_config(pointer, "sysctl '{}' not allowed in host network namespace", key);
    if (type == config::NamespaceType::ipc && (own & CLONE_NEWIPC) != 0)
      return fail_config(pointer, "sysctl '{}' is not allowed in the hosts ipc namespace", key);
    if (type == config::NamespaceType::uts && (own & CLONE_NEWUTS) != 0)
      return fail_config(pointer, "sysctl '{}' is not allowed in the hosts uts namespace", key);
  }
  if ((own & CLONE_NEWUTS) != 0 && !spec.hostname.empty())
    return fail_config("/hostname", "unable to set hostname without a private UTS namespace");
  if ((own & CLONE_NEWUTS) != 0 && !spec.domainname.empty())
    return fail_config("/domainname", "unable to set domainname without a private UTS namespace");
  return {};
}

}  // namespace

Result<Plan> make(const config::Spec& spec, const HostFacts& facts, const PlanOptions& options,
                  std::vector<std::string>& warnings) {
  CAISSON_TRY(spare_the_host(spec, options.own_namespaces));
  Plan plan;
  if (const auto& wanted = spec.linux_or_empty().intel_rdt)
    plan.resctrl = CAISSON_TRY(make_resctrl(*wanted, facts, options.id));
  plan.cgroup = CAISSON_TRY(make_cgroup(spec, facts, options.id, options.cgroup));
  warnings.insert(warnings.end(), plan.cgroup.warnings.begin(), plan.cgroup.warnings.end());
  InitOptions init;
  init.rootfs = {.bundle = options.bundle, .no_pivot = options.no_pivot, .cgroups = cgroups_inside(plan.cgroup)};
  plan.init = CAISSON_TRY(make_init(spec, facts, init, warnings));
  if (const auto& profile = spec.linux_or_empty().seccomp) plan.seccomp = CAISSON_TRY(make_seccomp(*profile, facts));
  if (plan.seccomp)
    plan.seccomp->unknown_call_is_error =
        config::has_annotation_set(spec.annotations, config::annotation::kFailUnknownSyscall);
  if (plan.seccomp) warnings.insert(warnings.end(), plan.seccomp->warnings.begin(), plan.seccomp->warnings.end());
  plan.network = CAISSON_TRY(make_network(spec, facts, plan.init.namespaces));
  return plan;
}

std::string describe(const Plan& plan) {
  std::string text;
  const NamespacePlan& namespaces = plan.init.namespaces;
  text += fmt::format("namespaces: make {:#x}{}\n", namespaces.create, namespaces.needs_stage ? ", by a stage" : "");
  for (const auto& target : namespaces.join)
    text += fmt::format("namespaces: join {:#x} '{}'\n", target.kind, target.path);
  if (!namespaces.time_offsets.empty()) text += "time offsets: " + namespaces.time_offsets;
  text += describe(plan.init.rootfs);
  text += describe(plan.init.identity);
  text += describe(plan.cgroup);
  if (plan.resctrl) {
    text += "resctrl " + plan.resctrl->group + '\n';
    for (const auto& schema : plan.resctrl->schemata)
      text += fmt::format("schema {}  [{}]\n", schema.text, schema.origin);
    if (!plan.resctrl->monitor.empty()) text += "resctrl " + plan.resctrl->monitor + '\n';
  }
  if (plan.seccomp) text += describe(*plan.seccomp);
  for (const auto& move : plan.network.moves)
    text += fmt::format("network: move '{}' as '{}'\n", move.host_name, move.name);
  return text;
}

}  // namespace caisson::plan
