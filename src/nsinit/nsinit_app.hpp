// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "container/commands.hpp"

namespace caisson::nsinit {

/// The 2014 command line: `words` are what stands behind "nsinit". Value: the program's exit code.
Result<int> run(const container::Globals& globals, std::span<const char* const> words);

/// The config.json that means the same as the container.json at `path`; its process runs a shell. What config.json has
/// no words for is an error that names it.
Result<config::Spec> import(const std::string& path);

}  // namespace caisson::nsinit
