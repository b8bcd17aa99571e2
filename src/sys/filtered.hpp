// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"

// A seccomp filter around the runtime (of an outer container, of a service) may refuse system calls that are newer than
// the filter. docker's, podman's and containerd's default profiles have answered ENOSYS or EPERM to those that they did
// not know. Where another call does the same, it is made instead; the calls are listed in caisson(8).

namespace caisson::sys {

/// Whether a call that failed with `sys_errno` may have been refused by a filter: the kernels that caisson runs on have
/// every call that is made, so ENOSYS is a filter's answer, and so is EPERM where the call checks no permission.
constexpr bool may_be_filtered(int sys_errno) { return sys_errno == ENOSYS || sys_errno == EPERM; }

/// Adds to an error of ENOSYS or EPERM which of the system calls that have no replacement (openat2 and the mount calls)
/// a filter refuses. They are made again with arguments that the kernel itself would refuse otherwise; nothing happens.
Error name_filtered_call(Error error);

}  // namespace caisson::sys
