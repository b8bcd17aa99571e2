// SPDX-License-Identifier: Apache-2.0
#include "rootfs/mounter.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <utility>

#include "rootfs/cgroup_tree.hpp"
#include "rootfs/trees.hpp"
#include "sys/file.hpp"
#include "sys/mount.hpp"

namespace caisson::rootfs {
namespace {

using plan::Attach;
using plan::CopiedTree;
using plan::NewFilesystem;

std::uint64_t attributes_of(const Attach& op) { return (op.attributes.set & ~op.recursive.clear) | op.recursive.set; }

std::string source_of(const Attach& op) {
  if (const auto* tree = std::get_if<CopiedTree>(&op.what)) return tree->source;
  const auto& made = std::get<NewFilesystem>(op.what);
  return made.source.empty() ? made.type : made.source;
}

Result<bool> is_directory(FdView fd, const std::string& name) {
  return S_ISDIR(CAISSON_TRY(sys::stat_of(fd, name)).st_mode);
}

// Whether two O_PATH descriptors are one directory of one mount.
bool same_place(FdView a, FdView b) {
  struct statx x {
  }, y{};
  constexpr unsigned kMask = STATX_INO | STATX_MNT_ID;
  if (::statx(a.get(), "", AT_EMPTY_PATH, kMask, &x) < 0 || ::statx(b.get(), "", AT_EMPTY_PATH, kMask, &y) < 0)
    return false;
  return x.stx_mnt_id == y.stx_mnt_id && x.stx_ino == y.stx_ino;
}

/// One pass over the plan's mounts.
class Mounter {
 public:
  Mounter(RootDir& root, const plan::RootfsPlan& plan, Environment& environment)
      : root_(root),
        environment_(environment),
        next_prepared_(plan.prepared ? 1 : 0),
        shared_seen_(plan.host_propagation.kind == 0) {}

  Status run(const plan::RootfsOp& op) {
    return std::visit([this](const auto& value) { return apply(value); }, op);
  }

 private:
  Status apply(const Attach& op) { return placed(attach(op), op.origin); }
  Status apply(const plan::Reconfigure& op) { return placed(reconfigure(op), op.origin); }
  Status apply(const plan::CgroupTree& op) { return placed(cgroup_tree(op), op.origin); }

  Status attach(const Attach& op);
  Status attach_copy(const Attach& op, const CopiedTree& tree);
  Status attach_new(const Attach& op, const NewFilesystem& what);
  Result<FileDescriptor> open_fallback(const Attach& op, const NewFilesystem& what, Error refusal);
  Status reconfigure(const plan::Reconfigure& op);
  Status cgroup_tree(const plan::CgroupTree& op);

  Result<Place> target(const Attach& op, Kind kind);
  Status check_symlinked(const Attach& op, const Place& place);
  Status make_symlink(const Attach& op, const std::string& text);
  Status mount_onto(FdView tree, const Place& place, const Attach& op);
  Status wait_for_cgroups();

