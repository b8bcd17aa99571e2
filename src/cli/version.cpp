// SPDX-License-Identifier: Apache-2.0
#include "cli/version.hpp"

#include <fmt/core.h>

#include "config/spec.hpp"
#include "container/probe.hpp"

namespace caisson::cli {

std::string version_text() {
  return fmt::format("caisson version {}\ncommit: {}\nspec: {}\nlibseccomp: {}\n", kVersion, kCommit,
                     config::kSpecVersion, container::libseccomp_version());
}

}  // namespace caisson::cli
