// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace caisson::testing {

/// Why the running test case was left out; empty = it was not. Read by the reporter.
inline std::string skip_reason;

}  // namespace caisson::testing

/// Leaves the test case and has it counted and printed as skipped: for what this host or its user cannot do, never
/// for what caisson cannot do.
#define CAISSON_SKIP(reason)                    \
  do {                                          \
    ::caisson::testing::skip_reason = (reason); \
    return;                                     \
  } while (false)
