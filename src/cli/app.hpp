// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "container/commands.hpp"

namespace CLI {
class App;
}

namespace caisson::cli {

enum class Asked;

/// What nsinit adds to this command line. main() passes it in, because front ends do not include each other.
struct NsinitFrontEnd {
  /// `caisson nsinit WORD...`. Value: the exit code.
  Result<int> (*run)(const container::Globals& globals, std::span<const char* const> words) = nullptr;
  /// `caisson spec --from FILE`.
  Result<config::Spec> (*import)(const std::string& path) = nullptr;
};

/// The OCI command line: `caisson [GLOBAL OPTIONS] <command> [OPTIONS] [ARGUMENTS]`.
/// Returns the exit code: 0; 1 for failures; 255 for failures of exec itself; for run and exec that of the process.
/// A failure is printed in one write to standard error and is the only error record of the log.
/// `init` is the entry of the container's side of this program; null where there is none (tests).
int run(int argc, char** argv, container::InitEntry init = nullptr, const NsinitFrontEnd& nsinit = {});

/// Parses `words` into the variables that the options of `app` are bound to. Reads no file and no environment.
/// Errors: those of from_go_spelling(), and "invalid value for --preserve-fds: 'x' is not a number".
Result<Asked> parse(CLI::App& app, std::span<const char* const> words);

/// What run() was given.
const NsinitFrontEnd& nsinit_front_end();

}  // namespace caisson::cli
