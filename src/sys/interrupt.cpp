// SPDX-License-Identifier: Apache-2.0
#include "sys/interrupt.hpp"

#include <cstring>

namespace caisson::sys {

namespace {

constexpr std::array<int, 6> kSignals{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

volatile sig_atomic_t came = 0;
int depth = 0;  ///< how many Interruptibles live

void note(int signal) { came = signal; }

}  // namespace

Interruptible::Interruptible() : former_{} {
  if (depth++ == 0) came = 0;
  struct sigaction action {};
  action.sa_handler = note;  // without SA_RESTART: waits are to end
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &former_[i]);
    if (former_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

Interruptible::~Interruptible() {
  --depth;
  if (!restores_) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    if (former_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &former_[i], nullptr);
}

void Interruptible::ignore_from_now_on() {
  restores_ = false;
  for (const int signal : kSignals) ::signal(signal, SIG_IGN);
}

int interruption() { return came; }

Status go_on_unless_interrupted() {
  if (came == 0) return {};
  return fail(ErrorKind::system, "interrupted by SIG{}", ::sigabbrev_np(came));
}

}  // namespace caisson::sys
