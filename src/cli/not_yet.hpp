// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "cli/command.hpp"

namespace caisson::cli {

/// The Run of a command whose words this version parses and no more: its error names it. Keeps `options` alive.
Run not_yet(std::string_view command, std::shared_ptr<void> options);

}  // namespace caisson::cli
