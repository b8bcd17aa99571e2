// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::selfexe {

/// A copy of our own program in memory that nobody can write, grow or shrink (memfd_create(2), F_SEAL_*), opened for
/// reading alone, to be executed by descriptor.
Result<FileDescriptor> make_sealed_copy();

}  // namespace caisson::selfexe
