// SPDX-License-Identifier: Apache-2.0
#include "process/console.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sys/file.hpp"
#include "sys/tty.hpp"

namespace caisson::process {

namespace {

/// The container may have put anything at /dev/pts. The directory is opened without effect and must be a devpts; there
/// "ptmx" cannot be replaced, and RESOLVE_NO_XDEV keeps out what is mounted over it.
Result<FileDescriptor> open_master() {
  FileDescriptor directory =
      CAISSON_TRY(sys::open_at(FdView::cwd(), "/dev/pts", O_PATH | O_DIRECTORY, 0, RESOLVE_NO_MAGICLINKS));
  if (CAISSON_TRY(sys::filesystem_magic(directory, "/dev/pts")) != DEVPTS_SUPER_MAGIC)
    return fail(ErrorKind::system, "/dev/pts is not a devpts");
  FileDescriptor master =
      CAISSON_TRY(sys::open_at(directory, "ptmx", O_RDWR, 0, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS));
  const struct stat status = CAISSON_TRY(sys::stat_of(master, "/dev/pts/ptmx"));
  if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(5, 2))
    return fail(ErrorKind::system, "/dev/pts/ptmx is not the pty multiplexer");
  return master;
}

Result<Console> open_checked(const plan::IdentityPlan& plan) {
  Console console;
  console.master = CAISSON_TRY(open_master());
  console.slave = CAISSON_TRY(sys::open_slave(console.master));
  console.name = fmt::format("/dev/pts/{}", CAISSON_TRY(sys::slave_number(console.master)));
  if (plan.console_rows != 0 && plan.console_columns != 0)
    CAISSON_TRY(sys::set_window_size(console.slave, {plan.console_rows, plan.console_columns}));
  // The group is devpts' own choice (gid=); the user namespace may not map it.
  if (::fchown(console.slave.get(), plan.uid, static_cast<gid_t>(-1)) != 0)
    return fail_errno("fchown('{}', {})", console.name, plan.uid);
  return console;
}

}  // namespace

Result<Console> open_console(const plan::IdentityPlan& plan) {
  auto console = open_checked(plan);
  if (console) return console;
  return std::unexpected(std::move(console.error()).at(plan.pointer + "/terminal"));
}

Status take_console(FdView slave) {
  CAISSON_TRY(sys::set_controlling_terminal(slave));
  for (int fd = 0; fd <= 2; ++fd) {
    // dup2 would leave close-on-exec set on a slave that is 0, 1 or 2 already.
    const int made = slave.get() == fd ? ::fcntl(fd, F_SETFD, 0) : ::dup2(slave.get(), fd);
    if (made < 0) return fail_errno("dup2({}, {})", slave.get(), fd);
  }
  return {};
}

}  // namespace caisson::process
