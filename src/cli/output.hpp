// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "container/commands.hpp"

namespace caisson::cli {

/// Writes all of `text` to standard output.
Status print(std::string_view text);
/// Writes `line`, made printable and with a newline behind it, to standard error. One write(2): conmon reads the pipe
/// once and takes what it gets for the whole message.
void print_error(std::string_view line);

/// Rows as columns that stand 3 spaces apart and are at least 12 wide; the last cell of a row is not padded.
std::string table(std::span<const std::vector<std::string>> rows);

/// The state object, two spaces a level, no newline at the end.
std::string state_json(const container::ContainerState& state);
/// One line: an array of state objects, "null" when there are none.
std::string list_json(std::span<const container::ContainerState> states);
/// One line: an array of numbers, "null" when there are none.
std::string numbers_json(std::span<const int> numbers);

}  // namespace caisson::cli
