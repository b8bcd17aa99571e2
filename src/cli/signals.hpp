// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/error.hpp"

namespace caisson::cli {

/// A signal by number (0 ... 64; 0 asks whether there is a process) or by name, in any case, with or without SIG;
/// also RTMIN, RTMIN+N, RTMAX, RTMAX-N. Errors: unknown signal "X".
Result<int> read_signal(std::string_view text);

}  // namespace caisson::cli
