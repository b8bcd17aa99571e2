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
#include <cstring>
#include <utility>

#include "rootfs/cgroup_tree.hpp"
#include "rootfs/copy_up.hpp"
#include "rootfs/id_map.hpp"
#include "rootfs/new_filesystem.hpp"
#include "rootfs/tree_attributes.hpp"
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

Status set_id_map(FdView tree, const plan::MountIdMap& map, FdView space) {
  CAISSON_TRY(
      sys::set_attributes(tree, {.set = MOUNT_ATTR_IDMAP, .user_namespace = space.get(), .recursive = map.recursive}),
      "id-mapped mount");
  return {};
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
  Result<FileDescriptor> open_filesystem(const Attach& op, const NewFilesystem& what, std::optional<mode_t> mode);
  Status cover_directory(const std::string& path);
  Result<FileDescriptor> open_fallback(const Attach& op, const NewFilesystem& what, Error refusal);
  Status reconfigure(const plan::Reconfigure& op);
  Status cgroup_tree(const plan::CgroupTree& op);

  Result<FileDescriptor> take_prepared(const std::string& source);
  Result<Place> target(const Attach& op, Kind kind);
  Status check_symlinked(const Attach& op, const Place& place);
  Status make_symlink(const Attach& op, const std::string& text);
  Status mount_onto(FdView tree, const Place& place, const Attach& op);
  Status wait_for_cgroups();

  RootDir& root_;
  Environment& environment_;
  std::size_t next_prepared_;
  std::size_t next_joined_ = 0;
  // A mount that lands on a shared one becomes shared by that; its own propagation must be said once more.
  bool shared_seen_;
  bool cgroups_ready_ = false;
};

Status Mounter::wait_for_cgroups() {
  if (std::exchange(cgroups_ready_, true) || !environment_.wait_for_cgroups) return {};
  return environment_.wait_for_cgroups();
}

void make_readonly(plan::MountAttributes& attributes) {
  attributes.set |= MOUNT_ATTR_RDONLY;
  attributes.clear &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
}

