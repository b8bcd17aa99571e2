// SPDX-License-Identifier: Apache-2.0
#include "sys/tty.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace caisson::sys {

bool is_terminal(FdView fd) { return ::isatty(fd.get()) == 1; }

Result<WindowSize> window_size(FdView terminal) {
  winsize size{};
  if (::ioctl(terminal.get(), TIOCGWINSZ, &size) != 0) return fail_errno("ioctl(TIOCGWINSZ)");
  return WindowSize{size.ws_row, size.ws_col};
}

Status set_window_size(FdView terminal, WindowSize size) {
  const winsize wanted{size.rows, size.columns, 0, 0};
  if (::ioctl(terminal.get(), TIOCSWINSZ, &wanted) == 0) return {};
  return fail_errno("ioctl(TIOCSWINSZ, {}x{})", size.rows, size.columns);
}

Result<FileDescriptor> open_slave(FdView master) {
  const int unlock = 0;
  if (::ioctl(master.get(), TIOCSPTLCK, &unlock) != 0) return fail_errno("ioctl(TIOCSPTLCK)");
  FileDescriptor slave(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave) return fail_errno("ioctl(TIOCGPTPEER)");
  return slave;
}

Result<unsigned> slave_number(FdView master) {
  unsigned number = 0;
  if (::ioctl(master.get(), TIOCGPTN, &number) != 0) return fail_errno("ioctl(TIOCGPTN)");
  return number;
}

Status set_controlling_terminal(FdView slave) {
  if (::setsid() < 0 && errno != EPERM) return fail_errno("setsid()");
  if (::ioctl(slave.get(), TIOCSCTTY, 0) != 0) return fail_errno("ioctl(TIOCSCTTY)");
  return {};
}

Status keep_newlines(FdView terminal) {
  termios mode{};
  if (::tcgetattr(terminal.get(), &mode) != 0) return fail_errno("tcgetattr()");
  mode.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  if (::tcsetattr(terminal.get(), TCSANOW, &mode) != 0) return fail_errno("tcsetattr()");
  return {};
}

Result<RawMode> RawMode::enter(FdView terminal) {
  termios former{};
  if (::tcgetattr(terminal.get(), &former) != 0) return fail_errno("tcgetattr()");
  termios raw = former;
  ::cfmakeraw(&raw);
  if (::tcsetattr(terminal.get(), TCSANOW, &raw) != 0) return fail_errno("tcsetattr()");
  return RawMode(terminal.get(), former);
}

void RawMode::restore() {
  if (fd_ < 0) return;
  ::tcsetattr(fd_, TCSANOW, &former_);
  fd_ = -1;
}

}  // namespace caisson::sys