  RootDir& root_;
  Environment& environment_;
  std::size_t next_prepared_;
  // A mount that lands on a shared one becomes shared by that; its own propagation must be said once more.
  bool shared_seen_;
  bool cgroups_ready_ = false;
};

Status Mounter::wait_for_cgroups() {
  if (std::exchange(cgroups_ready_, true) || !environment_.wait_for_cgroups) return {};
  return environment_.wait_for_cgroups();
}

Status Mounter::attach(const Attach& op) {
  if (op.needs_cgroups) CAISSON_TRY(wait_for_cgroups());
  const auto* tree = std::get_if<CopiedTree>(&op.what);
  auto done = tree ? attach_copy(op, *tree) : attach_new(op, std::get<NewFilesystem>(op.what));
  if (!done)
    return std::unexpected(
        std::move(done.error()).with(fmt::format("error mounting '{}' to rootfs at '{}'", source_of(op), op.target)));
  for (const auto& step : op.propagation) shared_seen_ |= step.kind == MS_SHARED;
  return {};
}

// The mountpoint; made when it is missing.
Result<Place> Mounter::target(const Attach& op, Kind kind) {
  if (op.ordinary_directory) {
    auto directory = root_.ordinary_directory(op.target);
    if (!directory) {
      const int error = directory.error().sys_errno();
      if (error == ELOOP || error == ENOTDIR)
        return std::unexpected(std::move(directory.error())
                                   .with(fmt::format("filesystem '{}' must be mounted on ordinary directory",
                                                     std::get<NewFilesystem>(op.what).type)));
    }
    return directory;
  }
  Place place = CAISSON_TRY(root_.find(op.target, !op.nofollow));
  if (!place.fd) place = CAISSON_TRY(root_.make(op.target, kind), "make the mountpoint");
  if (place.symlinked) CAISSON_TRY(check_symlinked(op, place));
  return place;
}

// The plan has looked at the path; where a symlink was followed, the place itself must be looked at.
Status Mounter::check_symlinked(const Attach& op, const Place& place) {
  if (CAISSON_TRY(sys::filesystem_magic(place.fd, op.target)) == PROC_SUPER_MAGIC)
    return fail(ErrorKind::config, "'{}' cannot be mounted because it is inside /proc", op.target);
  if (same_place(place.fd, root_.fd()))
    return fail(ErrorKind::config, "mountpoint '{}' is on the top of rootfs", op.target);
  return {};
}

Status Mounter::mount_onto(FdView tree, const Place& place, const Attach& op) {
  auto moved = sys::move_mount(tree, place.fd);
  if (!moved) {
    // The kernel has but one EINVAL for the commonest mistake.
    const bool directory = CAISSON_TRY(is_directory(tree, op.target));
    if (directory != CAISSON_TRY(is_directory(place.fd, op.target))) {
      errno = ENOTDIR;
      return fail_errno("the source is {}directory, the mountpoint is {}", directory ? "a " : "no ",
                        directory ? "none" : "one");
    }
    return moved;
  }
  if (shared_seen_ && !op.propagation.empty()) return change_tree(tree, {}, {}, op.propagation);
  return {};
}

Status Mounter::make_symlink(const Attach& op, const std::string& text) {
  const std::size_t slash = op.target.rfind('/');
  const std::string name = op.target.substr(slash + 1);
  const std::string parent_path = slash == 0 ? "/" : op.target.substr(0, slash);
  Place parent = CAISSON_TRY(root_.find(parent_path));
  if (!parent.fd) parent = CAISSON_TRY(root_.make(parent_path, Kind::directory));
  if (::symlinkat(text.c_str(), parent.fd.get(), name.c_str()) == 0) return {};
  if (errno == EEXIST) {
    std::array<char, PATH_MAX> present;
    ssize_t n = ::readlinkat(parent.fd.get(), name.c_str(), present.data(), present.size());
    if (n >= 0 && std::string_view(present.data(), static_cast<std::size_t>(n)) == text) return {};
    errno = EEXIST;
  }
  return fail_errno("symlink('{}')", op.target);
}

Status Mounter::attach_copy(const Attach& op, const CopiedTree& tree) {
  if (tree.copy_symlink) {
    std::array<char, PATH_MAX> text;
    ssize_t n = ::readlink(tree.source.c_str(), text.data(), text.size());
    if (n >= 0) return make_symlink(op, std::string(text.data(), static_cast<std::size_t>(n)));
  }
  FileDescriptor fd;
  if (tree.prepared) {
    if (next_prepared_ >= environment_.prepared.size())
      return fail(ErrorKind::system, "no prepared tree for '{}'", tree.source);
    fd = std::move(environment_.prepared[next_prepared_++]);
  } else {
    fd = CAISSON_TRY(copy_tree(tree));
    CAISSON_TRY(change_tree(fd, op.attributes, op.recursive, op.propagation));
  }
  if (tree.must_be_proc && CAISSON_TRY(sys::filesystem_magic(fd, tree.source)) != PROC_SUPER_MAGIC)
    return fail(ErrorKind::config, "'/proc' cannot be mounted because it is not of type proc");
  Place place = CAISSON_TRY(root_.find(op.target, !op.nofollow));
  if (place.fd) {
    if (place.symlinked) CAISSON_TRY(check_symlinked(op, place));
  } else {
    place = CAISSON_TRY(target(op, CAISSON_TRY(is_directory(fd, tree.source)) ? Kind::directory : Kind::file));
  }
  return mount_onto(fd, place, op);
}

// The kernel refused a file system of the container's own; the plan says what may stand in for it.
Result<FileDescriptor> Mounter::open_fallback(const Attach& op, const NewFilesystem& what, Error refusal) {
  const int error = refusal.sys_errno();
  if (error != EPERM && error != EBUSY) return std::unexpected(std::move(refusal));
  for (const auto& tree : what.fallbacks) {
    auto fd = copy_tree(tree);
    if (fd) {
      // What the file system would have had as a whole, all of its stand-in gets.
      constexpr std::uint64_t kStrict = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
      plan::MountAttributes recursive = op.recursive;
      recursive.set |= op.attributes.set & kStrict & ~recursive.clear;
      CAISSON_TRY(change_tree(*fd, op.attributes, recursive, {}));
      return fd;
    }
    if (fd.error().sys_errno() != ENOENT) return fd;
  }
  if (what.mask_when_absent) return make_empty_directory({});
  return std::unexpected(std::move(refusal));
}

Status Mounter::attach_new(const Attach& op, const NewFilesystem& what) {
  Place place = CAISSON_TRY(target(op, Kind::directory));
  std::optional<mode_t> mode;
  if (what.inherit_mode && place.existed) mode = CAISSON_TRY(sys::stat_of(place.fd, op.target)).st_mode & 07777;
  const bool elsewhere = what.type == "proc" && environment_.in_pid_namespace;
  if (elsewhere && needs_classic_mount(what))
    return fail(ErrorKind::config, "procfs takes no such options in a PID namespace that is joined");
  if (needs_classic_mount(what)) {
    // mount(2) takes a path: the mountpoint itself, as the working directory, so that nothing is resolved.
    if (::fchdir(place.fd.get()) < 0) return fail_errno("fchdir('{}')", op.target);
    auto mounted = classic_mount_here(what, attributes_of(op), mode);
    if (::fchdir(root_.fd().get()) < 0) return fail_errno("fchdir('/')");
    CAISSON_TRY(std::move(mounted));
    if (op.propagation.empty()) return {};
    FileDescriptor top = CAISSON_TRY(root_.open(op.target, O_PATH));
    return change_tree(top, {}, {}, op.propagation);
  }
  FileDescriptor context;
  if (elsewhere)
    context = CAISSON_TRY(environment_.in_pid_namespace([&what] { return sys::open_filesystem(what.type); }));
  auto tree = make_filesystem(what, attributes_of(op), mode, std::move(context));
  if (!tree) tree = open_fallback(op, what, std::move(tree.error()));
  if (!tree) return std::unexpected(std::move(tree.error()));
  if (what.copy_up && place.existed) CAISSON_TRY(copy_contents(place.fd, *tree), "tmpcopyup");
  if (!what.label.empty()) {
    FileDescriptor top = CAISSON_TRY(sys::open_at(*tree, ".", O_RDONLY | O_DIRECTORY));
    if (::fsetxattr(top.get(), "security.selinux", what.label.data(), what.label.size() + 1, 0) < 0)
      return fail_errno("fsetxattr('{}', security.selinux)", op.target);
  }
  if (!op.propagation.empty() && !shared_seen_) CAISSON_TRY(change_tree(*tree, {}, {}, op.propagation));
  return mount_onto(*tree, place, op);
}

Status Mounter::reconfigure(const plan::Reconfigure& op) {
  auto done = [&]() -> Status {
    FileDescriptor place = CAISSON_TRY(root_.open(op.target, O_PATH));
    if (op.superblock && (!op.data.empty() || (op.superblock_set | op.superblock_clear) != 0)) {
      FileDescriptor context = CAISSON_TRY(sys::pick_filesystem(place));
      CAISSON_TRY(set_superblock_flags(context, op.superblock_set, op.superblock_clear));
      CAISSON_TRY(set_options(context, op.data));
      CAISSON_TRY(sys::reconfigure_filesystem(context));
    }
    return change_tree(place, op.attributes, op.recursive, op.propagation);
  }();
  if (!done) return std::unexpected(std::move(done.error()).with(fmt::format("error remounting '{}'", op.target)));
  return {};
}

Status Mounter::cgroup_tree(const plan::CgroupTree& op) {
  auto done = [&]() -> Status {
    Place place = CAISSON_TRY(root_.find(op.target));
    if (!place.fd) place = CAISSON_TRY(root_.make(op.target, Kind::directory));
    FileDescriptor top = CAISSON_TRY(make_cgroup_directory(op));
    CAISSON_TRY(sys::move_mount(top, place.fd));
    CAISSON_TRY(wait_for_cgroups());
    CAISSON_TRY(mount_cgroups(op, top));
    return change_tree(top, {}, {}, op.propagation);
  }();
  if (!done)
    return std::unexpected(
        std::move(done.error()).with(fmt::format("error mounting 'cgroup' to rootfs at '{}'", op.target)));
  return {};
}

// Only what is private does not hand our mounts on to the host. The mount that holds the rootfs is the one that the
// new tree is attached to; its root is somewhere above the rootfs.
Status make_parent_private(FdView rootfs) {
  FileDescriptor at = CAISSON_TRY(sys::open_directory(rootfs, "."));
  for (int depth = 0; depth < PATH_MAX; ++depth) {
    auto changed = sys::set_attributes(at, {.propagation = MS_PRIVATE});
    if (changed || changed.error().sys_errno() != EINVAL) return changed;
    at = CAISSON_TRY(sys::open_directory(at, ".."));
  }
  return fail(ErrorKind::system, "no mount holds the rootfs");
}

/// A descriptor that the runtime opened cannot be cloned or mounted onto in init's own mount namespace, so init opens
/// the path again, and by the same rule: a symlink that was put on the way meanwhile is refused.
Result<FileDescriptor> open_rootfs(const std::string& path) {
  auto fd = sys::open_at(FdView::cwd(), path, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
  if (!fd) return std::unexpected(std::move(fd.error()).with("open the rootfs").at("/root/path"));
  return fd;
}

Result<FileDescriptor> clone_rootfs(const plan::RootfsPlan& plan, FdView place) {
  FileDescriptor tree = CAISSON_TRY(sys::open_tree(place, "", sys::TreeCopy::recursive), "clone the rootfs");
  if (plan.tree_propagation.kind != 0) CAISSON_TRY(change_tree(tree, {}, {}, {plan.tree_propagation}));
  return tree;
}

/// Nobody but the container will see it: the nodes are bound from it one by one, and it goes with them.
Result<FileDescriptor> prepare_nodes(const plan::RootfsPlan& plan) {
  FileDescriptor context = CAISSON_TRY(sys::open_filesystem("tmpfs"));
  CAISSON_TRY(sys::set_option(context, "mode", "755"));
  CAISSON_TRY(sys::create_filesystem(context));
  FileDescriptor tree = CAISSON_TRY(sys::mount_filesystem(context, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  int number = 0;
  for (const auto& node : plan.devices) {
    if (!node.prepared) continue;
    const std::string name = fmt::format("{}", number++);
    const auto make = [&]() -> Status {
      if (::mknodat(tree.get(), name.c_str(), node.type | node.mode, makedev(node.major, node.minor)) != 0)
        return fail_errno("mknod");
      if (::fchownat(tree.get(), name.c_str(), node.host_uid, node.host_gid, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_errno("chown");
      // The umask is the caller's, and a change of owner may have cleared bits.
      if (::fchmodat(tree.get(), name.c_str(), node.mode, 0) != 0) return fail_errno("chmod");
      return {};
    };
    CAISSON_TRY(placed(make(), node.origin), "make device '{}'", node.path);
  }
  return tree;
}

Result<FileDescriptor> prepare_bind(const Attach& op, const CopiedTree& tree, IdMaps& maps) {
  auto prepared = [&]() -> Result<FileDescriptor> {
    FileDescriptor fd = CAISSON_TRY(copy_tree(tree));
    if (tree.id_map) {
      FdView space = CAISSON_TRY(maps.find(*tree.id_map));
      CAISSON_TRY(
          sys::set_attributes(
              fd, {.set = MOUNT_ATTR_IDMAP, .user_namespace = space.get(), .recursive = tree.id_map->recursive}),
          "id-mapped mount");
    }
    CAISSON_TRY(change_tree(fd, op.attributes, op.recursive, op.propagation));
    return fd;
  }();
  if (!prepared)
    return std::unexpected(std::move(prepared.error())
                               .with(fmt::format("error mounting '{}' to rootfs at '{}'", tree.source, op.target))
                               .at(op.origin));
  return prepared;
}

}  // namespace

bool has_prepared_nodes(const plan::RootfsPlan& plan) {
  return std::ranges::any_of(plan.devices, &plan::DeviceNode::prepared);
}

Result<std::vector<FileDescriptor>> prepare_trees(const plan::RootfsPlan& plan) {
  std::vector<FileDescriptor> trees;
  if (plan.prepared) {
    FileDescriptor place = CAISSON_TRY(open_rootfs(plan.rootfs));
    trees.push_back(CAISSON_TRY(clone_rootfs(plan, place)));
  }
  IdMaps maps;
  for (const auto& op : plan.mounts) {
    const auto* attach = std::get_if<Attach>(&op);
    const auto* tree = attach ? std::get_if<CopiedTree>(&attach->what) : nullptr;
    if (tree && tree->prepared) trees.push_back(CAISSON_TRY(prepare_bind(*attach, *tree, maps)));
  }
  if (has_prepared_nodes(plan)) trees.push_back(CAISSON_TRY(prepare_nodes(plan)));
  return trees;
}

Result<RootDir> enter_rootfs(const plan::RootfsPlan& plan, Environment& environment) {
  ::umask(0);
  FileDescriptor tree;
  if (!plan.has_mount_namespace) {
    tree = CAISSON_TRY(open_rootfs(plan.rootfs));
  } else {
    if (plan.host_propagation.kind != 0)
      CAISSON_TRY(sys::set_attributes("/", {.propagation = plan.host_propagation.kind, .recursive = true}));
    auto place = open_rootfs(plan.rootfs);
    if (!place && plan.prepared && place.error().sys_errno() == EACCES) {
      // The user namespace's root cannot search the way to the rootfs; any other place will do to pivot from.
      place = sys::open_directory(FdView::cwd(), "/");
    }
    if (!place) return std::unexpected(std::move(place.error()));
    if (plan.prepared) {
      if (environment.prepared.empty()) return fail(ErrorKind::system, "no prepared tree for the rootfs");
      tree = std::move(environment.prepared.front());
    } else {
      tree = CAISSON_TRY(clone_rootfs(plan, *place));
    }
    if (plan.host_propagation.kind == 0) CAISSON_TRY(make_parent_private(*place));
    CAISSON_TRY(sys::move_mount(tree, *place), "attach the rootfs");
  }
  if (::fchdir(tree.get()) < 0) return fail_errno("fchdir('{}')", plan.rootfs);
  return RootDir(std::move(tree));
}

Status attach_mounts(RootDir& root, const plan::RootfsPlan& plan, Environment& environment) {
  Mounter mounter(root, plan, environment);
  for (const auto& op : plan.mounts) CAISSON_TRY(mounter.run(op));
  return {};
}

}  // namespace caisson::rootfs