Status Mounter::attach(const Attach& op) {
  if (op.needs_cgroups) CAISSON_TRY(wait_for_cgroups());
  if (op.needs_cgroups && environment_.cgroups_are_callers && (op.attributes.set & MOUNT_ATTR_RDONLY) == 0) {
    Attach readonly = op;
    make_readonly(readonly.attributes);
    return attach(readonly);
  }
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

Result<FileDescriptor> Mounter::take_prepared(const std::string& source) {
  if (next_prepared_ >= environment_.prepared.size())
    return fail(ErrorKind::system, "no prepared tree for '{}'", source);
  return std::move(environment_.prepared[next_prepared_++]);
}

Status Mounter::attach_copy(const Attach& op, const CopiedTree& tree) {
  if (tree.copy_symlink) {
    // A descriptor of a symlink itself gives its text for an empty path, as readlink(2) says.
    std::array<char, PATH_MAX> text;
    ssize_t n = -1;
    if (tree.inside.empty()) {
      n = ::readlink(tree.source.c_str(), text.data(), text.size());
    } else if (auto link = root_.open(tree.inside, O_PATH | O_NOFOLLOW)) {
      n = ::readlinkat(link->get(), "", text.data(), text.size());
    }
    if (n >= 0) return make_symlink(op, std::string(text.data(), static_cast<std::size_t>(n)));
  }
  FileDescriptor fd;
  if (tree.prepared && !tree.maps_late) {
    fd = CAISSON_TRY(take_prepared(tree.source));
  } else {
    fd = CAISSON_TRY(tree.inside.empty() ? copy_tree(tree) : copy_tree_inside(root_, tree));
    if (tree.maps_late) {
      const FileDescriptor space = CAISSON_TRY(take_prepared(tree.source));
      CAISSON_TRY(set_id_map(fd, *tree.id_map, space));
    }
    CAISSON_TRY(change_copied_tree(fd, op, tree.source, environment_.notes));
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

Result<FileDescriptor> Mounter::open_filesystem(const Attach& op, const NewFilesystem& what,
                                                std::optional<mode_t> mode) {
  if (what.id_map) return take_prepared(what.source);
  if (what.before_user_namespace != 0 && next_joined_ < environment_.joined.size())
    if (FileDescriptor made = std::move(environment_.joined[next_joined_++])) return made;
  if (what.type != "proc" || !environment_.in_pid_namespace)
    return make_filesystem(what, attributes_of(op), mode, root_.fd());
  FileDescriptor context =
      CAISSON_TRY(environment_.in_pid_namespace([&what] { return sys::open_filesystem(what.type); }));
  return make_filesystem(what, attributes_of(op), mode, FdView::of(-1), std::move(context));
}

// The kernel refused a file system of the container's own; the plan says what may stand in for it.
Result<FileDescriptor> Mounter::open_fallback(const Attach& op, const NewFilesystem& what, Error refusal) {
  const int error = refusal.sys_errno();
  if (error != EPERM && error != EBUSY) return std::unexpected(std::move(refusal));
  for (const auto& tree : what.fallbacks) {
    auto fd = copy_tree(tree);
    if (fd) {
      if (tree.must_be_proc && CAISSON_TRY(sys::filesystem_magic(*fd, tree.source)) != PROC_SUPER_MAGIC)
        return fail(ErrorKind::config, "'{}' of the caller is not of type proc", tree.source);
      environment_.notes.push_back(
          fmt::format("'{}': the kernel refuses a new {} here ({}), the caller's '{}' is mounted", op.target, what.type,
                      ::strerrordesc_np(error), tree.source));
      // What the file system would have had as a whole, all of what stands in for it gets. It keeps what it has.
      constexpr std::uint64_t kStrict = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
      CAISSON_TRY(change_tree(*fd, {}, {.set = attributes_of(op) & kStrict}, {}));
      return fd;
    }
    if (fd.error().sys_errno() != ENOENT) return fd;
  }
  if (what.mask_when_absent) return make_empty_directory({}, root_.fd());
  return std::unexpected(std::move(refusal));
}

Status Mounter::attach_new(const Attach& op, const NewFilesystem& what) {
  Place place = CAISSON_TRY(target(op, Kind::directory));
  std::optional<mode_t> mode;
  if (what.inherit_mode && place.existed) mode = CAISSON_TRY(sys::stat_of(place.fd, op.target)).st_mode & 07777;
  auto tree = open_filesystem(op, what, mode);
  bool fell_back = false;
  if (!tree) {
    tree = open_fallback(op, what, std::move(tree.error()));
    fell_back = true;
  }
  if (!tree) return std::unexpected(std::move(tree.error()));
  if (what.id_map && mode && ::fchmodat(tree->get(), ".", *mode, 0) < 0) return fail_errno("chmod('{}')", op.target);
  if (what.copy_up && place.existed) CAISSON_TRY(copy_directory(place.fd, *tree, what.data), "tmpcopyup");
  if (!what.label.empty()) {
    FileDescriptor top = CAISSON_TRY(sys::open_at(*tree, ".", O_RDONLY | O_DIRECTORY));
    if (::fsetxattr(top.get(), "security.selinux", what.label.data(), what.label.size() + 1, 0) < 0)
      return fail_errno("fsetxattr('{}', security.selinux)", op.target);
  }
  if (!op.propagation.empty() && !shared_seen_) CAISSON_TRY(change_tree(*tree, {}, {}, op.propagation));
  CAISSON_TRY(mount_onto(*tree, place, op));
  return fell_back && what.cover_cgroups ? cover_directory(op.target + "/fs/cgroup") : Status();
}

Status Mounter::cover_directory(const std::string& path) {
  FileDescriptor place = CAISSON_TRY(root_.open_if_exists(path, O_PATH | O_DIRECTORY));
  if (!place) return {};
  const FileDescriptor cover = CAISSON_TRY(make_empty_directory({}, root_.fd()));
  return sys::move_mount(cover, place);
}

Status Mounter::reconfigure(const plan::Reconfigure& op) {
  auto done = [&]() -> Status {
    FileDescriptor place = CAISSON_TRY(root_.open(op.target, O_PATH));
    if (!CAISSON_TRY(sys::is_mount_root(place, op.target)))
      return fail(ErrorKind::config, "nothing is mounted at '{}'", op.target);
    if (op.superblock) CAISSON_TRY(reconfigure_filesystem(op, place, root_.fd()));
    return change_tree(place, op.attributes, op.recursive, op.propagation);
  }();
  if (!done) return std::unexpected(std::move(done.error()).with(fmt::format("error remounting '{}'", op.target)));
  return {};
}

Status Mounter::cgroup_tree(const plan::CgroupTree& op) {
  auto done = [&]() -> Status {
    Place place = CAISSON_TRY(root_.find(op.target));
    if (!place.fd) place = CAISSON_TRY(root_.make(op.target, Kind::directory));
    FileDescriptor top = CAISSON_TRY(make_cgroup_directory(op, root_.fd()));
    CAISSON_TRY(sys::move_mount(top, place.fd));
    CAISSON_TRY(wait_for_cgroups());
    plan::CgroupTree shown = op;
    if (environment_.cgroups_are_callers) make_readonly(shown.attributes);
    CAISSON_TRY(mount_cgroups(shown, top, root_.fd()));
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
  CAISSON_TRY(change_tree(tree, {}, {}, plan.tree_propagation));
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

/// A new file system with a mapping, which only the host's privileges may give it. Without a mount namespace that
/// something could be mounted in for a moment, what fsconfig(2) cannot say is refused.
Result<FileDescriptor> prepare_filesystem(const Attach& op, const NewFilesystem& what, IdMaps& maps) {
  auto prepared = [&]() -> Result<FileDescriptor> {
    FileDescriptor fd = CAISSON_TRY(make_filesystem(what, attributes_of(op), std::nullopt, FdView::of(-1)));
    CAISSON_TRY(set_id_map(fd, *what.id_map, CAISSON_TRY(maps.find(*what.id_map))));
    return fd;
  }();
  if (!prepared)
    return std::unexpected(std::move(prepared.error())
                               .with(fmt::format("error mounting '{}' to rootfs at '{}'", source_of(op), op.target))
                               .at(op.origin));
  return prepared;
}

Result<FileDescriptor> prepare_bind(const plan::RootfsPlan& plan, const Attach& op, const CopiedTree& tree,
                                    IdMaps& maps, std::vector<std::string>& notes) {
  auto prepared = [&]() -> Result<FileDescriptor> {
    if (tree.maps_late) {
      FileDescriptor space(::fcntl(CAISSON_TRY(maps.find(*tree.id_map)).get(), F_DUPFD_CLOEXEC, 3));
      if (!space) return fail_errno("fcntl(F_DUPFD_CLOEXEC)");
      return space;
    }
    FileDescriptor fd;
    if (tree.inside.empty())
      fd = CAISSON_TRY(copy_tree(tree));
    else
      fd = CAISSON_TRY(copy_tree_inside(RootDir(CAISSON_TRY(open_rootfs(plan.rootfs))), tree));
    if (tree.id_map) CAISSON_TRY(set_id_map(fd, *tree.id_map, CAISSON_TRY(maps.find(*tree.id_map))));
    CAISSON_TRY(change_copied_tree(fd, op, tree.source, notes));
    return fd;
  }();
  if (!prepared)
    return std::unexpected(std::move(prepared.error())
                               .with(fmt::format("error mounting '{}' to rootfs at '{}'", tree.source, op.target))
                               .at(op.origin));
  return prepared;
}

}  // namespace

Result<std::vector<FileDescriptor>> make_joined_filesystems(const plan::RootfsPlan& plan, std::uint64_t joined,
                                                            const OpenInPidNamespace& in_pid_namespace) {
  std::vector<FileDescriptor> made;
  for (const auto& op : plan.mounts) {
    const auto* attach = std::get_if<Attach>(&op);
    const auto* what = attach != nullptr ? std::get_if<NewFilesystem>(&attach->what) : nullptr;
    if (what == nullptr || what->before_user_namespace == 0) continue;
    made.emplace_back();
    if ((joined & what->before_user_namespace) == 0) continue;
    auto tree = [&]() -> Result<FileDescriptor> {
      FileDescriptor context;
      if (what->before_user_namespace == CLONE_NEWPID)
        context = CAISSON_TRY(in_pid_namespace([what] { return sys::open_filesystem(what->type); }));
      return make_filesystem(*what, attributes_of(*attach), std::nullopt, FdView::of(-1), std::move(context));
    }();
    if (tree)
      made.back() = std::move(*tree);
    else if (tree.error().sys_errno() != EPERM)
      return std::unexpected(
          std::move(tree.error())
              .with(fmt::format("error mounting '{}' to rootfs at '{}'", source_of(*attach), attach->target))
              .at(attach->origin));
  }
  return made;
}

std::size_t count_prepared(const plan::RootfsPlan& plan) {
  const auto is_prepared = [](const plan::RootfsOp& op) {
    const auto* attach = std::get_if<Attach>(&op);
    if (attach == nullptr) return false;
    const auto* tree = std::get_if<CopiedTree>(&attach->what);
    return tree != nullptr ? tree->prepared : std::get<NewFilesystem>(attach->what).id_map.has_value();
  };
  return static_cast<std::size_t>(std::ranges::count_if(plan.mounts, is_prepared)) + (plan.prepared ? 1 : 0) +
         (has_prepared_nodes(plan) ? 1 : 0);
}

bool has_prepared_nodes(const plan::RootfsPlan& plan) {
  return std::ranges::any_of(plan.devices, &plan::DeviceNode::prepared);
}

Result<std::vector<FileDescriptor>> prepare_trees(const plan::RootfsPlan& plan, std::vector<std::string>& notes) {
  std::vector<FileDescriptor> trees;
  if (plan.prepared) {
    FileDescriptor place = CAISSON_TRY(open_rootfs(plan.rootfs));
    trees.push_back(CAISSON_TRY(clone_rootfs(plan, place)));
  }
  IdMaps maps;
  for (const auto& op : plan.mounts) {
    const auto* attach = std::get_if<Attach>(&op);
    if (attach == nullptr) continue;
    if (const auto* made = std::get_if<NewFilesystem>(&attach->what); made != nullptr && made->id_map)
      trees.push_back(CAISSON_TRY(prepare_filesystem(*attach, *made, maps)));
    const auto* tree = std::get_if<CopiedTree>(&attach->what);
    if (tree && tree->prepared) trees.push_back(CAISSON_TRY(prepare_bind(plan, *attach, *tree, maps, notes)));
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
