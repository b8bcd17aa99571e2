// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/context.hpp"
#include "process/executable.hpp"
#include "rootfs/new_filesystem.hpp"
#include "sys/mount.hpp"
#include "sys/namespace.hpp"
#include "sys/process.hpp"
#include "sys/socket.hpp"

namespace caisson::init {

namespace {

/// An empty directory becomes all that the caller, and what it clones, can reach by path: its mount namespace holds
/// nothing else.
Status enter_empty_root() {
  CAISSON_TRY(sys::make_namespaces(CLONE_NEWNS));
  CAISSON_TRY(sys::set_attributes("/", {.propagation = MS_PRIVATE, .recursive = true}));
  const FileDescriptor empty = CAISSON_TRY(rootfs::make_empty_directory({}, FdView::of(-1)));
  CAISSON_TRY(sys::move_mount(empty, FdView::cwd(), "/"));
  if (::fchdir(empty.get()) != 0) return fail_errno("fchdir(empty root)");
  CAISSON_TRY(sys::pivot_root(".", "."));
  return sys::unmount(".", MNT_DETACH);
}

/// Clones the process that calls `open`, and waits for it.
Status clone_opener(FdView pid_namespace, const wire::Channel& channel,
                    const std::function<Result<FileDescriptor>()>& open) {
  CAISSON_TRY(sys::set_parent_death_signal(SIGKILL));
  CAISSON_TRY(enter_empty_root());
  CAISSON_TRY(sys::join_namespace(pid_namespace, CLONE_NEWPID));
  const std::array<int, 1> keep{channel.fd().get()};
  CAISSON_TRY(process::close_descriptors(3, keep));
  auto cloned = CAISSON_TRY(sys::clone3({}));
  if (cloned.pid != 0) {
    CAISSON_TRY(sys::ProcessHandle(cloned.pid, std::move(cloned.pidfd)).reap());
    return {};
  }
  const FileDescriptor opened = CAISSON_TRY(open());
  CAISSON_TRY(channel.send(wire::More{}, {opened}));
  ::_exit(0);
}

}  // namespace

Result<FileDescriptor> open_in_pid_namespace(FdView pid_namespace,
                                             const std::function<Result<FileDescriptor>()>& open) {
  auto [ours, theirs] = CAISSON_TRY(sys::packet_pair());
  auto cloned = CAISSON_TRY(sys::clone3({}));
  if (cloned.pid == 0) {
    ours.reset();
    const wire::Channel channel(std::move(theirs));
    if (auto done = clone_opener(pid_namespace, channel, open); !done)
      (void)channel.send(wire::Failed{std::move(done).error()});
    ::_exit(0);
  }
  theirs.reset();
  const wire::Channel channel(std::move(ours));
  const sys::ProcessHandle helper(cloned.pid, std::move(cloned.pidfd));
  std::vector<FileDescriptor> opened;
  auto answer = channel.expect<wire::More>(&opened);
  CAISSON_TRY(helper.reap());
  CAISSON_TRY(std::move(answer));
  if (opened.size() != 1) return fail(ErrorKind::system, "{} descriptors came from the PID namespace", opened.size());
  return std::move(opened.front());
}

}  // namespace caisson::init
