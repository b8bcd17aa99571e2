// SPDX-License-Identifier: Apache-2.0
#include "selfexe/protect.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/timeline.hpp"
#include "selfexe/sealed_copy.hpp"
#include "selfexe/swap_image.hpp"
#include "sys/file.hpp"
#include "sys/process.hpp"

namespace caisson::selfexe {

namespace {

/// No descriptor when the kernel refuses: the caller has no privilege, or the mount is not of its mount namespace.
FileDescriptor clone_read_only() {
  FileDescriptor tree(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT)));
  if (!tree) return tree;
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV;
  if (::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &read_only, sizeof read_only) != 0) tree.reset();
  return tree;
}

/// The file itself keeps the mount alive when the tree is closed, and can be executed.
FileDescriptor open_program(const FileDescriptor& tree) {
  return FileDescriptor(::open(sys::proc_path(tree).c_str(), O_RDONLY | O_CLOEXEC));
}

bool become_own_image(FdView program) {
  return replace_own_image(program).has_value() && sys::hide_from_others().has_value();
}

}  // namespace

Status ProtectedProgram::seal() {
  if (!tree_) return {};
  tree_.reset();
  // Setting what is set already changes nothing and asks whether it could be changed.
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY;
  const long changed = ::syscall(SYS_mount_setattr, file_.get(), "", AT_EMPTY_PATH, &read_only, sizeof read_only);
  if (changed < 0 && errno == EINVAL) return {};
  return fail(ErrorKind::system, "cannot protect caisson's program: another process holds its mount");
}

Result<ProtectedProgram> protect(bool privileged, Use use) {
  const timeline::Span span("protect our own binary");
  const bool swap = use == Use::run_in_memory;
  if (EarlyImage early = take_early_image(); early.program) {
    const bool own = swap && hide_own_arguments() && sys::hide_from_others();
    return ProtectedProgram(std::move(early.program), std::move(early.tree), own);
  }
  if (privileged) {
    FileDescriptor tree = clone_read_only();
    FileDescriptor program = tree ? open_program(tree) : FileDescriptor();
    if (program) {
      const bool own = swap && become_own_image(program);
      return ProtectedProgram(std::move(program), std::move(tree), own);
    }
  }
  FileDescriptor copy = CAISSON_TRY(make_sealed_copy(), "protect caisson's own program");
  const bool own = swap && become_own_image(copy);
  return ProtectedProgram(std::move(copy), FileDescriptor(), own);
}

}  // namespace caisson::selfexe
