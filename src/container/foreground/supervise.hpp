// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/foreground/readiness.hpp"
#include "container/foreground/signals.hpp"
#include "sys/event_loop.hpp"
#include "sys/process.hpp"
#include "sys/tty.hpp"

namespace caisson::container {

/// The foreground of `run` and `exec`: passes signals on, relays between the caller's terminal and the container's,
/// until the process has ended.
class Supervisor {
 public:
  /// `master` is the container's terminal, or no descriptor when its process has our standard streams.
  static Result<Supervisor> make(SignalCustody signals, FileDescriptor master);

  Supervisor(Supervisor&&) = default;
  Supervisor& operator=(Supervisor&&) = delete;
  /// Leaves the signals blocked. What comes too late for the process is nobody's: it must not end us, who have nothing
  /// left to do but to give its exit code.
  ~Supervisor() {
    if (signals_) signals_->leave_blocked();
  }

  /// For what is waited for before and after wait(). Its address does not change when this is moved.
  SignalCustody& signals() { return *signals_; }

  /// While it waits, it passes on that the container is ready, which must outlive it.
  void pass_on(const Readiness& readiness) { readiness_ = &readiness; }

  /// Reaps `process`, our child, and every process that the kernel gives us as its subreaper. The terminal is as it
  /// was before when this returns.
  Result<sys::ExitStatus> wait(const sys::ProcessHandle& process);

 private:
  Supervisor(SignalCustody signals, FileDescriptor master)
      : signals_(std::make_unique<SignalCustody>(std::move(signals))), master_(std::move(master)) {}

  Status copy_size() const;
  Result<sys::EventLoop::Next> pass_signals(const sys::ProcessHandle& process);

  std::unique_ptr<SignalCustody> signals_;
  FileDescriptor master_;
  std::optional<sys::RawMode> raw_;
  const Readiness* readiness_ = nullptr;
};

}  // namespace caisson::container
