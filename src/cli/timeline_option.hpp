// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/error.hpp"
#include "cli/parser.hpp"

namespace caisson::cli {

/// --timeline, for the commands whose steps are recorded.
void add_timeline_option(CLI::App& app, std::string& file);

/// Does `action` and writes its timeline to `file`, however it ends: "-" is a chart on standard error, empty is
/// nothing.
Result<int> with_timeline(const std::string& file, const std::function<Result<int>()>& action);

}  // namespace caisson::cli
