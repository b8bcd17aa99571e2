// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "plan/rootfs.hpp"
#include "rootfs/root_dir.hpp"

namespace caisson::rootfs {

/// Names the config value behind a failure.
template <class T>
Result<T> placed(Result<T> result, const std::string& origin) {
  if (!result && !origin.empty()) return std::unexpected(std::move(result.error()).at(origin));
  return result;
}

/// A detached clone of a tree of the host, without attributes. A source that is an automount point not visited before
/// is mounted by this, as by mount(2).
Result<FileDescriptor> copy_tree(const plan::CopiedTree& tree);

/// The same for a source below the rootfs (`tree.inside`), found as the container finds it: a symlink of the image does
/// not lead out of it.
Result<FileDescriptor> copy_tree_inside(const RootDir& root, const plan::CopiedTree& tree);

}  // namespace caisson::rootfs
