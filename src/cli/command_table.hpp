// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "base/error.hpp"
#include "cli/command.hpp"

namespace caisson::cli {

/// All commands, by name.
std::span<const Command* const> commands();

/// ErrorKind::config: "unknown command 'lst': did you mean 'list'?".
Result<const Command*> find_command(std::string_view name);

/// What the Apps of the commands and that of the global options have in common.
void set_up(CLI::App& app);

/// Names and describes `app` and binds the command to it.
Run prepare(CLI::App& app, const Command& command);

}  // namespace caisson::cli
