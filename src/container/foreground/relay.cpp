// SPDX-License-Identifier: Apache-2.0
#include "container/foreground/relay.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace caisson::container {

namespace {

using Next = sys::EventLoop::Next;

/// How long output may still come from a terminal whose process has ended while others hold it open: what the process
/// wrote is moved to our side by the kernel a moment after its end.
constexpr int kLastOutputMs = 50;

/// A regular file, /dev/null and the like: there is nothing to wait for, and epoll(7) takes none of them.
bool is_always_ready(FdView fd) {
  const FileDescriptor probe(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  return ::epoll_ctl(probe.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0 && errno == EPERM;
}

/// Standard output opened anew, so that not to wait on it is our choice alone and not of all who share it. What cannot
/// be opened (a socket, somebody else's terminal) is written to in pieces that a pipe with room takes whole.
Result<FileDescriptor> open_output() {
  FileDescriptor output(::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_APPEND));
  // A file has a position that all who share it move on.
  struct stat status {};
  const bool file = ::fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode);
  if (file || !output) output.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!output) return fail_errno("fcntl(standard output, F_DUPFD_CLOEXEC)");
  return output;
}

}  // namespace

Result<Relay> Relay::make(FdView master) {
  if (::fcntl(master.get(), F_SETFL, O_NONBLOCK) != 0) return fail_errno("fcntl(terminal, O_NONBLOCK)");
  // Each read then begins with a byte that says whether the program has thrown away its input: ioctl_tty(2).
  const int on = 1;
  if (::ioctl(master.get(), TIOCPKT, &on) != 0) return fail_errno("ioctl(terminal, TIOCPKT)");
  FileDescriptor reads(::fcntl(master.get(), F_DUPFD_CLOEXEC, 3));
  if (!reads) return fail_errno("fcntl(terminal, F_DUPFD_CLOEXEC)");
  FileDescriptor input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  FileDescriptor output = CAISSON_TRY(open_output());
  Relay relay(master, std::move(reads), std::move(input), std::move(output));
  relay.input_is_ready_ = relay.input_ && is_always_ready(relay.input_);
  relay.output_is_ready_ = is_always_ready(relay.output_);
  if (!relay.input_) relay.end_input();
  return relay;
}

/// Gives the program the end of its input, as a person who types Ctrl-D does. A terminal has no lasting end: the
/// character is gone once it has been read, ends only the line that it completes, and counts for nothing when the
/// program changes the terminal's mode or throws its input away. So it is given again after each of these.
void Relay::end_input() {
  // vi and less take Ctrl-D for a key like others, and would be busy with it for ever.
  constexpr int kMostRaw = 16;
  input_ended_ = true;
  if (!to_container_.empty()) return;
  termios mode{};
  const bool raw = ::tcgetattr(master_.get(), &mode) == 0 && (mode.c_lflag & ICANON) == 0;
  if (raw && ends_given_raw_++ >= kMostRaw) return;
  to_container_.bytes[0] = raw || mode.c_cc[VEOF] == _POSIX_VDISABLE ? '\004' : static_cast<char>(mode.c_cc[VEOF]);
  to_container_.from = 0;
  to_container_.to = 1;
}

/// Reads of the program's wake up who waits to write to the master, since Linux 2.6 (n_tty_check_unthrottle). With
/// EPOLLET each is an event; without it the master, which takes input nearly always, would be one long event.
Status Relay::watch_reads(sys::EventLoop& loop) {
  return loop.watch(reads_, EPOLLOUT | EPOLLET, [this, &loop](unsigned) -> Result<Next> {
    if (!input_ended_ || master_ended_) return Next::go_on;
    end_input();
    move();
    CAISSON_TRY(wait_for_more(loop));
    return Next::go_on;
  });
}

Relay::Filled Relay::fill(Flow& flow, FdView from) {
  const ssize_t size = ::read(from.get(), flow.bytes.get(), Flow::kSize);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return Filled::none;
  if (size <= 0) return Filled::end;
  flow.from = 0;
  flow.to = static_cast<std::size_t>(size);
  return Filled::some;
}

