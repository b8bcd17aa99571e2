// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"

namespace caisson::container {

/// Whether a pid file can be written to `path`, before a process is started for it. Empty: none is wanted.
Status check_pid_file(const std::string& path);

/// Replaces the file at `path` by the digits of `pid`, no newline: engines read it whole as a number.
Status write_pid_file(const std::string& path, int pid);

}  // namespace caisson::container
