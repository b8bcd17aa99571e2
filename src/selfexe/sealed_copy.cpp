// SPDX-License-Identifier: Apache-2.0
#include "selfexe/sealed_copy.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sys/file.hpp"

namespace caisson::selfexe {

namespace {

constexpr const char* kSelf = "/proc/self/exe";

}  // namespace

Result<FileDescriptor> make_sealed_copy() {
  FileDescriptor self(::open(kSelf, O_RDONLY | O_CLOEXEC));
  if (!self) return fail_errno("open('{}')", kSelf);
  struct stat info {};
  if (::fstat(self.get(), &info) != 0) return fail_errno("fstat('{}')", kSelf);
  FileDescriptor copy(::memfd_create("caisson", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy) return fail_errno("memfd_create");
  for (off_t done = 0; done < info.st_size;) {
    const ssize_t size = ::sendfile(copy.get(), self.get(), &done, static_cast<std::size_t>(info.st_size - done));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return fail_errno("sendfile('{}')", kSelf);
  }
  if (::fchmod(copy.get(), 0555) != 0) return fail_errno("fchmod(memfd)");
  if (::fcntl(copy.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    return fail_errno("fcntl(F_ADD_SEALS)");
  return copy;
}

}  // namespace caisson::selfexe
