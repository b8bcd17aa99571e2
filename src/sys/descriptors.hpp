// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"

namespace caisson::sys {

/// What becomes of a range of descriptors.
enum class DescriptorFate {
  close,          ///< closed at once
  close_on_exec,  ///< marked FD_CLOEXEC
};

/// Closes or marks every descriptor from `first` to `last`, both included; `last` may be beyond the highest one.
/// close_range(2), Linux 5.9, with CLOSE_RANGE_CLOEXEC 5.11; one by one where a filter refuses it. No heap.
Status end_descriptors(unsigned first, unsigned last, DescriptorFate fate);

}  // namespace caisson::sys
