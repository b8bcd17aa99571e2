// SPDX-License-Identifier: Apache-2.0
#include "plan/rootfs_mounts.hpp"

#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>

#include "base/fixed_text.hpp"
#include "config/annotations.hpp"
#include "plan/mount_id_map.hpp"

namespace caisson::plan {
namespace {

// What may be mounted over single files of /proc. Everything else in there is the kernel's word, which labels, sysctls
// and masks are trusted to (CVE-2019-16884).
constexpr auto kProcFiles = std::to_array<text::Fixed<31>>({
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/slabinfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/sys/crypto/fips_enabled",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/uptime",
});

// File systems whose superblock may be the host's own too: "ro" is said to the mount alone.
constexpr auto kSharedSuperblocks = std::to_array<text::Fixed<15>>({
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
});

template <class List>
bool contains(const List& list, std::string_view value) {
  return std::ranges::find(list, value) != list.end();
}

bool has_key(const std::vector<std::string>& data, std::string_view key) {
  return std::ranges::any_of(
      data, [&](const std::string& entry) { return entry.starts_with(key) && entry[key.size()] == '='; });
}

// A bind mount keeps the flags of its source: "rw" and "rrw" only take back a "ro" that stands before them in the list.
// Engines add "rw" to every volume, and what the host has mounted read-only is not to become writable by that.
void keep_source_readonly(MountOptions& options) {
  options.attributes.set &= ~(options.recursive.clear & MOUNT_ATTR_RDONLY);
  options.attributes.clear &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
  options.recursive.clear &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
}

/// `source` as a path below the rootfs; empty when it is elsewhere.
std::string path_inside(const std::string& source, const RootfsPlan& plan) {
  const std::string rootfs = clean_path(plan.rootfs);
  const std::string path = clean_path(source);
  if (!is_within(path, rootfs)) return {};
  return path.size() == rootfs.size() ? "/" : path.substr(rootfs.size());
}

/// Whether a mount of the config that comes before is part of the tree, or holds it.
bool has_earlier_mount(const RootfsPlan& plan, const CopiedTree& tree) {
  return std::ranges::any_of(plan.mounts, [&](const RootfsOp& op) {
    const std::string& target = std::visit([](const auto& mount) -> const std::string& { return mount.target; }, op);
    return is_within(tree.inside, target) || (tree.recursive && is_within(target, tree.inside));
  });
}

// One mount of the config on its way into the plan.
struct Planner {
  const MountContext& context;
  const config::Mount& mount;
  std::string pointer;
  std::string target;
  MountOptions options;
  RootfsPlan& plan;

  Status check_target() const;
  Status check_bind() const;
  Status check_filesystem() const;
  Result<std::optional<MountIdMap>> id_map() const;
  Status add_bind();
  Status add_remount();
  Status add_filesystem();
  void add_kernel_fallback(NewFilesystem& made) const;
  void make_before_user_namespace(NewFilesystem& made) const;
  bool has_mount_at(std::string_view path) const;
  Status add_callers_cgroups();
  Status add_cgroup_v1();
  Status add_cgroup_v2();

