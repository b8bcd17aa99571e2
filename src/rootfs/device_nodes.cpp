// SPDX-License-Identifier: Apache-2.0
#include "rootfs/device_nodes.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "rootfs/trees.hpp"
#include "sys/file.hpp"
#include "sys/mount.hpp"

namespace caisson::rootfs {
namespace {

bool is_null(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3); }

bool is_node(const struct stat& st, const plan::DeviceNode& node) {
  if ((st.st_mode & S_IFMT) != node.type) return false;
  return node.type == S_IFIFO || st.st_rdev == makedev(node.major, node.minor);
}

const char* type_name(std::uint32_t type) {
  return type == S_IFIFO ? "FIFO" : type == S_IFBLK ? "block device" : "character device";
}

// A file to mount onto. RESOLVE_NO_SYMLINKS lets O_PATH|O_NOFOLLOW open a symlink itself.
Result<FileDescriptor> open_file(FdView dir, const std::string& name) {
  FileDescriptor fd = CAISSON_TRY(sys::open_at(dir, name, O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH));
  if (S_ISLNK(CAISSON_TRY(sys::stat_of(fd, name)).st_mode)) {
    errno = ELOOP;
    return fail_errno("openat2('{}')", name);
  }
  return fd;
}

std::unexpected<Error> wrong_node(const plan::DeviceNode& node, const char* whose) {
  return fail(ErrorKind::system, "{}'{}' is not the {} {}:{}", whose, node.path, type_name(node.type), node.major,
              node.minor);
}

/// Makes nodes and links, holding on to the directory it was in last: nearly all are in /dev.
class DeviceMaker {
 public:
  DeviceMaker(RootDir& root, const plan::RootfsPlan& plan, std::vector<FileDescriptor> prepared,
              std::vector<std::string>& notes)
      : root_(root), plan_(plan), prepared_(std::move(prepared)), notes_(notes) {}

  Status node(const plan::DeviceNode& node);
  Status link(const plan::DeviceLink& link);

 private:
  /// Opens the directory of `path`, and gives the name in it.
  Result<std::string> enter(const std::string& path);
  Result<FileDescriptor> open_directory(const std::string& path);
  Status make_node(const plan::DeviceNode& node, const std::string& name);
  Status accept_existing(const plan::DeviceNode& node, const std::string& name);
  Status made(const plan::DeviceNode& node, const std::string& name);
  Status bind(const plan::DeviceNode& node, const std::string& name);
  Status check_owner(const plan::DeviceNode& node, const struct stat& host);
  Status check_id(const plan::DeviceNode& node, const char* kind, std::uint32_t wanted, std::uint32_t present);
  Status attach(FdView tree, const plan::DeviceNode& node, const std::string& name);

