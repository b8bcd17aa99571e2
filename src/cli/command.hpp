// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

#include "base/error.hpp"
#include "cli/parser.hpp"
#include "container/commands.hpp"

namespace caisson::cli {

/// What a command does once its words are parsed. Value: the program's exit code.
using Run = std::move_only_function<Result<int>(const container::Globals&)>;

/// One subcommand. Each stands in a file of its own; command_table.cpp lists them.
struct Command {
  std::string_view name;
  std::string_view summary;       ///< one line of `caisson help`
  Run (*bind)(CLI::App&);         ///< declares options and arguments; the Run is called while the App still exists
  std::string_view details = {};  ///< end of the command's help page
  int failure = 1;                ///< exit code when it fails: exec's own failures differ from its process' (255)
  bool makes_containers = false;  ///< the runtime root is made when it is the user's own default
};

extern const Command kCheckpoint, kCreate, kDelete, kEvents, kExec, kFeatures, kKill, kList, kPause, kPs, kRestore,
    kResume, kRun, kSpec, kStart, kState, kStats, kUpdate;

}  // namespace caisson::cli
