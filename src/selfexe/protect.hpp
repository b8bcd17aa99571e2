// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"

// Our own program where no container can write it (CVE-2019-5736).
//
// /proc/PID/exe of a process that the runtime brings into a container is the runtime's program, until execve(2)
// replaces it. A program of the container's that is a script with the interpreter /proc/self/exe keeps it even after
// that. So it is one of these, never the file as it lies on the host's mount:
//
//   case                                      program                                              cost, measured
//   root, static program, create/run/exec     read-only clone of its mount, mapped by the first    12 us
//                                             instructions (early_swap.cpp)
//   root, otherwise, init runs in memory      the same clone, mapped later (swap_image.cpp)        40 us
//   root, init is executed anew               the same clone, executed by descriptor               12 us
//   not root, or the kernel refuses a clone   sealed copy in memory                                600 us
//
// The clone of open_tree(2) lies in an anonymous mount namespace while a process holds the descriptor that open_tree
// returned. Until then mount_setattr(2) asks for CAP_SYS_ADMIN over the caller's own mount namespace alone, which
// unshare(CLONE_NEWUSER | CLONE_NEWNS) gives to anybody: an O_PATH descriptor of /proc/PID/exe is then enough to clear
// the read-only flag. Once the descriptor is closed the mount is in no namespace at all, and mount_setattr and
// open_tree refuse it with EINVAL for as long as it exists. Hence seal(), which checks exactly that.
//
// A file of an overlay without an upper layer, whose superblock is read-only whatever is done to its mounts, needs no
// such order. It was not taken: it takes 40 us to make after 12, and 180 us to unmount after 40, idle.

namespace caisson::selfexe {

/// What the program is protected for.
enum class Use {
  execute,       ///< children execute it by its descriptor
  run_in_memory  ///< children are cloned from this process, whose own program it becomes where the kernel permits
};

/// The protected program.
class ProtectedProgram {
 public:
  /// `tree`: what open_tree(2) returned; none for a copy.
  ProtectedProgram(FileDescriptor file, FileDescriptor tree, bool is_own_image)
      : file_(std::move(file)), tree_(std::move(tree)), is_own_image_(is_own_image) {}

  /// For execveat(2) with AT_EMPTY_PATH.
  FdView file() const { return file_; }
  /// /proc/self/exe and all mappings of this process are of `file()`, and the process is not dumpable.
  bool is_own_image() const { return is_own_image_; }
  /// Makes the program unwritable for good and checks that. To be called before a process is cloned that processes of
  /// a container can see. Unmounting waits for an RCU grace period, some 30 us.
  /// An error when another process holds the tree: the program is not protected.
  Status seal();
  /// The same without the check, for when a process has been cloned that has a PID namespace to itself and closes its
  /// own copy of the tree first of all: the grace period passes while that process is busy. Call it before
  /// Proceed is sent, which is before that process, or a hook inside, can run a program of the container's.
  void release_tree() { tree_.reset(); }

 private:
  FileDescriptor file_;
  FileDescriptor tree_;
  bool is_own_image_;
};

/// `privileged`: CAP_SYS_ADMIN in the initial user namespace. See the table above.
Result<ProtectedProgram> protect(bool privileged, Use use);

}  // namespace caisson::selfexe
