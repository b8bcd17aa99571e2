// SPDX-License-Identifier: Apache-2.0
#include "selfexe/sealed_copy.hpp"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sys/anonymous_file.hpp"

namespace caisson::selfexe {

namespace {

constexpr const char* kSelf = "/proc/self/exe";

}  // namespace

Result<FileDescriptor> make_sealed_copy() {
  FileDescriptor self(::open(kSelf, O_RDONLY | O_CLOEXEC));
  if (!self) return fail_errno("open('{}')", kSelf);
  struct stat info {};
  if (::fstat(self.get(), &info) != 0) return fail_errno("fstat('{}')", kSelf);
  sys::AnonymousFile copy = CAISSON_TRY(sys::make_anonymous_file("caisson", sys::FileUse::program));
  for (off_t done = 0; done < info.st_size;) {
    const ssize_t size = ::sendfile(copy.fd.get(), self.get(), &done, static_cast<std::size_t>(info.st_size - done));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return fail_errno("sendfile('{}')", kSelf);
  }
  return sys::make_unchangeable(std::move(copy), 0555);
}

}  // namespace caisson::selfexe
