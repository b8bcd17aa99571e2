// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "plan/rootfs.hpp"

namespace caisson::rootfs {

/// Names the config value behind a failure.
template <class T>
Result<T> placed(Result<T> result, const std::string& origin) {
  if (!result && !origin.empty()) return std::unexpected(std::move(result.error()).at(origin));
  return result;
}

/// A detached clone of a tree of the host, without attributes. A source that is an automount point nobody has visited
/// is mounted by this, as by mount(2).
Result<FileDescriptor> copy_tree(const plan::CopiedTree& tree);

}  // namespace caisson::rootfs
