// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/parser.hpp"
#include "container/commands.hpp"

namespace caisson::cli {

/// The options that create, run and restore share, each for a container made from a bundle.
void add_bundle_options(CLI::App& app, container::CreateOptions& options);

}  // namespace caisson::cli
