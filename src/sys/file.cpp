// SPDX-License-Identifier: Apache-2.0
#include "sys/file.hpp"

#include <linux/openat2.h>
#include <sys/random.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include <array>
#include <cstdio>
#include <utility>

#include "base/uapi.hpp"
#include "sys/anonymous_file.hpp"
#include "sys/filtered.hpp"

namespace caisson::sys {
namespace {

// With RESOLVE_IN_ROOT the kernel answers EAGAIN when a rename anywhere raced with a ".." on the way; somebody who
// renames without end must not hold us for ever.
constexpr int kRaceRetries = 128;

bool absent(int error) { return error == ENOENT || error == ENOTDIR; }

std::unexpected<Error> fail_open(int error, std::uint64_t resolve, const std::string& path) {
  errno = error;
  auto failure = fail_errno("{}('{}')", resolve ? "openat2" : "open", path);
  // openat2(2) is made for every file, and newer than some filters around the runtime.
  return std::unexpected(name_filtered_call(std::move(failure.error())));
}

}  // namespace

int try_open(FdView dir, const char* path, std::uint64_t flags, mode_t mode, std::uint64_t resolve) {
  flags |= O_CLOEXEC;
  if (!(flags & O_PATH)) flags |= O_NOCTTY;
  open_how how{};
  how.flags = flags;
  how.mode = mode;
  how.resolve = resolve;
  for (int attempt = 0;; ++attempt) {
    long fd = ::syscall(SYS_openat2, dir.get(), path, &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno == EINTR) continue;
    if (errno != EAGAIN || resolve == 0 || attempt == kRaceRetries) return -errno;
  }
}

Result<FileDescriptor> open_at(FdView dir, const std::string& path, std::uint64_t flags, mode_t mode,
                               std::uint64_t resolve) {
  int fd = try_open(dir, path.c_str(), flags, mode, resolve);
  if (fd < 0) return fail_open(-fd, resolve, path);
  return FileDescriptor(fd);
}

Result<FileDescriptor> open_if_exists(FdView dir, const std::string& path, std::uint64_t flags, std::uint64_t resolve) {
  int fd = try_open(dir, path.c_str(), flags, 0, resolve);
  if (fd >= 0) return FileDescriptor(fd);
  if (absent(-fd)) return FileDescriptor();
  return fail_open(-fd, resolve, path);
}

Result<FileDescriptor> open_directory(FdView dir, const std::string& path) {
  return open_at(dir, path, O_PATH | O_DIRECTORY);
}

namespace {

/// One read(2) to the end of `text`, which has room for `room` bytes in all. They are not filled with zeros first: what
/// the file does not reach is never touched.
ssize_t read_more(FdView fd, std::string& text, std::size_t room) {
  const std::size_t filled = text.size();
  ssize_t size = 0;
  text.resize_and_overwrite(room, [&](char* at, std::size_t most) {
    size = ::read(fd.get(), at + filled, most - filled);
    return filled + static_cast<std::size_t>(std::max(size, ssize_t{0}));
  });
  return size;
}

}  // namespace

Result<std::string> read_all(FdView fd, std::string_view name) {
  std::string text;
  for (std::size_t room = 4096;;) {
    if (room - text.size() < 512) room *= 4;
    const ssize_t size = read_more(fd, text, room);
    if (size == 0) return text;
    if (size < 0 && errno != EINTR) return fail_errno("read '{}'", name);
  }
}

Result<std::string> read_own_file(FdView dir, const std::string& path) {
  constexpr std::size_t kUsual = 8192;
  // In the place of a FIFO or a device, neither opening nor reading it waits.
  FileDescriptor fd = CAISSON_TRY(open_at(dir, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  std::string text;
  const ssize_t size = read_more(fd, text, kUsual);
  if (size > 0 && text.size() < kUsual) return text;  // as nearly always
  const struct stat info = CAISSON_TRY(stat_of(fd, path));
  if (!S_ISREG(info.st_mode)) return fail(ErrorKind::system, "'{}' is not a regular file", path);
  if (size < 0) return fail_errno("read '{}'", path);
  if (info.st_size > kLargestOwnFile)
    return fail(ErrorKind::system, "'{}' is larger than {} bytes", path, kLargestOwnFile);
  if (text.size() == kUsual) text += CAISSON_TRY(read_all(fd, path));
  return text;
}

Result<std::string> read_file(FdView dir, const std::string& path) {
  FileDescriptor fd = CAISSON_TRY(open_at(dir, path, O_RDONLY));
  return read_all(fd, path);
}

Status write_file(FdView dir, const std::string& path, std::string_view text) {
  FileDescriptor fd = CAISSON_TRY(open_at(dir, path, O_WRONLY));
  ssize_t n;
  do {
    n = ::write(fd.get(), text.data(), text.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) return fail_errno("write '{}' to '{}'", text, path);
  if (static_cast<std::size_t>(n) != text.size())
    return fail(ErrorKind::system, "write '{}' to '{}': the kernel took {} of {} bytes", text, path, n, text.size());
  return {};
}

Status write_all(FdView fd, std::string_view text, std::string_view name) {
  while (!text.empty()) {
    ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return fail_errno("write '{}'", name);
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

namespace {

/// A new file beside `name`, by a name that no other user can have put there before: the directory may be writable for
/// all.
Result<std::pair<FileDescriptor, std::string>> make_beside(FdView dir, const std::string& name, mode_t mode) {
  constexpr int kAttempts = 16;
  for (int attempt = 1;; ++attempt) {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) return fail_errno("getrandom()");
    // A long name would be too long with more.
    std::string temporary = fmt::format(".{}.{:016x}", name.substr(0, 128), number);
    const int fd = try_open(dir, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode, 0);
    if (fd >= 0) return std::pair(FileDescriptor(fd), std::move(temporary));
    if (fd != -EEXIST || attempt == kAttempts) return fail_open(-fd, 0, temporary);
  }
}

}  // namespace

Status replace_file(FdView dir, const std::string& name, std::string_view text, mode_t mode) {
  auto [file, temporary] = CAISSON_TRY(make_beside(dir, name, mode));
  auto written = write_all(file, text, name);
  file.reset();
  if (!written) {
    ::unlinkat(dir.get(), temporary.c_str(), 0);
    return written;
  }
  // Exchanged rather than renamed over: for the latter ext4 writes the new file to the disk at once, and its removal
  // waits for that.
  if (::renameat2(dir.get(), temporary.c_str(), dir.get(), name.c_str(), RENAME_EXCHANGE) == 0) {
    if (::unlinkat(dir.get(), temporary.c_str(), 0) == 0) return {};
    // It was a directory: that comes back.
    ::renameat2(dir.get(), temporary.c_str(), dir.get(), name.c_str(), RENAME_EXCHANGE);
  }
  // There is none yet, or the file system does not exchange, or it cannot be replaced.
  if (::renameat(dir.get(), temporary.c_str(), dir.get(), name.c_str()) == 0) return {};
  written = fail_errno("rename '{}' to '{}'", temporary, name);
  ::unlinkat(dir.get(), temporary.c_str(), 0);
  return written;
}

Result<bool> make_directory(FdView dir, const std::string& path, mode_t mode) {
  if (::mkdirat(dir.get(), path.c_str(), mode) == 0) return true;
  if (errno == EEXIST) return false;
  return fail_errno("mkdir('{}')", path);
}

Status make_directories(const std::string& path, mode_t mode) {
  // The whole path first: in most cases only its last part, or nothing, is missing.
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT) return fail_errno("mkdir('{}')", path);
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    CAISSON_TRY(make_directory(FdView::cwd(), path.substr(0, slash), mode));
  CAISSON_TRY(make_directory(FdView::cwd(), path, mode));
  return {};
}

Status remove_file(FdView dir, const std::string& path) {
  if (::unlinkat(dir.get(), path.c_str(), 0) == 0 || errno == ENOENT) return {};
  return fail_errno("unlink('{}')", path);
}

Result<FileDescriptor> memfd(const std::string& name, std::string_view text, bool sealed) {
  AnonymousFile file = CAISSON_TRY(make_anonymous_file(name.c_str(), FileUse::data));
  CAISSON_TRY(write_all(file.fd, text, name));
  if (sealed) return make_unchangeable(std::move(file), 0400);
  if (!text.empty() && ::lseek(file.fd.get(), 0, SEEK_SET) < 0) return fail_errno("lseek('{}')", name);
  return std::move(file.fd);
}

Result<struct stat> stat_of(FdView fd, std::string_view name) {
  struct stat st {};
  if (::fstat(fd.get(), &st) < 0) return fail_errno("fstat('{}')", name);
  return st;
}

Result<std::int64_t> filesystem_magic(FdView fd, std::string_view name) {
  struct statfs fs {};
  if (::fstatfs(fd.get(), &fs) < 0) return fail_errno("fstatfs('{}')", name);
  return static_cast<std::int64_t>(fs.f_type);
}

std::string proc_path(FdView fd) { return fmt::format("/proc/self/fd/{}", fd.get()); }

}  // namespace caisson::sys
