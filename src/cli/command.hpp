// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "cli/app.hpp"
#include "cli/grammar.hpp"
#include "container/commands.hpp"

namespace caisson::cli {

/// What a command does once its words are read. Value: the program's exit code.
using Run = std::move_only_function<Result<int>(const container::Globals&)>;

/// One subcommand. Each stands in a file of its own; the table in app.cpp lists them.
struct Command {
  std::string_view name;
  std::string_view summary;       ///< one line of `caisson help`
  Run (*bind)(Grammar&);          ///< says how the command's words are read, and what is done with them
  std::string_view details = {};  ///< end of the command's help page
  int failure = 1;                ///< exit code when it fails: exec's own failures differ from its process' (255)
  bool makes_containers = false;  ///< the runtime root is made when it is the user's own default
};

extern const Command kCheckpoint, kCreate, kDelete, kEvents, kExec, kFeatures, kKill, kList, kPause, kPs, kRestore,
    kResume, kRun, kSpec, kStart, kState, kStats, kUpdate;

/// All of them, by name.
std::span<const Command* const> commands();

/// What run() was given.
const Neighbour& neighbour();

/// The Run of a command whose words this version reads and no more: its error names it. Keeps `options` alive.
Run not_yet(std::string_view command, std::shared_ptr<void> options);

}  // namespace caisson::cli
