// SPDX-License-Identifier: Apache-2.0
#include "sys/interrupt.hpp"

#include <sys/time.h>

#include <cstring>

namespace caisson::sys {

namespace {

constexpr std::array<int, 6> kSignals{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

volatile sig_atomic_t came = 0;
int depth = 0;  ///< how many Interruptibles live

void only_interrupt(int) {}

/// Signals by the alarm clock from now on, every few milliseconds: one that came just before a system call that waits
/// would not interrupt it, and there would be no second one. timer_settime(2) and its kin may be called here.
void set_alarms(bool on) {
  constexpr suseconds_t kEvery = 10'000;
  itimerval every{};
  if (on) every.it_interval.tv_usec = every.it_value.tv_usec = kEvery;
  ::setitimer(ITIMER_REAL, &every, nullptr);
}

void note(int signal) {
  came = signal;
  struct sigaction action {};
  action.sa_handler = only_interrupt;
  ::sigaction(SIGALRM, &action, nullptr);
  set_alarms(true);
}

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
  if (--depth == 0 && came != 0) set_alarms(false);
  if (!restores_) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    if (former_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &former_[i], nullptr);
}

void Interruptible::ignore_from_now_on() {
  restores_ = false;
  set_alarms(false);
  for (const int signal : kSignals) ::signal(signal, SIG_IGN);
}

int interruption() { return came; }

Status go_on_unless_interrupted() {
  if (came == 0) return {};
  return fail(ErrorKind::system, "interrupted by SIG{}", ::sigabbrev_np(came));
}

}  // namespace caisson::sys
