// SPDX-License-Identifier: Apache-2.0
#include "container/foreground/supervise.hpp"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "base/log.hpp"
#include "base/timeline.hpp"
#include "container/foreground/relay.hpp"

namespace caisson::container {

namespace {

using Next = sys::EventLoop::Next;

}  // namespace

Result<Supervisor> Supervisor::make(SignalCustody signals, FileDescriptor master) {
  Supervisor supervisor(std::move(signals), std::move(master));
  if (!supervisor.master_) return supervisor;
  if (sys::is_terminal(FdView::of(STDIN_FILENO))) {
    CAISSON_TRY(supervisor.copy_size());
    supervisor.raw_.emplace(CAISSON_TRY(sys::RawMode::enter(FdView::of(STDIN_FILENO))));
  }
  // A terminal in raw mode does not turn "\n" into "\r\n" any more, so the container's must. Output that goes to a file
  // or a pipe must get "\n" alone.
  if (!supervisor.raw_ || !sys::is_terminal(FdView::of(STDOUT_FILENO)))
    CAISSON_TRY(sys::keep_newlines(supervisor.master_));
  return supervisor;
}

Status Supervisor::copy_size() const {
  const sys::WindowSize size = CAISSON_TRY(sys::window_size(FdView::of(STDIN_FILENO)));
  return size.rows != 0 ? sys::set_window_size(master_, size) : Status();
}

Result<Next> Supervisor::pass_signals(const sys::ProcessHandle& process) {
  while (const int signal = signals_->next()) {
    if (signal == SIGWINCH) {
      if (raw_) CAISSON_TRY(copy_size());
      continue;
    }
    // Its end is told by its own descriptor.
    (void)process.signal(signal);
  }
  return Next::go_on;
}

Result<sys::ExitStatus> Supervisor::wait(const sys::ProcessHandle& process) {
  const timeline::Span span("wait for the process to end");
  signals_->pass_kept(process);
  sys::EventLoop loop = CAISSON_TRY(sys::EventLoop::make());
  CAISSON_TRY(loop.watch(signals_->fd(), EPOLLIN, [this, &process](unsigned) { return pass_signals(process); }));
  CAISSON_TRY(loop.watch(process.pidfd(), EPOLLIN, [](unsigned) -> Result<Next> { return Next::leave; }));
  std::optional<Relay> relay;
  if (master_) {
    relay.emplace(CAISSON_TRY(Relay::make(master_)));
    CAISSON_TRY(relay->watch(loop));
  }
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
  // Nobody is there any more to pass a signal on to: it is ours.
  if (relay)
    relay->finish(signals_->fd(), [this] {
      const int signal = signals_->next();
      return signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM;
    });
  raw_.reset();
  const sys::ExitStatus status = CAISSON_TRY(process.reap());
  // As subreaper we inherit what the container leaves behind where it has no PID namespace of its own.
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  return status;
}

}  // namespace caisson::container
