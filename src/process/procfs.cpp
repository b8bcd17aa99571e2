// SPDX-License-Identifier: Apache-2.0
#include "process/procfs.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sys/file.hpp"
#include "sys/mount.hpp"

namespace caisson::process {

namespace {

/// Inode of a procfs' root, PROC_ROOT_INO of <linux/proc_ns.h>: a bind mount of something below it has another.
constexpr ino_t kRootInode = 1;

bool is_procfs_root(FdView fd) {
  struct statfs filesystem {};
  struct stat status {};
  return ::fstatfs(fd.get(), &filesystem) == 0 && filesystem.f_type == PROC_SUPER_MAGIC &&
         ::fstat(fd.get(), &status) == 0 && status.st_ino == kRootInode;
}

/// What a mount over the file, a read-only /proc, or one with subset=pid makes of open(2).
bool may_be_hidden(int error) {
  return error == EXDEV || error == ENOENT || error == EROFS || error == ELOOP || error == EACCES || error == ENOTDIR;
}

}  // namespace

Status Procfs::open_root() {
  FileDescriptor fd(::open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd || !is_procfs_root(fd)) return open_private();
  root_ = std::move(fd);
  return {};
}

Status Procfs::open_private() {
  FileDescriptor context = CAISSON_TRY(sys::open_filesystem("proc"));
  CAISSON_TRY(sys::create_filesystem(context));
  root_ = CAISSON_TRY(sys::mount_filesystem(context, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  private_ = true;
  return {};
}

Result<FileDescriptor> Procfs::open_file(const std::string& path, std::uint64_t flags) {
  constexpr std::uint64_t kResolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
  if (!root_) CAISSON_TRY(open_root(), "open procfs");
  auto file = sys::open_at(root_, path, flags | O_CLOEXEC, 0, kResolve);
  if (file || private_ || !may_be_hidden(file.error().sys_errno())) return file;
  if (!open_private()) return file;
  return sys::open_at(root_, path, flags | O_CLOEXEC, 0, kResolve);
}

Status Procfs::write(const std::string& path, const std::string& text) {
  FileDescriptor file = CAISSON_TRY(open_file(path, O_WRONLY), "/proc/{}", path);
  // One call: procfs takes what one write gives it, a second one would be another value.
  const ssize_t written = ::write(file.get(), text.data(), text.size());
  if (written < 0) return fail_errno("write('/proc/{}')", path);
  if (static_cast<std::size_t>(written) != text.size())
    return fail(ErrorKind::system, "write('/proc/{}'): {} of {} bytes taken", path, written, text.size());
  return {};
}

}  // namespace caisson::process
