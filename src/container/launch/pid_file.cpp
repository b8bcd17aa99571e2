// SPDX-License-Identifier: Apache-2.0
#include "container/launch/pid_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.hpp"
#include "sys/file.hpp"

namespace caisson::container {

namespace {

Result<FileDescriptor> open_parent(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
  FileDescriptor dir(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return fail_errno("pid file: open('{}')", parent);
  return dir;
}

/// Only a regular file is replaced by a pid file, and a symlink unless it leads to something else: a caller that names
/// /dev/stdout or a FIFO does not want a file in its place.
Status check_replaceable(FdView dir, const std::string& path) {
  const char* const name = path.c_str() + path.rfind('/') + 1;
  for (const int flags : {AT_SYMLINK_NOFOLLOW, 0}) {
    struct stat found {};
    if (::fstatat(dir.get(), name, &found, flags) != 0) {
      if (errno == ENOENT) return {};
      return fail_errno("pid file '{}'", path);
    }
    if (S_ISDIR(found.st_mode)) {
      errno = EISDIR;
      return fail_errno("pid file '{}'", path);
    }
    if (!S_ISREG(found.st_mode) && !S_ISLNK(found.st_mode))
      return fail(ErrorKind::system, "pid file '{}' exists and is not a regular file: it is not replaced", path);
  }
  return {};
}

}  // namespace

Status check_pid_file(const std::string& path) {
  if (path.empty()) return {};
  const FileDescriptor dir = CAISSON_TRY(open_parent(path));
  return check_replaceable(dir, path);
}

Status write_pid_file(const std::string& path, int pid) {
  const FileDescriptor dir = CAISSON_TRY(open_parent(path));
  // Checked again: it may have been replaced since check_pid_file().
  CAISSON_TRY(check_replaceable(dir, path));
  CAISSON_TRY(sys::replace_file(dir, path.substr(path.rfind('/') + 1), fmt::format("{}", pid), 0644), "pid file '{}'",
              path);
  return {};
}

}  // namespace caisson::container
