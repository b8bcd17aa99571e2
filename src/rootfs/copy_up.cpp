// SPDX-License-Identifier: Apache-2.0
#include "rootfs/copy_up.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/openat2.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "sys/file.hpp"

namespace caisson::rootfs {
namespace {

constexpr std::uint64_t kBeneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
// A tree deeper than this is an attack on the stack, not a directory to be copied.
constexpr int kDepthLimit = 256;

struct DirectoryCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using Directory = std::unique_ptr<DIR, DirectoryCloser>;

Result<Directory> open_list(FdView at) {
  FileDescriptor fd = CAISSON_TRY(sys::open_at(at, ".", O_RDONLY | O_DIRECTORY));
  DIR* dir = ::fdopendir(fd.get());
  if (!dir) return fail_errno("fdopendir");
  (void)fd.release();
  return Directory(dir);
}

/// Copies `count` bytes from where both files stand.
Status copy_bytes(FdView from, FdView to, off_t count, std::string_view name) {
  while (count > 0) {
    const ssize_t n = ::sendfile(to.get(), from.get(), nullptr, static_cast<std::size_t>(count));
    if (n == 0) return {};
    if (n < 0 && errno != EINTR) return fail_errno("copy '{}'", name);
    count -= std::max(n, ssize_t{0});
  }
  return {};
}

/// Copies what the file holds and leaves out its holes.
Status copy_data(FdView from, FdView to, off_t size, std::string_view name) {
  for (off_t at = 0; at < size;) {
    const off_t data = ::lseek(from.get(), at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // a hole until the end
    if (data < 0) return fail_errno("lseek('{}', SEEK_DATA)", name);
    const off_t end = ::lseek(from.get(), data, SEEK_HOLE);
    if (end < 0) return fail_errno("lseek('{}', SEEK_HOLE)", name);
    if (::lseek(from.get(), data, SEEK_SET) < 0 || ::lseek(to.get(), data, SEEK_SET) < 0)
      return fail_errno("lseek('{}')", name);
    CAISSON_TRY(copy_bytes(from, to, end - data, name));
    at = end;
  }
  if (::ftruncate(to.get(), size) < 0) return fail_errno("ftruncate('{}')", name);
  return {};
}

// File systems differ in the attributes they keep; what the new one does not take (security.* of an LSM, user.* on
// older kernels' tmpfs) is left behind.
void copy_attributes(FdView from, FdView to) {
  std::string names(static_cast<std::size_t>(std::max(::flistxattr(from.get(), nullptr, 0), ssize_t{0})), '\0');
  const ssize_t length = ::flistxattr(from.get(), names.data(), names.size());
  std::string value(XATTR_SIZE_MAX, '\0');
  for (ssize_t at = 0; at < length;) {
    const char* name = names.data() + at;
    at += static_cast<ssize_t>(std::string_view(name).size()) + 1;
    const ssize_t size = ::fgetxattr(from.get(), name, value.data(), value.size());
    if (size >= 0) (void)::fsetxattr(to.get(), name, value.data(), static_cast<std::size_t>(size), 0);
  }
}

/// The owner comes first, for it takes the set-id bits and the file capabilities away; the times come last.
Status copy_status(FdView from, FdView to, const struct stat& st, std::string_view name) {
  if (::fchown(to.get(), st.st_uid, st.st_gid) < 0) return fail_errno("chown('{}')", name);
  copy_attributes(from, to);
  if (::fchmod(to.get(), st.st_mode & 07777) < 0) return fail_errno("chmod('{}')", name);
  const struct timespec times[2] = {st.st_atim, st.st_mtim};
  if (::futimens(to.get(), times) < 0) return fail_errno("utimensat('{}')", name);
  return {};
}

/// The same for what has no data and cannot be opened: symlinks and special files.
Status copy_status_of_name(FdView to, const char* name, const struct stat& st) {
  if (::fchownat(to.get(), name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0) return fail_errno("chown('{}')", name);
  if (!S_ISLNK(st.st_mode) && ::fchmodat(to.get(), name, st.st_mode & 07777, 0) < 0)
    return fail_errno("chmod('{}')", name);
  const struct timespec times[2] = {st.st_atim, st.st_mtim};
  if (::utimensat(to.get(), name, times, AT_SYMLINK_NOFOLLOW) < 0) return fail_errno("utimensat('{}')", name);
  return {};
}

Status copy_file(FdView from, FdView to, const std::string& name) {
  FileDescriptor source = CAISSON_TRY(sys::open_at(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, kBeneath));
  FileDescriptor target = CAISSON_TRY(sys::open_at(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  const struct stat st = CAISSON_TRY(sys::stat_of(source, name));
  CAISSON_TRY(copy_data(source, target, st.st_size, name));
  return copy_status(source, target, st, name);
}

Status copy_symlink(FdView from, FdView to, const std::string& name) {
  std::array<char, PATH_MAX> text;
  ssize_t n = ::readlinkat(from.get(), name.c_str(), text.data(), text.size() - 1);
  if (n < 0) return fail_errno("readlink('{}')", name);
  text[static_cast<std::size_t>(n)] = '\0';
  if (::symlinkat(text.data(), to.get(), name.c_str()) < 0) return fail_errno("symlink('{}')", name);
  return {};
}

/// One copy of a tree.
class Copier {
 public:
  explicit Copier(FdView to) : top_(to) {}

  /// `path` is that of `to` below the copy's top, "" or "a/b/".
  Status directory(FdView from, FdView to, const std::string& path, int depth);

 private:
  Status entry(FdView from, FdView to, const std::string& path, const std::string& name, int depth);
  Status one(FdView from, FdView to, const std::string& path, const std::string& name, const struct stat& st,
             int depth);

  FdView top_;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;  ///< files of several names: where the first is in the copy
};

Status Copier::one(FdView from, FdView to, const std::string& path, const std::string& name, const struct stat& st,
                   int depth) {
  switch (st.st_mode & S_IFMT) {
    case S_IFDIR: {
      CAISSON_TRY(sys::make_directory(to, name, 0700));
      FileDescriptor source = CAISSON_TRY(sys::open_at(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, kBeneath));
      FileDescriptor target = CAISSON_TRY(sys::open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, kBeneath));
      CAISSON_TRY(directory(source, target, path + name + '/', depth + 1));
      return copy_status(source, target, st, name);
    }
    case S_IFREG: return copy_file(from, to, name);
    case S_IFLNK: CAISSON_TRY(copy_symlink(from, to, name)); break;
    default:
      if (::mknodat(to.get(), name.c_str(), st.st_mode & (S_IFMT | 07777), st.st_rdev) < 0)
        return fail_errno("mknod('{}')", name);
  }
  return copy_status_of_name(to, name.c_str(), st);
}

Status Copier::entry(FdView from, FdView to, const std::string& path, const std::string& name, int depth) {
  struct stat st {};
  if (::fstatat(from.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return fail_errno("stat('{}')", name);
  if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
    const auto [first, is_first] = linked_.try_emplace({st.st_dev, st.st_ino}, path + name);
    if (!is_first) {
      // Nobody but us sees the copy yet: the path leads through directories of our making.
      if (::linkat(top_.get(), first->second.c_str(), to.get(), name.c_str(), 0) < 0)
        return fail_errno("link('{}')", name);
      return {};
    }
  }
  return one(from, to, path, name, st, depth);
}

Status Copier::directory(FdView from, FdView to, const std::string& path, int depth) {
  if (depth > kDepthLimit) return fail(ErrorKind::system, "the directory tree is deeper than {}", kDepthLimit);
  Directory list = CAISSON_TRY(open_list(from));
  for (;;) {
    errno = 0;
    const dirent* entry_found = ::readdir(list.get());
    if (!entry_found) {
      if (errno != 0) return fail_errno("readdir");
      return {};
    }
    const std::string name = entry_found->d_name;
    if (name != "." && name != "..") CAISSON_TRY(entry(from, to, path, name, depth), "copy '{}'", name);
  }
}

}  // namespace

Status copy_directory(FdView from, FdView to, const std::vector<std::string>& data) {
  const FileDescriptor source = CAISSON_TRY(sys::open_at(from, ".", O_RDONLY | O_DIRECTORY));
  const FileDescriptor target = CAISSON_TRY(sys::open_at(to, ".", O_RDONLY | O_DIRECTORY));
  CAISSON_TRY(Copier(target).directory(source, target, "", 0));
  const struct stat st = CAISSON_TRY(sys::stat_of(source, "."));
  const auto named = [&](std::string_view key) {
    return std::ranges::any_of(data, [&](const std::string& entry) { return entry.starts_with(key); });
  };
  constexpr uid_t kKeep = static_cast<uid_t>(-1);
  if (::fchown(target.get(), named("uid=") ? kKeep : st.st_uid, named("gid=") ? kKeep : st.st_gid) < 0)
    return fail_errno("chown(the top directory)");
  // An access control list would change the mode, which may be an option of the tmpfs.
  const struct stat made = CAISSON_TRY(sys::stat_of(target, "."));
  copy_attributes(source, target);
  if (::fchmod(target.get(), made.st_mode & 07777) < 0) return fail_errno("chmod(the top directory)");
  return {};
}

}  // namespace caisson::rootfs
