// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/foreground/readiness.hpp"
#include "sys/event_loop.hpp"
#include "sys/process.hpp"
#include "sys/tty.hpp"

namespace caisson::container {

/// Blocks, in the foreground, the signals that are to be passed on to the container: all that can be caught but
/// SIGCHLD (processes are watched by pidfd), SIGURG and those that a fault of our own raises. Before the container's
/// process is made: from then on no signal is lost.
Result<sys::SignalSource> block_forwarded_signals();

/// The foreground of `run` and `exec`: passes signals on, relays between the caller's terminal and the container's,
/// until the process has ended.
class Supervisor {
 public:
  /// `master` is the container's terminal, or no descriptor when its process has our standard streams.
  static Result<Supervisor> make(sys::SignalSource signals, FileDescriptor master);

  Supervisor(Supervisor&&) = default;
  Supervisor& operator=(Supervisor&&) = delete;
  /// Leaves the signals blocked. What comes too late for the process is nobody's: it must not end us, who have nothing
  /// left to do but to give its exit code.
  ~Supervisor() {
    if (signals_) signals_->leave_blocked();
  }

  /// Stays where it is when this is moved.
  const sys::SignalSource& signals() const { return *signals_; }

  /// While it waits, it passes on that the container is ready, which must outlive it.
  void pass_on(const Readiness& readiness) { readiness_ = &readiness; }

  /// Reaps `process`, our child, and every process that the kernel gives us as its subreaper. The terminal is as it
  /// was before when this returns.
  Result<sys::ExitStatus> wait(const sys::ProcessHandle& process);

 private:
  Supervisor(sys::SignalSource signals, FileDescriptor master)
      : signals_(std::make_unique<sys::SignalSource>(std::move(signals))), master_(std::move(master)) {}

  Status copy_size() const;
  Result<sys::EventLoop::Next> pass_signals(const sys::ProcessHandle& process);

  std::unique_ptr<sys::SignalSource> signals_;
  FileDescriptor master_;
  std::optional<sys::RawMode> raw_;
  const Readiness* readiness_ = nullptr;
};

}  // namespace caisson::container
