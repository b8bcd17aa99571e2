// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "container/commands.hpp"

namespace caisson::cli {

/// The OCI command line: `caisson [GLOBAL OPTIONS] <command> [OPTIONS] [ARGUMENTS]`.
/// Returns the program's exit code: 0, 1 for failures, 255 for exec's own, else the process' of run and exec.
/// A failure is printed once, in one write to standard error, and is the one error record of the log.
/// `init` is the container's side of this program.
int run(int argc, char** argv, container::InitEntry init = nullptr);

}  // namespace caisson::cli
