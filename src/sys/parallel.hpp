// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

namespace caisson::sys {

/// Calls `work(first, last)` for pieces of at most `piece` of the numbers below `count`, until all have been worked on:
/// in the caller's thread and, where it may run on several processors and there are several pieces, in others that are
/// gone when this returns. They take no signals. Threads that cannot be had are done without.
void share_out(std::size_t count, std::size_t piece, const std::function<void(std::size_t, std::size_t)>& work);

}  // namespace caisson::sys
