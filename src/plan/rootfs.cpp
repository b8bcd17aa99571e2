// SPDX-License-Identifier: Apache-2.0
#include "plan/rootfs.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "plan/rootfs_mounts.hpp"

namespace caisson::plan {
namespace {

struct DefaultNode {
  const char* path;
  std::uint32_t major, minor;
};
// Source: runtime-spec 1.3 config-linux.md, "Default Devices".
constexpr auto kDefaultNodes = std::to_array<DefaultNode>({
    {"/dev/null", 1, 3},
    {"/dev/zero", 1, 5},
    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8},
    {"/dev/urandom", 1, 9},
    {"/dev/tty", 5, 0},
});

// dev_t as mknod(2) takes it.
constexpr std::int64_t kMajorLimit = 1 << 12;
constexpr std::int64_t kMinorLimit = 1 << 20;

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
  Status add_devices();
  Result<DeviceNode> device(const config::Device& given, const std::string& pointer) const;
  Status decide_who_makes(DeviceNode& node) const;
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

// Our copy of the host's tree is cut off first, so that nothing mounted here shows on the host, and the container's own
// propagation is given to the rootfs alone. Only rootfsPropagation=[r]shared leaves the host's peer groups as they
// are: a bind mount with the option [r]shared can then reach the host, which is what engines mean by the pair.
// Source: runtime-spec 1.3 config-linux.md, "Rootfs Mount Propagation"; mount_namespaces(7).
Status Maker::decide_propagation(MountContext& context) {
  constexpr Propagation kSlave{MS_SLAVE, true};
  plan.host_propagation = kSlave;
  const std::string& name = os.rootfs_propagation;
  const Propagation wanted = propagation_of(name);
  if (!name.empty() && wanted.kind == 0)
    return fail_config("/linux/rootfsPropagation", "rootfsPropagation={} is not supported", name);
  switch (wanted.kind) {
    case MS_SHARED:
      plan.host_propagation = {};
      plan.tree_propagation = kSlave;
      plan.root_propagation = wanted;
      context.default_bind = kSlave;
      context.cut_from_host = in_user_namespace;
      break;
    case MS_PRIVATE:
      if (options.no_pivot)
        return fail_config("/linux/rootfsPropagation",
                           "rootfsPropagation of [r]private is not safe without pivot_root");
      if (any_bind_propagates()) {
        plan.tree_propagation = {MS_PRIVATE, true};
        context.default_bind = {MS_PRIVATE, true};
      } else {
        plan.host_propagation = {MS_PRIVATE, true};
      }
      break;
    case MS_UNBINDABLE: plan.root_propagation = wanted; break;
    default: break;
  }
  // The parent's clones are still of the host's peer groups.
  if (plan.prepared && plan.tree_propagation.kind == 0)
    plan.tree_propagation = wanted.kind == MS_PRIVATE ? Propagation{MS_PRIVATE, true} : kSlave;
  return {};
}

Status Maker::add_mounts(MountContext& context) {
  context.in_user_namespace = in_user_namespace;
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) CAISSON_TRY(add_mount(context, i, plan));
  plan.mask_context = label_option(spec);
  return {};
}

/// `id` of the container as the host numbers it.
std::optional<std::uint32_t> host_id(const std::vector<config::IdMapping>& maps, std::uint32_t id) {
  for (const auto& map : maps)
    if (id >= map.container_id && id - map.container_id < map.size) return map.host_id + (id - map.container_id);
  return std::nullopt;
}

/// In a user namespace the kernel lets nobody make the node, so the parent does. Where it joins one by path its ids are
/// not known here, and without the host's privileges there is only the host's own node.
Status Maker::decide_who_makes(DeviceNode& node) const {
  node.bind = in_user_namespace || facts.in_user_namespace;
  node.prepared = plan.prepared && !facts.in_user_namespace && !os.uid_mappings.empty() && !os.gid_mappings.empty();
  if (!node.prepared) return {};
  const auto uid = host_id(os.uid_mappings, node.uid);
  if (!uid) return fail_config(node.origin + "/uid", "device '{}': uid {} is not mapped", node.path, node.uid);
  const auto gid = host_id(os.gid_mappings, node.gid);
  if (!gid) return fail_config(node.origin + "/gid", "device '{}': gid {} is not mapped", node.path, node.gid);
  node.host_uid = *uid;
  node.host_gid = *gid;
  return {};
}

Result<DeviceNode> Maker::device(const config::Device& given, const std::string& pointer) const {
  DeviceNode node;
  node.path = clean_path(given.path);
  if (given.path.empty() || node.path == "/")
    return fail_config(pointer + "/path", "device path '{}' is not a file", given.path);
  node.origin = pointer;
  node.mode = given.file_mode.value_or(0666) & 07777;
  node.uid = given.uid.value_or(0);
  node.gid = given.gid.value_or(0);
  if (given.type == config::DeviceType::p) {
    node.type = S_IFIFO;
    return node;
  }
  node.type = given.type == config::DeviceType::b ? S_IFBLK : S_IFCHR;
  CAISSON_TRY(decide_who_makes(node));
  const std::int64_t major = given.major.value_or(-1);
  const std::int64_t minor = given.minor.value_or(-1);
  if (major < 0 || major >= kMajorLimit)
    return fail_config(pointer + "/major", "device '{}' needs a major number below {}", node.path, kMajorLimit);
  if (minor < 0 || minor >= kMinorLimit)
    return fail_config(pointer + "/minor", "device '{}' needs a minor number below {}", node.path, kMinorLimit);
  node.major = static_cast<std::uint32_t>(major);
  node.minor = static_cast<std::uint32_t>(minor);
  return node;
}

// With /dev bound from the host nothing is made in it: the nodes would be the host's.
Status Maker::add_devices() {
  bool own_dev = true;
  for (const auto& op : plan.mounts) {
    const auto* attach = std::get_if<Attach>(&op);
    if (!attach || attach->target != "/dev") continue;
    own_dev = !std::holds_alternative<CopiedTree>(attach->what);
    plan.private_dev = own_dev;
  }
  std::vector<DeviceNode> given;
  for (std::size_t i = 0; i < os.devices.size(); ++i) {
    auto node = CAISSON_TRY(device(os.devices[i], fmt::format("/linux/devices/{}", i)));
    if (own_dev || !is_within(node.path, "/dev")) given.push_back(std::move(node));
  }
  if (own_dev) {
    for (const auto& standard : kDefaultNodes) {
      if (std::ranges::find(given, standard.path, &DeviceNode::path) != given.end()) continue;
      plan.devices.push_back({.path = standard.path,
                              .type = S_IFCHR,
                              .major = standard.major,
                              .minor = standard.minor,
                              .bind = in_user_namespace || facts.in_user_namespace});
    }
    // Source: runtime-spec 1.3 runtime-linux.md, "Dev symbolic links".
    plan.links = {{"/dev/fd", "/proc/self/fd", false},
                  {"/dev/stdin", "/proc/self/fd/0", false},
                  {"/dev/stdout", "/proc/self/fd/1", false},
                  {"/dev/stderr", "/proc/self/fd/2", false},
                  {"/dev/ptmx", "pts/ptmx", true}};
    plan.core_link = true;
  }
  std::ranges::move(given, std::back_inserter(plan.devices));
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
  CAISSON_TRY(maker.add_devices());
  CAISSON_TRY(maker.add_paths());
  return std::move(maker.plan);
}

}  // namespace caisson::plan
