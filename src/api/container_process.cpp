// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "api/inside.hpp"

namespace caisson::v1 {

namespace {

/// The status of a process that has ended; it is reaped when it is our child.
caisson::Result<ExitStatus> take_status(const sys::ProcessHandle& process) {
  auto reaped = process.reap();
  if (reaped) return ExitStatus{true, reaped->code(), reaped->signalled ? reaped->value : 0};
  if (reaped.error().sys_errno() == ECHILD) return ExitStatus{.known = false};
  return std::unexpected(std::move(reaped).error());
}

caisson::Result<std::optional<ExitStatus>> wait(Process::Inside& process, int milliseconds) {
  if (!process.ended) {
    if (!CAISSON_TRY(process.handle.wait_for_end(milliseconds))) return std::nullopt;
    process.ended = CAISSON_TRY(take_status(process.handle));
  }
  return process.ended;
}

caisson::Status signal(const Process::Inside& process, int number) {
  // The kernel takes a signal for a process that nobody has reaped yet, and does nothing.
  if (process.ended || CAISSON_TRY(process.handle.wait_for_end(0)))
    return fail(ErrorKind::destroyed, "the process has ended");
  return process.handle.signal(number);
}

}  // namespace

pid_t Process::pid() const { return inside_->handle.pid(); }
int Process::pidfd() const { return inside_->handle.pidfd().get(); }
int Process::console() const { return inside_->console.get(); }

Result<void> Process::signal(int number) const {
  return to_public(v1::signal(*inside_, number), fmt::format("signal process {}", pid()));
}

Result<ExitStatus> Process::wait() const {
  auto status = wait_for(-1);
  if (!status) return std::unexpected(std::move(status).error());
  return **status;
}

Result<std::optional<ExitStatus>> Process::wait_for(int milliseconds) const {
  return to_public(v1::wait(*inside_, milliseconds), fmt::format("wait for process {}", pid()));
}

}  // namespace caisson::v1
