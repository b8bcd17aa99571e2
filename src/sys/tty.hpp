// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <termios.h>

#include <cstdint>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::sys {

/// In characters.
struct WindowSize {
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  bool operator==(const WindowSize&) const = default;
};

bool is_terminal(FdView fd);
/// ioctl(TIOCGWINSZ).
Result<WindowSize> window_size(FdView terminal);
/// ioctl(TIOCSWINSZ); tells the foreground process group by SIGWINCH when it changes.
Status set_window_size(FdView terminal, WindowSize size);

/// Unlocks the slave of a pty master and opens it without a path: TIOCSPTLCK, TIOCGPTPEER (Linux 4.13).
Result<FileDescriptor> open_slave(FdView master);
/// Number N of the slave /dev/pts/N. ioctl(TIOCGPTN).
Result<unsigned> slave_number(FdView master);
/// setsid(2), which is no error for a session's leader, then ioctl(TIOCSCTTY).
Status set_controlling_terminal(FdView slave);
/// The terminal writes "\n" as it is, not as "\r\n": clears ONLCR.
Status keep_newlines(FdView terminal);

/// A terminal in raw mode, and in its former mode again when this goes out of scope.
class RawMode {
 public:
  static Result<RawMode> enter(FdView terminal);
  RawMode(RawMode&& other) noexcept : fd_(std::exchange(other.fd_, -1)), former_(other.former_) {}
  RawMode& operator=(RawMode&&) = delete;
  ~RawMode() { restore(); }
  void restore();

 private:
  RawMode(int fd, const termios& former) : fd_(fd), former_(former) {}
  int fd_;
  termios former_;
};

}  // namespace caisson::sys
