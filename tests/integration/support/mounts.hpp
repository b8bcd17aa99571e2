// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "integration/support/json.hpp"

namespace caisson::testing {

/// The topmost mount at `target` in a report: "" pointers when there is none.
inline Json mount_at(const Json& report, const std::string& target) {
  for (std::size_t i = report.size("/mounts"); i-- > 0;) {
    const std::string at = "/mounts/" + std::to_string(i);
    if (report.str(at + "/target") == target) return report.at(at);
  }
  return {};
}

/// Whether "ro" is one of the options "ro,nosuid,...".
inline bool has_option(const std::string& options, const std::string& option) {
  return ("," + options + ",").find("," + option + ",") != std::string::npos;
}

}  // namespace caisson::testing
