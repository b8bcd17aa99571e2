// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace caisson::cli {

/// The header of ps(1)'s output and those of its lines whose PID column is one of `pids`. A line that has "-" there, a
/// thread's, goes with the line before it. Errors: no column called PID.
Result<std::string> select_processes(std::string_view ps_output, std::span<const int> pids);

}  // namespace caisson::cli
