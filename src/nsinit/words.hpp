// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace caisson::nsinit {

/// What the words behind "nsinit" ask for.
struct Words {
  enum class Command { help, version, init, exec, list_functions, stats, config, pause, unpause };
  Command command = Command::help;
  std::string function = "exec";  ///< exec: what to do in a container that is there
  std::vector<std::string> args;  ///< exec: what to run, or the function's arguments
};

/// Options of exec end at its first word that is none, or at "--".
Result<Words> read_words(std::span<const char* const> words);

std::string help_text();
/// The functions of exec, NAME and USAGE.
std::string function_table();

}  // namespace caisson::nsinit