  RootDir& root_;
  const plan::RootfsPlan& plan_;
  std::vector<FileDescriptor> prepared_;
  std::vector<std::string>& notes_;
  std::size_t next_prepared_ = 0;
  std::string directory_;
  FileDescriptor fd_;
};

Result<std::string> DeviceMaker::enter(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  std::string_view directory = slash == 0 ? "/" : std::string_view(path).substr(0, slash);
  if (directory != directory_) {
    directory_ = directory;
    fd_ = CAISSON_TRY(open_directory(directory_));
  }
  return path.substr(slash + 1);
}

// An image may have a symlink on the way ("/var/run" -> "/run"), which leads to a place inside the root; but not at
// /dev itself, where what is made is trusted by all that follows.
Result<FileDescriptor> DeviceMaker::open_directory(const std::string& path) {
  // Where the config mounts nothing at /dev, what is wrong with it is the rootfs's fault.
  if (path == "/dev")
    return CAISSON_TRY(placed(root_.ordinary_directory(path), "/root/path"), "'{}' must be an ordinary directory", path)
        .fd;
  Place place = CAISSON_TRY(root_.find(path));
  if (!place.fd) place = CAISSON_TRY(root_.make(path, Kind::directory));
  if (place.symlinked && CAISSON_TRY(sys::filesystem_magic(place.fd, path)) == PROC_SUPER_MAGIC)
    return fail(ErrorKind::config, "'{}' leads to a place inside /proc", path);
  return std::move(place.fd);
}

// Others may be able to change this directory: what stands there now must be what was made, and it is the thing that
// gets the owner.
Status DeviceMaker::made(const plan::DeviceNode& node, const std::string& name) {
  const bool owned = node.uid != 0 || node.gid != 0;
  if (plan_.private_dev && directory_ == "/dev") {
    if (owned && ::fchownat(fd_.get(), name.c_str(), node.uid, node.gid, AT_SYMLINK_NOFOLLOW) < 0)
      return fail_errno("chown('{}', {}, {})", node.path, node.uid, node.gid);
    return {};
  }
  FileDescriptor fd = CAISSON_TRY(sys::open_at(fd_, name, O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH));
  if (!is_node(CAISSON_TRY(sys::stat_of(fd, node.path)), node)) return wrong_node(node, "");
  if (owned && ::fchownat(fd.get(), "", node.uid, node.gid, AT_EMPTY_PATH) < 0)
    return fail_errno("chown('{}', {}, {})", node.path, node.uid, node.gid);
  return {};
}

/// An id of the host's node that is another than the config names: an error, unless this user namespace does not map it
/// and the kernel shows the overflow id.
Status DeviceMaker::check_id(const plan::DeviceNode& node, const char* kind, std::uint32_t wanted,
                             std::uint32_t present) {
  constexpr std::uint64_t kDefaultOverflow = 65534;
  std::uint64_t overflow = kDefaultOverflow;
  if (auto text = sys::read_file(FdView::cwd(), fmt::format("/proc/sys/kernel/overflow{}", kind))) {
    while (text->ends_with('\n')) text->pop_back();
    overflow = text::parse_uint(*text).value_or(kDefaultOverflow);
  }
  if (present != overflow)
    return fail_config(fmt::format("{}/{}", node.origin, kind),
                       "device '{}' cannot have the {} {}: mknod is not permitted, and the host's node has {}",
                       node.path, kind, wanted, present);
  notes_.push_back(fmt::format("device '{}': the host's node is bound, whose {} is not mapped, in place of {} {}",
                               node.path, kind, kind, wanted));
  return {};
}

Status DeviceMaker::check_owner(const plan::DeviceNode& node, const struct stat& host) {
  if (node.given.mode && (host.st_mode & 07777) != node.mode)
    return fail_config(
        node.origin + "/fileMode",
        "device '{}' cannot have the mode {:04o}: mknod is not permitted, and the host's node has {:04o}", node.path,
        node.mode, host.st_mode & 07777);
  if (node.given.uid && host.st_uid != node.uid) CAISSON_TRY(check_id(node, "uid", node.uid, host.st_uid));
  if (node.given.gid && host.st_gid != node.gid) CAISSON_TRY(check_id(node, "gid", node.gid, host.st_gid));
  return {};
}

// mknod(2) of a device needs CAP_MKNOD in the initial user namespace: the host's node of that path is bound instead,
// onto an empty file. Its owner and mode are the host's, so they must be those that the config names.
Status DeviceMaker::bind(const plan::DeviceNode& node, const std::string& name) {
  FileDescriptor tree = CAISSON_TRY(copy_tree({.source = node.path}));
  const struct stat host = CAISSON_TRY(sys::stat_of(tree, node.path));
  if (!is_node(host, node)) return wrong_node(node, "the host's ");
  CAISSON_TRY(check_owner(node, host));
  return attach(tree, node, name);
}

Status DeviceMaker::attach(FdView tree, const plan::DeviceNode& node, const std::string& name) {
  if (::mknodat(fd_.get(), name.c_str(), S_IFREG | 0644, 0) < 0 && errno != EEXIST)
    return fail_errno("mknod('{}')", node.path);
  FileDescriptor place = CAISSON_TRY(open_file(fd_, name));
  return sys::move_mount(tree, place);
}

Status DeviceMaker::node(const plan::DeviceNode& node) {
  const std::string name = CAISSON_TRY(enter(node.path));
  if (node.prepared && next_prepared_ < prepared_.size()) return attach(prepared_[next_prepared_++], node, name);
  if (node.bind) return bind(node, name);
  auto done = make_node(node, name);
  if (done) return made(node, name);
  const int error = done.error().sys_errno();
  // No CAP_MKNOD, or the cgroup of this process forbids it.
  if (error == EPERM && plan_.has_mount_namespace && node.type != S_IFIFO) return bind(node, name);
  return error == EEXIST ? accept_existing(node, name) : done;
}

Status DeviceMaker::make_node(const plan::DeviceNode& node, const std::string& name) {
  if (::mknodat(fd_.get(), name.c_str(), node.type | node.mode, makedev(node.major, node.minor)) == 0) return {};
  return fail_errno("mknod('{}')", node.path);
}

/// The image has something of that name. A node of another owner or mode than the config names is not changed, for it
/// may have other names (hard links), but replaced.
Status DeviceMaker::accept_existing(const plan::DeviceNode& node, const std::string& name) {
  struct stat st {};
  if (::fstatat(fd_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return fail_errno("stat('{}')", node.path);
  if (!is_node(st, node)) return wrong_node(node, "the rootfs's ");
  const bool as_named = (!node.given.mode || (st.st_mode & 07777) == node.mode) &&
                        (!node.given.uid || st.st_uid == node.uid) && (!node.given.gid || st.st_gid == node.gid);
  if (as_named) return {};
  if (::unlinkat(fd_.get(), name.c_str(), 0) < 0) return fail_errno("unlink('{}')", node.path);
  CAISSON_TRY(make_node(node, name));
  return made(node, name);
}

Status DeviceMaker::link(const plan::DeviceLink& link) {
  const std::string name = CAISSON_TRY(enter(link.path));
  if (::symlinkat(link.target.c_str(), fd_.get(), name.c_str()) == 0) return {};
  if (errno == EEXIST && !link.replace) return {};
  if (errno == EEXIST) {
    if (::unlinkat(fd_.get(), name.c_str(), 0) < 0) {
      // A mount of the config stands there.
      if (errno == EBUSY) return {};
      return fail_errno("unlink('{}')", link.path);
    }
    if (::symlinkat(link.target.c_str(), fd_.get(), name.c_str()) == 0) return {};
  }
  return fail_errno("symlink('{}')", link.path);
}

/// A mount for each node of the parent's file system. Before Linux 6.15 a file of a mount that stands nowhere cannot be
/// cloned, so it stands on the rootfs for that long.
Result<std::vector<FileDescriptor>> take_nodes(RootDir& root, const plan::RootfsPlan& plan, FdView prepared) {
  const FileDescriptor dev = CAISSON_TRY(root.ordinary_directory("/dev")).fd;
  CAISSON_TRY(sys::move_mount(prepared, dev));
  std::vector<FileDescriptor> trees;
  const auto count = static_cast<std::size_t>(std::ranges::count_if(plan.devices, &plan::DeviceNode::prepared));
  for (std::size_t i = 0; i < count; ++i)
    trees.push_back(CAISSON_TRY(sys::open_tree(prepared, fmt::format("{}", i), sys::TreeCopy::single)));
  const FileDescriptor top = CAISSON_TRY(root.ordinary_directory("/")).fd;
  if (::fchdir(prepared.get()) < 0) return fail_errno("fchdir(prepared devices)");
  CAISSON_TRY(sys::unmount(".", MNT_DETACH));
  if (::fchdir(top.get()) < 0) return fail_errno("fchdir('/')");
  return trees;
}

}  // namespace

Status make_devices(RootDir& root, const plan::RootfsPlan& plan, FileDescriptor prepared,
                    std::vector<std::string>& notes) {
  std::vector<FileDescriptor> nodes;
  if (prepared) nodes = CAISSON_TRY(take_nodes(root, plan, prepared), "take the prepared devices");
  prepared.reset();
  DeviceMaker maker(root, plan, std::move(nodes), notes);
  for (const auto& node : plan.devices)
    CAISSON_TRY(placed(maker.node(node), node.origin), "make device '{}'", node.path);
  for (const auto& link : plan.links) CAISSON_TRY(maker.link(link), "make '{}'", link.path);
  if (plan.core_link && ::access("/proc/kcore", F_OK) == 0)
    CAISSON_TRY(maker.link({"/dev/core", "/proc/kcore", false}), "make '/dev/core'");
  return {};
}

Result<FileDescriptor> open_null(const RootDir& root, const plan::RootfsPlan& plan) {
  auto fd = root.open("/dev/null", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
  if (!fd) return std::unexpected(std::move(fd.error()).with("container's /dev/null is invalid"));
  const struct stat st = CAISSON_TRY(sys::stat_of(*fd, "/dev/null"));
  if (is_null(st)) return fd;
  const auto given = std::ranges::find(plan.devices, "/dev/null", &plan::DeviceNode::path);
  return placed(Result<FileDescriptor>(
                    fail(ErrorKind::config, "container's /dev/null is invalid: it is not the character device 1:3")),
                given == plan.devices.end() ? "" : given->origin);
}

Status mount_console(RootDir& root, FdView slave) {
  auto done = [&]() -> Status {
    FileDescriptor tree = CAISSON_TRY(sys::open_tree(slave, "", sys::TreeCopy::single));
    FileDescriptor dev = CAISSON_TRY(root.ordinary_directory("/dev")).fd;
    if (::mknodat(dev.get(), "console", S_IFREG | 0666, 0) < 0 && errno != EEXIST)
      return fail_errno("mknod('console')");
    FileDescriptor place = CAISSON_TRY(open_file(dev, "console"));
    return sys::move_mount(tree, place);
  }();
  if (!done) return std::unexpected(std::move(done.error()).with("mount '/dev/console'"));
  return {};
}

Status adopt_null(RootDir& root, const plan::RootfsPlan& plan) {
  if (plan.links.empty()) return {};
  FileDescriptor null;
  for (int number = 0; number <= 2; ++number) {
    struct stat st {};
    if (::fstat(number, &st) < 0 || !is_null(st)) continue;
    if (!null) {
      // Verified as a place first; opening it then cannot lead anywhere else.
      CAISSON_TRY(open_null(root, plan));
      null = CAISSON_TRY(root.open("/dev/null", O_RDWR | O_NOFOLLOW, RESOLVE_NO_SYMLINKS));
      if (::fstat(null.get(), &st) < 0 || !is_null(st))
        return fail(ErrorKind::system, "container's /dev/null is invalid");
    }
    if (::dup3(null.get(), number, 0) < 0) return fail_errno("dup3('/dev/null', {})", number);
  }
  return {};
}

}  // namespace caisson::rootfs
