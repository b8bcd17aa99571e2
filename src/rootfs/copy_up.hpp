// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::rootfs {

/// Copies the directory `from` onto the directory `to`, the root of a new tmpfs: the owner of the directory itself,
/// unless the options `data` of the tmpfs name one, and what is in it: files, directories, symlinks, special files,
/// with owners, modes, times, extended attributes (file capabilities among them), hard links among them and the holes
/// of sparse files. Symlinks are never followed. Both may be O_PATH.
Status copy_directory(FdView from, FdView to, const std::vector<std::string>& data);

}  // namespace caisson::rootfs
