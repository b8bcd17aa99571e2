// SPDX-License-Identifier: Apache-2.0
#include "container/foreground/signals.hpp"

#include <signal.h>

#include <cerrno>
#include <cstring>

namespace caisson::container {

Result<SignalCustody> SignalCustody::take() {
  sigset_t signals;
  ::sigfillset(&signals);
  for (const int left :
       {SIGCHLD, SIGURG, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGTTIN, SIGTTOU, SIGTSTP})
    ::sigdelset(&signals, left);
  return SignalCustody(CAISSON_TRY(sys::SignalSource::block(signals)));
}

Status SignalCustody::wait_for(FdView fd, short events) {
  for (;;) {
    pollfd ready[] = {{fd.get(), events, 0}, {source_.fd().get(), POLLIN, 0}};
    if (::poll(ready, 2, -1) < 0 && errno != EINTR) return fail_errno("poll()");
    if (ready[0].revents != 0) return {};
    CAISSON_TRY(receive());
  }
}

Status SignalCustody::receive() {
  const int signal = source_.next();
  if (signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM)
    return fail(ErrorKind::system, "interrupted by SIG{}", ::sigabbrev_np(signal));
  // A terminal's size is nothing to a process without one; with one, the size is copied once it runs.
  if (signal != 0 && signal != SIGWINCH) kept_.push_back(signal);
  return {};
}

void SignalCustody::pass_kept(const sys::ProcessHandle& process) {
  for (const int signal : std::exchange(kept_, {})) (void)process.signal(signal);
}

}  // namespace caisson::container
