// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "cli/parser.hpp"
#include "container/commands.hpp"

/// Commands that act on several containers at once.
namespace caisson::cli {

/// `first` and the words of rest().
std::vector<std::string> all_ids(const std::string& first, const CLI::App& app);

/// Ids of the runtime root's containers that `pattern`, an extended regular expression (regex(7)), matches anywhere.
/// ErrorKind::config where it is none.
Result<std::vector<std::string>> match_ids(const container::Globals& globals, const std::string& pattern);

/// Calls `act` for each id, for the others too when it fails for one. The error of one failure is that of `act`, with
/// "COMMAND ID" before it; those of several stand in one line.
Status for_each_id(std::string_view command, const std::vector<std::string>& ids,
                   const std::function<Status(const std::string&)>& act);

}  // namespace caisson::cli
