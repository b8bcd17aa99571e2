// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "container/commands.hpp"

namespace caisson::cli {

/// What the second front adds to this one: main() brings them together, for fronts do not include each other.
struct Neighbour {
  /// `caisson nsinit WORD...`. Value: the exit code.
  Result<int> (*nsinit)(const container::Globals& globals, std::span<const char* const> words) = nullptr;
  /// `caisson spec --from FILE`.
  Result<config::Spec> (*import)(const std::string& path) = nullptr;
};

/// The OCI command line: `caisson [GLOBAL OPTIONS] <command> [OPTIONS] [ARGUMENTS]`.
/// Returns the program's exit code: 0, 1 for failures, 255 for exec's own, else the process' of run and exec.
/// A failure is printed once, in one write to standard error, and is the one error record of the log.
/// `init` is the container's side of this program.
int run(int argc, char** argv, container::InitEntry init = nullptr, const Neighbour& neighbour = {});

}  // namespace caisson::cli
