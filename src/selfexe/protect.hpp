// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::container {

/// Our own program where nobody inside a container can write it, to be executed by descriptor (CVE-2019-5736):
/// a detached read-only clone of the mount it lies on when we are `privileged` (two system calls), else, and where the
/// kernel refuses that, a sealed copy in memory.
Result<FileDescriptor> open_protected_self(bool privileged);

}  // namespace caisson::container
