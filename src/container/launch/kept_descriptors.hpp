// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"

namespace caisson::container {

/// Descriptors beyond stdio that the process keeps: $LISTEN_FDS, when they are meant for the runtime, and `preserve`.
struct KeptDescriptors {
  unsigned listen = 0;
  unsigned all = 0;
};
/// Fails when one of them is not open.
Result<KeptDescriptors> count_kept_descriptors(int preserve);

}  // namespace caisson::container
