// SPDX-License-Identifier: Apache-2.0
#include "container/supervise.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

#include "base/log.hpp"
#include "base/timeline.hpp"
#include "sys/file.hpp"

namespace caisson::container {

namespace {

using Next = sys::EventLoop::Next;

/// How long output may still come from a terminal whose process has ended while others hold it open: what the process
/// wrote is moved to our side by the kernel a moment after its end.
constexpr int kLastOutputMs = 50;

/// True when bytes were moved; false at the end of input, or when nothing is left.
bool copy_once(FdView from, FdView to) {
  char bytes[16 * 1024];
  ssize_t size = 0;
  while ((size = ::read(from.get(), bytes, sizeof bytes)) < 0 && errno == EINTR) {
  }
  if (size <= 0) return false;
  return sys::write_all(to, std::string_view(bytes, static_cast<std::size_t>(size)), "terminal").has_value();
}

}  // namespace

Result<sys::SignalSource> block_forwarded_signals() {
  sigset_t signals;
  ::sigfillset(&signals);
  for (const int kept :
       {SIGCHLD, SIGURG, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGTTIN, SIGTTOU, SIGTSTP})
    ::sigdelset(&signals, kept);
  return sys::SignalSource::block(signals);
}

Result<Supervisor> Supervisor::make(sys::SignalSource signals, FileDescriptor master) {
  Supervisor supervisor(std::move(signals), std::move(master));
  if (!supervisor.master_) return supervisor;
  if (sys::is_terminal(FdView::of(STDIN_FILENO))) {
    CAISSON_TRY(supervisor.copy_size());
    supervisor.raw_.emplace(CAISSON_TRY(sys::RawMode::enter(FdView::of(STDIN_FILENO))));
    // Our own terminal turns "\n" into "\r\n" no longer, so the container's must; without one nobody should.
  } else {
    CAISSON_TRY(sys::keep_newlines(supervisor.master_));
  }
  return supervisor;
}

Status Supervisor::copy_size() const {
  const sys::WindowSize size = CAISSON_TRY(sys::window_size(FdView::of(STDIN_FILENO)));
  return size.rows != 0 ? sys::set_window_size(master_, size) : Status();
}

Status Supervisor::watch_terminal(sys::EventLoop& loop) {
  input_.reset(::dup(STDIN_FILENO));
  const FdView input = input_;
  const FdView master = master_;
  auto relay_input = [this, &loop, input, master](unsigned) -> Result<Next> {
    if (!copy_once(input, master)) {
      loop.forget(input);
      // The program reads the end of its input as from a person who types Ctrl-D.
      if (!raw_) (void)sys::write_all(master, "\004", "terminal");
    }
    return Next::go_on;
  };
  const Status watched = loop.watch(input, EPOLLIN, relay_input);
  // A regular file cannot be waited for and needs not: it is all there.
  if (!watched && watched.error().sys_errno() == EPERM) {
    while (copy_once(input, master)) {
    }
    (void)sys::write_all(master, "\004", "terminal");
  } else if (!watched) {
    return watched;
  }
  return loop.watch(master, EPOLLIN, [&loop, master](unsigned) -> Result<Next> {
    // EIO: the last process that held the other side is gone.
    if (!copy_once(master, FdView::of(STDOUT_FILENO))) loop.forget(master);
    return Next::go_on;
  });
}

Result<Next> Supervisor::pass_signals(const sys::ProcessHandle& process) {
  while (const int signal = signals_.next()) {
    if (signal == SIGWINCH) {
      if (raw_) CAISSON_TRY(copy_size());
      continue;
    }
    // Its end is told by its own descriptor.
    (void)process.signal(signal);
  }
  return Next::go_on;
}

void Supervisor::drain_output() {
  pollfd ready{master_.get(), POLLIN, 0};
  while (::poll(&ready, 1, kLastOutputMs) > 0 && (ready.revents & POLLIN) != 0)
    if (!copy_once(master_, FdView::of(STDOUT_FILENO))) break;
}

Result<sys::ExitStatus> Supervisor::wait(const sys::ProcessHandle& process) {
  const timeline::Span span("wait for the process to end");
  sys::EventLoop loop = CAISSON_TRY(sys::EventLoop::make());
  CAISSON_TRY(loop.watch(signals_.fd(), EPOLLIN, [this, &process](unsigned) { return pass_signals(process); }));
  CAISSON_TRY(loop.watch(process.pidfd(), EPOLLIN, [](unsigned) -> Result<Next> { return Next::leave; }));
  if (master_) CAISSON_TRY(watch_terminal(loop));
  if (readiness_ != nullptr)
    CAISSON_TRY(loop.watch(readiness_->socket(), EPOLLIN, [this, &loop](unsigned) -> Result<Next> {
      // We stay the service's main process, and the container's end is ours.
      const auto passed = readiness_->pass_on(0);
      if (!passed) log::warn("{}", passed.error().message());
      if (!passed || *passed) loop.forget(readiness_->socket());
      return Next::go_on;
    }));
  CAISSON_TRY(loop.run());
  // It may have said so as the last it did.
  if (readiness_ != nullptr) readiness_->pass_on_what_came();
  if (master_) drain_output();
  raw_.reset();
  const sys::ExitStatus status = CAISSON_TRY(process.reap());
  // As subreaper we inherit what the container leaves behind where it has no PID namespace of its own.
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  return status;
}

}  // namespace caisson::container
