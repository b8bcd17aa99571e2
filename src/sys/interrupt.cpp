// SPDX-License-Identifier: Apache-2.0
#include "sys/interrupt.hpp"

#include <cstring>

namespace caisson::sys {

namespace {

constexpr std::array<int, 6> kSignals{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

volatile sig_atomic_t came = 0;

void note(int signal) { came = signal; }

}  // namespace

Interruptible::Interruptible() : former_{} {
  came = 0;
  struct sigaction action {};
  action.sa_handler = note;  // without SA_RESTART: waits are to end
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &former_[i]);
    if (former_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

Interruptible::~Interruptible() {
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    if (former_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &former_[i], nullptr);
}

int interruption() { return came; }

Status go_on_unless_interrupted() {
  if (came == 0) return {};
  return fail(ErrorKind::system, "interrupted by SIG{}", ::sigabbrev_np(came));
}

}  // namespace caisson::sys
