// SPDX-License-Identifier: Apache-2.0
#include "rootfs/switch_root.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>
#include <utility>
#include <vector>

#include "base/path.hpp"
#include "rootfs/masks.hpp"
#include "rootfs/new_filesystem.hpp"
#include "rootfs/tree_attributes.hpp"
#include "rootfs/trees.hpp"
#include "sys/file.hpp"
#include "sys/mount.hpp"

namespace caisson::rootfs {
namespace {

Status enter_by_chroot() {
  if (::chroot(".") < 0) return fail_errno("chroot(.)");
  if (::chdir("/") < 0) return fail_errno("chdir('/')");
  return {};
}

// The old root ends up on top of the new one, where "." of umount2(2) finds it. It must not share with the host when it
// is detached, or the host's mounts would go too. Source: pivot_root(2), "pivot_root(".", ".")".
Status pivot(const RootDir& root, const plan::RootfsPlan& plan) {
  if (plan.host_propagation.kind != 0) {
    CAISSON_TRY(sys::pivot_root(".", "."));
    return sys::unmount(".", MNT_DETACH);
  }
  FileDescriptor old_root = CAISSON_TRY(sys::open_directory(FdView::cwd(), "/"));
  CAISSON_TRY(sys::pivot_root(".", "."));
  CAISSON_TRY(sys::set_attributes(old_root, {.propagation = MS_SLAVE, .recursive = true}));
  if (::fchdir(old_root.get()) < 0) return fail_errno("fchdir(old root)");
  CAISSON_TRY(sys::unmount(".", MNT_DETACH));
  if (::fchdir(root.fd().get()) < 0) return fail_errno("fchdir('/')");
  return {};
}

// The mountpoints of whole proc and sysfs file systems outside `rootfs`.
std::vector<std::string> kernel_mounts(std::string_view mountinfo, const std::string& rootfs) {
  std::vector<std::string> found;
  while (!mountinfo.empty()) {
    const std::size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
    const std::string_view line = mountinfo.substr(0, end);
    mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
    std::vector<std::string_view> fields;
    for (std::size_t at = 0; at < line.size();) {
      const std::size_t space = std::min(line.find(' ', at), line.size());
      fields.push_back(line.substr(at, space - at));
      at = space + 1;
    }
    // id parent device root mountpoint options [tags ...] - type source options
    std::size_t dash = 6;
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 1 >= fields.size() || fields[3] != "/") continue;
    if (fields[dash + 1] != "proc" && fields[dash + 1] != "sysfs") continue;
    std::string path = text::unescape_mount_field(fields[4]);
    if (!path.starts_with(rootfs + "/")) found.push_back(std::move(path));
  }
  return found;
}

// Without pivot_root(2) the host's tree stays below the container's root. A proc or sysfs in there, whole and with
// nothing mounted over its files, is what a user namespace must find before the kernel lets it mount one of its own,
// without our masks: so none may be left (mount_too_revealing()).
Status hide_kernel_mounts(const RootDir& root) {
  const std::string link = sys::proc_path(root.fd());
  std::string rootfs(4096, '\0');
  ssize_t n = ::readlink(link.c_str(), rootfs.data(), rootfs.size());
  if (n < 0) return fail_errno("readlink('{}')", link);
  rootfs.resize(static_cast<std::size_t>(n));
  const std::string mountinfo = CAISSON_TRY(sys::read_file(FdView::cwd(), "/proc/self/mountinfo"));
  const auto mounts = kernel_mounts(mountinfo, rootfs);
  for (auto path = mounts.rbegin(); path != mounts.rend(); ++path) {
    if (::umount2(path->c_str(), MNT_DETACH) == 0) continue;
    // Locked, because it came from a more privileged mount namespace; or below one that is gone already.
    if (errno == ENOENT) continue;
    if (errno != EPERM && errno != EINVAL) return fail_errno("umount2('{}')", *path);
    auto place = CAISSON_TRY(sys::open_if_exists(FdView::cwd(), *path, O_PATH));
    if (!place) continue;
    FileDescriptor cover = CAISSON_TRY(make_empty_directory({}, root.fd()));
    CAISSON_TRY(sys::move_mount(cover, place));
  }
  return {};
}

Status move_root(const RootDir& root, const plan::RootfsPlan& plan) {
  CAISSON_TRY(hide_kernel_mounts(root));
  if (plan.host_propagation.kind == 0)
    CAISSON_TRY(sys::set_attributes("/", {.propagation = MS_SLAVE, .recursive = true}));
  CAISSON_TRY(sys::move_mount(root.fd(), FdView::cwd(), "/"));
  return enter_by_chroot();
}

}  // namespace

Result<RootDir> switch_root(RootDir&& root, const plan::RootfsPlan& plan) {
  // Whatever ran since enter_rootfs() may have changed the working directory.
  if (::fchdir(root.fd().get()) < 0) return fail_errno("fchdir('{}')", plan.rootfs);
  if (!plan.has_mount_namespace)
    CAISSON_TRY(enter_by_chroot());
  else if (plan.no_pivot)
    CAISSON_TRY(move_root(root, plan));
  else
    CAISSON_TRY(pivot(root, plan));
  return std::move(root);
}

Status make_cwd(RootDir& root, const std::string& cwd) {
  if (cwd.empty() || cwd == "/") return {};
  const auto made = [&]() -> Status {
    Place place = CAISSON_TRY(root.find(cwd));
    if (!place.fd) CAISSON_TRY(root.make(cwd, Kind::directory));
    return {};
  }();
  if (made) return {};
  // The kernel has but one errno for both. The links of /proc to open files lead out of the container (CVE-2024-21626).
  if (made.error().sys_errno() == ELOOP)
    return fail(ErrorKind::config,
                "make working directory '{}': its symbolic links go in circles or through those of /proc to open files",
                cwd);
  return std::unexpected(Error(made.error()).with(fmt::format("make working directory '{}'", cwd)));
}

Status finish_rootfs(RootDir& root, const plan::RootfsPlan& plan) {
  for (const auto& rule : plan.late_readonly) CAISSON_TRY(placed(seal_mount(root, rule.path), rule.origin));
  if (plan.readonly_root)
    CAISSON_TRY(placed(sys::set_attributes(root.fd(), {.set = MOUNT_ATTR_RDONLY}), "/root/readonly"),
                "make the root read-only");
  for (const auto& rule : plan.readonly_paths)
    CAISSON_TRY(placed(make_readonly(root, rule.path), rule.origin), "make '{}' read-only", rule.path);
  CAISSON_TRY(mask_paths(root, plan));
  // Last: what is unbindable or shared could not be cloned, or would hand on, the mounts above.
  if (plan.root_propagation.kind != 0)
    CAISSON_TRY(placed(change_tree(root.fd(), {}, {}, {plan.root_propagation}), "/linux/rootfsPropagation"));
  ::umask(0022);
  return {};
}

}  // namespace caisson::rootfs
