// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "container/commands.hpp"

namespace caisson::cli {

/// Processor time between two looks, in percent of one processor, for each row of `now`; absent for one that `before`
/// does not have.
std::vector<std::optional<double>> cpu_percent(std::span<const container::Usage> before,
                                               std::span<const container::Usage> now);

/// A header and a line for each container.
std::string stats_table(std::span<const container::Usage> usage, std::span<const std::optional<double>> cpu);

/// One line: an array of objects with plain numbers; what is not counted or not limited is null.
std::string stats_json(std::span<const container::Usage> usage, std::span<const std::optional<double>> cpu);

/// The table as it stands on a terminal: each line no longer than `columns`, no more than `rows` of them.
std::string fit(const std::string& table, std::size_t columns, std::size_t rows);

}  // namespace caisson::cli
