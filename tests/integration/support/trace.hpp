// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace caisson::testing {

/// Goes on with a call that was started with How::traced, and ends it with SIGKILL when it is about to make its n-th
/// system call (from 1) that changes anything: writes, renames, removes, sends or loads. The call does not happen.
/// False: it made fewer, and has ended by itself but for being waited for.
bool kill_at_change(pid_t pid, int n);

}  // namespace caisson::testing
