// SPDX-License-Identifier: Apache-2.0
#include "selfexe/protect.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace caisson::container {

namespace {

constexpr const char* kSelf = "/proc/self/exe";

/// Empty when the kernel does not let us: no privilege, or our mount is not of our namespace.
FileDescriptor read_only_clone() {
  FileDescriptor tree(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, kSelf, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT)));
  if (!tree) return tree;
  // The mount belongs to no namespace a container could enter, and once we close it nobody can change it any more.
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV;
  if (::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &read_only, sizeof read_only) != 0) tree.reset();
  return tree;
}

Result<FileDescriptor> sealed_copy() {
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

}  // namespace

Result<FileDescriptor> open_protected_self(bool privileged) {
  if (privileged)
    if (FileDescriptor tree = read_only_clone()) return tree;
  return CAISSON_TRY(sealed_copy(), "protect our own binary");
}

}  // namespace caisson::container