  Attach attach() const {
    Attach op;
    op.target = target;
    op.attributes = options.attributes;
    op.recursive = options.recursive;
    op.propagation = options.propagation;
    op.nofollow = options.dest_nofollow;
    op.origin = pointer;
    return op;
  }
  const std::string& label() const { return context.spec.linux->mount_label; }
  bool labelled() const { return context.spec.linux && !label().empty(); }
  std::string label_option() const { return plan::label_option(context.spec); }
};

Status Planner::check_target() const {
  if (mount.destination.empty()) return fail_config(pointer + "/destination", "mount destination is empty");
  if (target == "/")
    return fail_config(pointer + "/destination", "mountpoint '/' is on the top of rootfs '{}'", plan.rootfs);
  if (target == "/proc" && !options.bind && !options.remount && mount.type != "proc")
    return fail_config(pointer, "'/proc' cannot be mounted because it is not of type proc");
  if (target != "/proc" && is_within(target, "/proc") && !contains(kProcFiles, target))
    return fail_config(pointer + "/destination", "'{}' cannot be mounted because it is inside /proc", target);
  return {};
}

Status Planner::check_bind() const {
  if (mount.source.empty()) return fail_config(pointer + "/source", "bind mount source is empty");
  if (!options.data.empty())
    return fail_config(pointer + "/options", "bind mounts cannot have any filesystem-specific options applied: '{}'",
                       options.data.front());
  // A bind mount shares its superblock with the source: these flags could only change both. MS_SILENT is about what a
  // file system logs while it is being mounted, which does not happen here.
  if (options.superblock_set & ~std::uint64_t{MS_SILENT}) {
    for (const char* name : {"sync", "dirsync", "lazytime", "mand", "iversion"})
      if (contains(mount.options, name))
        return fail_config(pointer + "/options", "mount option '{}' cannot be applied to a bind mount", name);
  }
  if (options.copy_up) return fail_config(pointer + "/options", "tmpcopyup is only supported for tmpfs mounts");
  return {};
}

Status Planner::check_filesystem() const {
  if (mount.type.empty()) return fail_config(pointer + "/type", "mount has neither a type nor the option bind");
  const bool mapped = options.map != MapScope::none || !mount.uid_mappings.empty() || !mount.gid_mappings.empty();
  if (mapped && mount.type != "tmpfs")
    return fail_config(pointer, "id-mapped mounts are only supported for bind-mounts and tmpfs");
  if (options.copy_symlink || options.source_nofollow)
    return fail_config(pointer + "/options", "copy-symlink and src-nofollow are only supported for bind mounts");
  if (options.copy_up && mount.type != "tmpfs")
    return fail_config(pointer + "/options", "tmpcopyup is only supported for tmpfs mounts");
  return {};
}

// Mappings without an option mean "idmap"; an option without mappings means those of the container's user namespace.
// Source: runtime-spec 1.3 config.md, "idmap"; mount_setattr(2), "ID-mapped mounts".
Result<std::optional<MountIdMap>> Planner::id_map() const {
  const bool mapped = !mount.uid_mappings.empty() || !mount.gid_mappings.empty();
  if (options.map == MapScope::none && !mapped) return std::nullopt;
  if (context.facts.rootless() || !context.facts.privileged)
    return fail_config(pointer, "id-mapped mounts are not supported for rootless containers");
  MountIdMap map;
  map.recursive = options.map == MapScope::recursive;
  if (!options.map_value.empty()) {
    if (mapped) return fail_config(options.map_pointer, "the mapping is given by uidMappings and gidMappings as well");
    IdMapTexts texts = CAISSON_TRY(read_id_map(options.map_value, context.spec.linux_or_empty(), options.map_pointer));
    map.uid_map = std::move(texts.uids);
    map.gid_map = std::move(texts.gids);
    return map;
  }
  if (mapped) {
    if (mount.uid_mappings.empty() || mount.gid_mappings.empty())
      return fail_config(pointer, "id-mapped mounts need both uidMappings and gidMappings");
    map.uid_map = map_text(mount.uid_mappings);
    map.gid_map = map_text(mount.gid_mappings);
    return map;
  }
  if (!context.in_user_namespace)
    return fail_config(pointer, "mount option 'idmap' without mappings needs a container with a user namespace");
  map.uid_map = context.namespaces.uid_map;
  map.gid_map = context.namespaces.gid_map;
  for (const auto& join : context.namespaces.join)
    if (join.kind == CLONE_NEWUSER) map.namespace_path = join.path;
  return map;
}

Status Planner::add_bind() {
  CAISSON_TRY(check_bind());
  CopiedTree tree;
  tree.source = mount.source.front() == '/' ? mount.source : fmt::format("{}/{}", context.options.bundle, mount.source);
  tree.recursive = options.bind_recursive;
  tree.follow = !options.source_nofollow;
  tree.copy_symlink = options.copy_symlink;
  tree.must_be_proc = target == "/proc";
  tree.id_map = CAISSON_TRY(id_map());
  tree.inside = path_inside(tree.source, plan);
  // A tree with a mapping, and below a user namespace every tree, must be opened with the runtime's own powers.
  // copy-symlink first looks whether there is a tree at all.
  tree.prepared = tree.id_map ||
                  (context.in_user_namespace && context.facts.privileged && !tree.copy_symlink && tree.inside.empty());
  tree.maps_late = tree.id_map && !tree.inside.empty() && has_earlier_mount(plan, tree);
  if (tree.id_map && tree.copy_symlink)
    return fail_config(pointer + "/options", "copy-symlink cannot be combined with an id-mapped mount");

  keep_source_readonly(options);
  Attach op = attach();
  if (op.propagation.empty() && context.default_bind.kind != 0)
    op.propagation.push_back({context.default_bind.kind, tree.recursive});
  // The runtime's own trees are still of the host's peer groups: they get what the container's copy of the host got.
  if (tree.prepared && context.cut_from_host)
    op.propagation.insert(op.propagation.begin(),
                          plan.host_propagation.kind != 0 ? plan.host_propagation : Propagation{MS_SLAVE, true});

  // The whole of the host's /sys brings its cgroups along, which belong to the very user that the container runs as;
  // they are covered unless the config puts something there (CVE-2023-25809).
  const std::string cgroups = target + "/fs/cgroup";
  const bool own_user = context.in_user_namespace || context.facts.rootless() || context.facts.in_user_namespace;
  if (own_user && tree.recursive && clean_path(tree.source) == "/sys" &&
      std::ranges::none_of(context.spec.mounts, [&](const auto& other) { return target_of(other, plan) == cgroups; }))
    plan.masked_paths.push_back({cgroups, pointer});

  op.what = std::move(tree);
  plan.mounts.emplace_back(std::move(op));
  return {};
}

Status Planner::add_remount() {
  // fsconfig(2) has no word for it.
  for (const char* name : {"iversion", "noiversion"})
    if (contains(mount.options, name))
      return fail_config(pointer + "/options", "mount option '{}' cannot be changed by a remount", name);
  Reconfigure op;
  op.target = target;
  op.superblock = !options.bind;
  op.data = options.data;
  op.superblock_set = options.superblock_set;
  op.superblock_clear = options.superblock_clear;
  op.attributes = options.attributes;
  op.recursive = options.recursive;
  op.propagation = options.propagation;
  op.origin = pointer;
  plan.mounts.emplace_back(std::move(op));
  return {};
}

bool Planner::has_mount_at(std::string_view path) const {
  return std::ranges::any_of(context.spec.mounts, [&](const auto& other) { return target_of(other, plan) == path; });
}

/// The kernel gives a user namespace no proc and no sysfs of its own where its owner does not own the PID or network
/// namespace that they show, or where the caller's are covered in part (mount_too_revealing() in fs/namespace.c), as
/// they are in a container. The caller's stand in then, with all that covers them. A PID namespace that is joined is
/// another than the caller's, whose processes are not to be shown for its.
void Planner::add_kernel_fallback(NewFilesystem& made) const {
  const bool unprivileged = context.in_user_namespace || context.facts.rootless() || context.facts.in_user_namespace;
  if (!unprivileged) return;
  if (made.type == "proc" && context.namespaces.joins(CLONE_NEWPID)) return;
  made.fallbacks.push_back({.source = "/" + std::string(made.type == "proc" ? "proc" : "sys"),
                            .recursive = true,
                            .must_be_proc = made.type == "proc"});
  made.cover_cgroups = made.type == "sysfs" && !has_mount_at(target + "/fs/cgroup");
}

/// mqueue, proc and sysfs show an IPC, a PID and a network namespace, and may be mounted by those who have rights over
/// that. The root of the container's user namespace has none over one that others made.
void Planner::make_before_user_namespace(NewFilesystem& made) const {
  if (!context.in_user_namespace || !context.facts.privileged || made.id_map) return;
  const std::uint64_t shown = made.type == "mqueue"  ? CLONE_NEWIPC
                              : made.type == "proc"  ? CLONE_NEWPID
                              : made.type == "sysfs" ? CLONE_NEWNET
                                                     : 0;
  if (shown != 0 && context.namespaces.joins(shown)) made.before_user_namespace = shown;
}

Status Planner::add_filesystem() {
  CAISSON_TRY(check_filesystem());
  NewFilesystem made;
  made.type = mount.type;
  made.source = mount.source;
  made.data = options.data;
  made.superblock_set = options.superblock_set;
  made.superblock_clear = options.superblock_clear;
  Attach op = attach();
  // Nothing is made for a mount that the devices would refuse afterwards (CVE-2026-41579).
  op.ordinary_directory = target == "/dev";

  const bool readonly = (op.attributes.set & MOUNT_ATTR_RDONLY) != 0;
  if (readonly && (mount.type == "tmpfs" || target == "/dev")) {
    // Mountpoints and device nodes must still be made in there.
    op.attributes.set &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
    plan.late_readonly.push_back({target, pointer});
  } else {
    made.readonly_superblock = readonly && !contains(kSharedSuperblocks, mount.type);
  }

  if (mount.type == "tmpfs") {
    made.inherit_mode = !has_key(made.data, "mode");
    made.copy_up = options.copy_up;
    made.id_map = CAISSON_TRY(id_map());
  } else if (mount.type == "proc" || mount.type == "sysfs") {
    op.ordinary_directory = true;
    add_kernel_fallback(made);
  } else if (mount.type == "mqueue") {
    if (labelled()) made.label = label();
  }
  make_before_user_namespace(made);
  if (labelled() && mount.type != "proc" && mount.type != "sysfs" && mount.type != "mqueue" &&
      !has_key(made.data, "context"))
    made.data.push_back(label_option());

  op.what = std::move(made);
  plan.mounts.emplace_back(std::move(op));
  return {};
}

/// A container without a cgroup of its own sees those of the caller, which it is in, and cannot write to them.
Status Planner::add_callers_cgroups() {
  if (!options.data.empty())
    return fail_config(pointer + "/options", "mount option '{}' needs a cgroup of the container's own",
                       options.data.front());
  CopiedTree tree;
  tree.source = "/sys/fs/cgroup";
  tree.recursive = true;
  Attach op = attach();
  constexpr std::uint64_t kStrict = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  op.recursive.set |= (op.attributes.set & kStrict) | MOUNT_ATTR_RDONLY;
  op.recursive.clear &= ~op.recursive.set;
  op.attributes = {};
  if (context.default_bind.kind != 0 && op.propagation.empty())
    op.propagation.push_back({context.default_bind.kind, true});
  op.what = std::move(tree);
  plan.mounts.emplace_back(std::move(op));
  return {};
}

Status Planner::add_cgroup_v1() {
  if (!options.data.empty())
    return fail_config(pointer + "/options", "mount option '{}' is not supported for the cgroup v1 hierarchies",
                       options.data.front());
  CgroupTree op;
  op.target = target;
  op.fresh = !context.namespaces.shares_host(CLONE_NEWCGROUP);
  op.optional = context.facts.rootless() || context.facts.in_user_namespace;
  op.label_option = label_option();
  op.attributes = options.attributes;
  op.propagation = options.propagation;
  op.origin = pointer;
  for (const auto& cgroup : context.options.cgroups) {
    CgroupHierarchy hierarchy;
    hierarchy.name = cgroup.mountpoint.substr(cgroup.mountpoint.rfind('/') + 1);
    hierarchy.path = cgroup.path;
    hierarchy.v2 = cgroup.v2;
    if (!cgroup.v2) {
      hierarchy.data = cgroup.controllers;
      // "cpu" and "cpuacct" are looked for by their own names where one mount has both.
      if (cgroup.controllers.size() > 1)
        for (const auto& controller : cgroup.controllers)
          if (controller != hierarchy.name) hierarchy.links.push_back(controller);
    }
    op.hierarchies.push_back(std::move(hierarchy));
  }
  plan.mounts.emplace_back(std::move(op));
  return {};
}

Status Planner::add_cgroup_v2() {
  const ContainerCgroup& cgroup = context.options.cgroups.front();
  const bool unprivileged = context.facts.rootless() || context.facts.in_user_namespace;
  Attach op = attach();
  op.needs_cgroups = true;
  const bool host_view = context.namespaces.shares_host(CLONE_NEWCGROUP);
  if (host_view && !unprivileged && !context.in_user_namespace) {
    // The container sees the host's hierarchy. A mount of its own would do, but it would also reset the hierarchy's
    // options (nsdelegate, memory_recursiveprot) to what it names itself: cgroup_get_tree() in the initial namespace.
    if (!options.data.empty())
      return fail_config(pointer + "/options", "mount option '{}' needs a cgroup namespace", options.data.front());
    op.what = CopiedTree{.source = cgroup.mountpoint};
  } else {
    NewFilesystem made;
    made.type = "cgroup2";
    made.source = mount.source;
    made.data = options.data;
    made.fallbacks.push_back({.source = cgroup.path});
    made.mask_when_absent = unprivileged;
    op.what = std::move(made);
  }
  plan.mounts.emplace_back(std::move(op));
  return {};
}

}  // namespace

std::string label_option(const config::Spec& spec) {
  const std::string& label = spec.linux_or_empty().mount_label;
  if (label.empty()) return {};
  const auto type = config::find_annotation(spec.annotations, config::annotation::kMountContextType);
  return fmt::format("{}={}", type.value_or("context"), label);
}

bool is_within(std::string_view path, std::string_view top) {
  if (top == "/") return true;
  return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
}

std::string target_of(const config::Mount& mount, const RootfsPlan& plan) {
  std::string inside = path_inside(mount.destination, plan);
  return inside.empty() ? clean_path(mount.destination) : inside;
}

Status add_mount(const MountContext& context, std::size_t index, RootfsPlan& plan) {
  const config::Mount& mount = context.spec.mounts[index];
  std::string pointer = fmt::format("/mounts/{}", index);
  MountOptions options = CAISSON_TRY(read_options(mount.options, pointer));
  Planner planner{context, mount, std::move(pointer), target_of(mount, plan), std::move(options), plan};
  CAISSON_TRY(planner.check_target());
  if (planner.options.remount) return planner.add_remount();
  // As a type, "bind" can only mean the option; there is no such file system.
  if (mount.type == "bind") planner.options.bind = true;
  if (planner.options.bind) return planner.add_bind();

  const CgroupFlavour flavour = context.facts.cgroup_flavour;
  if (mount.type == "cgroup" || (mount.type == "cgroup2" && flavour == CgroupFlavour::v2)) {
    CAISSON_TRY(planner.check_filesystem());
    if (context.options.cgroups.empty()) return planner.add_callers_cgroups();
    return flavour == CgroupFlavour::v2 ? planner.add_cgroup_v2() : planner.add_cgroup_v1();
  }
  return planner.add_filesystem();
}

}  // namespace caisson::plan
