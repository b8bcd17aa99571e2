// SPDX-License-Identifier: Apache-2.0
#include "plan/rootfs.hpp"

#include <sched.h>
#include <sys/mount.h>

#include <algorithm>

#include "plan/rootfs_devices.hpp"
#include "plan/rootfs_mounts.hpp"

namespace caisson::plan {
namespace {

struct Maker {
  const config::Spec& spec;
  const HostFacts& facts;
  const NamespacePlan& namespaces;
  const RootfsOptions& options;
  const config::Linux& os;
  RootfsPlan plan;
  bool in_user_namespace = false;

  Status place();
  Status refuse_without_mount_namespace() const;
  Status decide_propagation(MountContext& context);
  Status add_mounts(MountContext& context);
  Status add_paths();
  bool any_bind_propagates() const;
};

Status Maker::place() {
  if (!spec.root) return fail_config("/root", "the config has no root");
  const std::string& path = spec.root->path;
  if (path.empty()) return fail_config("/root/path", "root path is empty");
  plan.rootfs = path.front() == '/' ? path : fmt::format("{}/{}", options.bundle, path);
  if (clean_path(plan.rootfs) == "/") return fail_config("/root/path", "the host's own root cannot be the rootfs");
  plan.readonly_root = spec.root->readonly;
  plan.no_pivot = options.no_pivot;
  plan.has_mount_namespace = !namespaces.shares_host(CLONE_NEWNS);
  in_user_namespace = !namespaces.shares_host(CLONE_NEWUSER);
  plan.prepared = plan.has_mount_namespace && in_user_namespace && facts.privileged;
  return {};
}

// Nothing is ever mounted in the host's mount namespace.
Status Maker::refuse_without_mount_namespace() const {
  const std::pair<bool, const char*> wanted[] = {
      {!spec.mounts.empty(), "/mounts"},
      {spec.root->readonly, "/root/readonly"},
      {!os.masked_paths.empty(), "/linux/maskedPaths"},
      {!os.readonly_paths.empty(), "/linux/readonlyPaths"},
      {!os.rootfs_propagation.empty(), "/linux/rootfsPropagation"},
  };
  for (const auto& [present, pointer] : wanted)
    if (present) return fail_config(pointer, "needs a private mount namespace");
  if (in_user_namespace)
    return fail_config("/linux/namespaces", "the default devices of a user namespace need a mount namespace");
  return {};
}

bool Maker::any_bind_propagates() const {
  return std::ranges::any_of(spec.mounts, [](const config::Mount& mount) {
    return std::ranges::any_of(mount.options, [](const std::string& option) {
      const auto kind = propagation_of(option).kind;
      return kind == MS_SHARED || kind == MS_SLAVE;
    });
  });
}

// The container's copy of the host's tree is cut off first, so that nothing mounted in it shows on the host. Only
// rootfsPropagation=[r]shared leaves the host's peer groups as they are: a bind mount with the option [r]shared can
// then reach the host, which is what engines mean by the pair. The mount of the rootfs itself always begins as private:
// what the host mounts below it later does not appear in the container, and "shared" makes a peer group of the
// container's own. [r]slave lets what was mounted below it before get what the host mounts there, as runc and crun do.
// Source: runtime-spec 1.3 config-linux.md, "Rootfs Mount Propagation"; mount_namespaces(7).
Status Maker::decide_propagation(MountContext& context) {
  constexpr Propagation kSlave{MS_SLAVE, true};
  constexpr Propagation kPrivate{MS_PRIVATE, true};
  plan.host_propagation = kSlave;
  plan.tree_propagation = {kPrivate};
  const std::string& name = os.rootfs_propagation;
  const Propagation wanted = propagation_of(name);
  if (!name.empty() && wanted.kind == 0)
    return fail_config("/linux/rootfsPropagation", "rootfsPropagation={} is not supported", name);
  switch (wanted.kind) {
    case MS_SHARED:
      plan.host_propagation = {};
      plan.root_propagation = wanted;
      context.default_bind = kSlave;
      context.cut_from_host = in_user_namespace;
      break;
    case MS_PRIVATE:
      if (options.no_pivot)
        return fail_config("/linux/rootfsPropagation",
                           "rootfsPropagation of [r]private is not safe without pivot_root");
      if (any_bind_propagates())
        context.default_bind = kPrivate;
      else
        plan.host_propagation = kPrivate;
      break;
    case MS_SLAVE: plan.tree_propagation = {kSlave, {MS_PRIVATE, false}}; break;
    case MS_UNBINDABLE: plan.root_propagation = wanted; break;
    default: break;
  }
  return {};
}

Status Maker::add_mounts(MountContext& context) {
  context.in_user_namespace = in_user_namespace;
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) CAISSON_TRY(add_mount(context, i, plan));
  plan.mask_context = label_option(spec);
  return {};
}

Status Maker::add_paths() {
  const auto collect = [](const std::vector<std::string>& paths, const char* pointer,
                          std::vector<PathRule>& out) -> Status {
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const std::string place = fmt::format("{}/{}", pointer, i);
      if (!paths[i].starts_with('/')) return fail_config(place, "path '{}' is not absolute", paths[i]);
      std::string path = clean_path(paths[i]);
      if (std::ranges::find(out, path, &PathRule::path) == out.end()) out.push_back({std::move(path), place});
    }
    return {};
  };
  CAISSON_TRY(collect(os.readonly_paths, "/linux/readonlyPaths", plan.readonly_paths));
  CAISSON_TRY(collect(os.masked_paths, "/linux/maskedPaths", plan.masked_paths));
  for (const auto& rule : plan.masked_paths)
    if (rule.path == "/") return fail_config(rule.origin, "'/' cannot be masked");
  if (std::erase_if(plan.readonly_paths, [](const PathRule& rule) { return rule.path == "/"; }) > 0)
    plan.readonly_root = true;
  return {};
}

}  // namespace

Result<RootfsPlan> make_rootfs(const config::Spec& spec, const HostFacts& facts, const NamespacePlan& namespaces,
                               const RootfsOptions& options) {
  Maker maker{spec, facts, namespaces, options, spec.linux_or_empty(), {}, false};
  CAISSON_TRY(maker.place());
  if (!maker.os.mount_label.empty() && !facts.selinux)
    return fail_config("/linux/mountLabel", "mountLabel is given but SELinux is not enabled on this host");
  if (maker.plan.has_mount_namespace) {
    MountContext context{spec, facts, namespaces, options};
    CAISSON_TRY(maker.decide_propagation(context));
    CAISSON_TRY(maker.add_mounts(context));
  } else {
    CAISSON_TRY(maker.refuse_without_mount_namespace());
  }
  CAISSON_TRY(add_devices(maker.os, facts, maker.in_user_namespace, maker.plan));
  CAISSON_TRY(maker.add_paths());
  return std::move(maker.plan);
}

}  // namespace caisson::plan
