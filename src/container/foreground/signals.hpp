// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "sys/event_loop.hpp"
#include "sys/process.hpp"

namespace caisson::container {

/// The caller's signals while a process that they are for is made, and until it has ended: none is lost, none ends the
/// runtime unseen.
class SignalCustody {
 public:
  /// Blocks all signals that can be passed on: all that can be caught but SIGCHLD (processes are watched by pidfd),
  /// SIGURG, those of job control that stop the caller itself, and those that a fault of ours raises.
  static Result<SignalCustody> take();

  /// Has these signals alone.
  explicit SignalCustody(sys::SignalSource source) : source_(std::move(source)) {}

  /// What the process gets back.
  const sigset_t& mask_before() const { return source_.mask_before(); }
  /// Waits for `events` (poll(2); 0 = the end alone) of `fd`. An error when SIGHUP, SIGINT, SIGQUIT or SIGTERM comes
  /// first: the process does not run yet and is given up. Other signals are kept for it.
  Status wait_for(FdView fd, short events);
  /// Takes one signal that has come. An error when it is one of those four; the others are kept.
  Status receive();
  /// The process runs: it gets what was kept.
  void pass_kept(const sys::ProcessHandle& process);

  FdView fd() const { return source_.fd(); }
  /// Next signal that has come; 0 = none.
  int next() const { return source_.next(); }
  /// The signals stay blocked when this is gone.
  void leave_blocked() { source_.leave_blocked(); }

 private:
  sys::SignalSource source_;
  std::vector<int> kept_;
};

}  // namespace caisson::container
