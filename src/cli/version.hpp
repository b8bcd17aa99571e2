// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace caisson::cli {

/// Set by the build.
extern const char* const kVersion;  ///< "0.1.0"
extern const char* const kCommit;   ///< of the source tree; "unknown" outside one

extern const bool kSystemd;  ///< the build has the systemd cgroup driver

/// What --version prints, one item a line. Engines look for the lines that begin with "commit: " and "spec: ".
std::string version_text();

}  // namespace caisson::cli
