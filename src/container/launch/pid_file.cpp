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

}  // namespace

Status check_pid_file(const std::string& path) {
  if (path.empty()) return {};
  const FileDescriptor dir = CAISSON_TRY(open_parent(path));
  struct stat found {};
  if (::fstatat(dir.get(), path.c_str() + path.rfind('/') + 1, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISDIR(found.st_mode)) {
    errno = EISDIR;
    return fail_errno("pid file '{}'", path);
  }
  return {};
}

Status write_pid_file(const std::string& path, int pid) {
  const FileDescriptor dir = CAISSON_TRY(open_parent(path));
  CAISSON_TRY(sys::replace_file(dir, path.substr(path.rfind('/') + 1), fmt::format("{}", pid), 0644), "pid file '{}'",
              path);
  return {};
}

}  // namespace caisson::container
