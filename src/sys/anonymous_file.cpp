// SPDX-License-Identifier: Apache-2.0
#include "sys/anonymous_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/uapi.hpp"
#include "sys/file.hpp"

namespace caisson::sys {

namespace {

/// With vm.memfd_noexec=1 only a memfd of MFD_EXEC can be executed; 2 refuses MFD_EXEC with EACCES. Kernels
/// before 6.3 know neither flag: EINVAL.
FileDescriptor try_memfd(const char* name, FileUse use) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  FileDescriptor fd(::memfd_create(name, kFlags | (use == FileUse::program ? MFD_EXEC : MFD_NOEXEC_SEAL)));
  if (!fd && errno == EINVAL) fd.reset(::memfd_create(name, kFlags));
  return fd;
}

bool lets_programs_run(int fd) {
  struct statvfs status {};
  return ::fstatvfs(fd, &status) == 0 && (status.f_flag & ST_NOEXEC) == 0;
}

/// Root takes no directory of the environment's: its owner could serve other contents (FUSE).
FileDescriptor try_temporary_file(FileUse use) {
  const char* const of_user = ::geteuid() != 0 ? std::getenv("XDG_RUNTIME_DIR") : nullptr;
  for (const char* dir : std::array{of_user, "/run", "/dev/shm", "/tmp", "/var/tmp"}) {
    if (dir == nullptr) continue;
    FileDescriptor fd(::open(dir, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
    if (fd && (use == FileUse::data || lets_programs_run(fd.get()))) return fd;
  }
  return {};
}

}  // namespace

Result<AnonymousFile> make_anonymous_file(const char* name, FileUse use) {
  if (FileDescriptor fd = try_memfd(name, use)) return AnonymousFile{std::move(fd), true};
  const int why = errno;
  if (why == EPERM || why == ENOSYS || why == EACCES)
    if (FileDescriptor fd = try_temporary_file(use)) return AnonymousFile{std::move(fd), false};
  errno = why;
  return fail_errno("memfd_create('{}')", name);
}

Result<FileDescriptor> make_unchangeable(AnonymousFile file, mode_t mode) {
  if (::fchmod(file.fd.get(), mode) != 0) return fail_errno("fchmod(anonymous file)");
  if (::lseek(file.fd.get(), 0, SEEK_SET) < 0) return fail_errno("lseek(anonymous file)");
  if (file.is_memfd) {
    constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (::fcntl(file.fd.get(), F_ADD_SEALS, kSeals) != 0) return fail_errno("fcntl(F_ADD_SEALS)");
    return std::move(file.fd);
  }
  FileDescriptor reader(::open(proc_path(file.fd).c_str(), O_RDONLY | O_CLOEXEC));
  if (!reader) return fail_errno("open('{}')", proc_path(file.fd));
  return reader;
}

}  // namespace caisson::sys
