// SPDX-License-Identifier: Apache-2.0
#pragma once

// The public types live in caisson::v1, which is inline: programs write caisson::Container. The sources of the library
// themselves have other types of the same names one level above, and see it as a plain namespace.
#ifdef CAISSON_BUILDS_ITSELF
#define CAISSON_PUBLIC_NAMESPACE namespace v1
#else
#define CAISSON_PUBLIC_NAMESPACE inline namespace v1
#endif
