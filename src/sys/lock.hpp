// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::sys {

enum class Lock { shared, exclusive };

/// flock(2) on an open file, without waiting: false when somebody else holds it. Closing the last descriptor of the
/// same opening releases it.
Result<bool> try_lock(FdView fd, Lock kind);

/// The same, waiting up to `timeout_ms`: false when that time is over. A signal ends the wait as
/// go_on_unless_interrupted() has it.
Result<bool> lock_within(FdView fd, Lock kind, int timeout_ms);

/// The process that took a flock(2) on the file behind `fd`, as /proc/locks tells it; absent when no process holds one,
/// or that process has not opened the file (it has left the lock to another one), or cannot be looked at.
std::optional<pid_t> lock_holder(FdView fd);

}  // namespace caisson::sys
