// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <array>

#include "base/error.hpp"

namespace caisson::sys {

/// While it lives, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1 and SIGUSR2 do not end the program: a wait that they
/// interrupt fails, so that what was begun is undone on the way out. Signals that were ignored stay so. A child that
/// executes another program has the default actions again. One within another adds nothing.
class Interruptible {
 public:
  Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
  /// The signals have their former actions again, unless they are ignored from now on.
  ~Interruptible();

  /// What was begun has succeeded, or is about to be announced: later signals are ignored until the program ends. One
  /// that came before fails the next go_on_unless_interrupted().
  void ignore_from_now_on();

 private:
  std::array<struct sigaction, 6> former_;
  bool restores_ = true;
};

/// The signal that came since an Interruptible lives; 0 = none.
int interruption();

/// For loops around a system call that failed with EINTR: success to go on, else the error that says which signal came.
Status go_on_unless_interrupted();

}  // namespace caisson::sys
