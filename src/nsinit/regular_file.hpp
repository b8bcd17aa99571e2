// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::nsinit {

/// All of a regular file in a directory that others may write to: nothing else is opened for reading, so that a FIFO
/// or device in its place neither blocks nor acts. At most 16 MiB.
Result<std::string> read_regular_file(FdView dir, const std::string& name);

/// A file below a root file system that is not entered: paths are resolved within it. Empty when there is none.
Result<std::string> read_file_below(const std::string& rootfs, const std::string& path);

/// Replaces or makes the file at once; readers see the old or the new one.
Status replace_file(FdView dir, const std::string& name, std::string_view text);

}  // namespace caisson::nsinit
