// SPDX-License-Identifier: Apache-2.0
#pragma once

// The public names live in caisson::v1, which is inline: programs write caisson::Container. The library itself has
// other types of the same names one level above, and while it is built sees v1 as a plain namespace; both are the same
// to a linker.
namespace caisson {
#ifdef CAISSON_BUILDS_ITSELF
namespace v1 {}
#else
inline namespace v1 {}
#endif
}  // namespace caisson