bool Relay::flush(Flow& flow, FdView to) {
  while (!flow.empty()) {
    const std::size_t piece = std::min<std::size_t>(flow.to - flow.from, PIPE_BUF);
    const ssize_t size = ::write(to.get(), flow.bytes.get() + flow.from, piece);
    if (size >= 0) {
      flow.from += static_cast<std::size_t>(size);
      // One piece at a time where writing may wait.
      if ((::fcntl(to.get(), F_GETFL) & O_NONBLOCK) == 0) return true;
    } else if (errno == EAGAIN) {
      return true;
    } else if (errno != EINTR) {
      flow.from = flow.to = 0;
      return false;
    }
  }
  return true;
}

void Relay::take_input() {
  if (fill(to_container_, input_) == Filled::end) end_input();
}

/// Reads from the terminal: a byte of packet mode, and output behind it when that is TIOCPKT_DATA.
Relay::Filled Relay::take_output() {
  const Filled filled = fill(to_caller_, master_);
  if (filled != Filled::some) return filled;
  const char status = to_caller_.bytes[0];
  to_caller_.from = 1;
  if (status == TIOCPKT_DATA) return Filled::some;
  to_caller_.from = to_caller_.to = 0;
  if ((status & TIOCPKT_FLUSHREAD) != 0 && input_ended_) end_input();
  return Filled::none;
}

/// A file is as much as the other side takes; all else comes when the loop says so.
void Relay::move() {
  while (!master_ended_) {
    (void)flush(to_container_, master_);
    if (!to_container_.empty() || input_ended_ || !input_is_ready_) break;
    take_input();
  }
  while (output_is_ready_ && !to_caller_.empty()) (void)flush(to_caller_, output_);
}

Status Relay::want(sys::EventLoop& loop, FdView fd, unsigned& present, unsigned events) {
  if (present == events) return {};
  const bool watched = present != 0;
  present = events;
  // What nobody waits for is taken out: a hang-up would be told again and again.
  if (events == 0) {
    loop.forget(fd);
    return {};
  }
  if (watched) return loop.change(fd, events);
  return loop.watch(fd, events, [this, &loop, number = fd.get()](unsigned) -> Result<Next> {
    if (number == input_.get() && to_container_.empty()) take_input();
    if (number == output_.get()) (void)flush(to_caller_, output_);
    // EIO: the last process that held the other side is gone.
    if (number == master_.get() && to_caller_.empty() && take_output() == Filled::end) master_ended_ = true;
    move();
    CAISSON_TRY(wait_for_more(loop));
    return Next::go_on;
  });
}

Status Relay::wait_for_more(sys::EventLoop& loop) {
  const bool takes_input = !input_ended_ && !master_ended_ && to_container_.empty();
  if (!input_is_ready_ && input_) CAISSON_TRY(want(loop, input_, input_events_, takes_input ? unsigned{EPOLLIN} : 0U));
  if (!output_is_ready_) CAISSON_TRY(want(loop, output_, output_events_, to_caller_.empty() ? 0U : unsigned{EPOLLOUT}));
  unsigned events = 0;
  if (!master_ended_) {
    if (to_caller_.empty()) events |= EPOLLIN;
    if (!to_container_.empty()) events |= EPOLLOUT;
  }
  return want(loop, master_, master_events_, events);
}

Status Relay::watch(sys::EventLoop& loop) {
  CAISSON_TRY(watch_reads(loop));
  move();
  return wait_for_more(loop);
}

bool Relay::more_output() {
  if (!to_caller_.empty()) return true;
  for (;;) {
    pollfd ready{master_.get(), POLLIN, 0};
    if (master_ended_ || ::poll(&ready, 1, kLastOutputMs) <= 0 || (ready.revents & POLLIN) == 0) return false;
    // Filled::none is a change of mode, with output behind it perhaps.
    if (const Filled filled = take_output(); filled != Filled::none) return filled == Filled::some;
  }
}

bool Relay::wait_for_output(FdView signals) {
  std::array<pollfd, 2> events{{{output_.get(), POLLOUT, 0}, {signals.get(), POLLIN, 0}}};
  if (!output_is_ready_ && ::poll(events.data(), events.size(), -1) < 0) return false;
  if (output_is_ready_ || events[0].revents != 0) {
    (void)flush(to_caller_, output_);
    return false;
  }
  return events[1].revents != 0;
}

}  // namespace caisson::container
