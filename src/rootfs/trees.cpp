// SPDX-License-Identifier: Apache-2.0
#include "rootfs/trees.hpp"

#include <fcntl.h>

#include "sys/mount.hpp"

namespace caisson::rootfs {

namespace {

sys::TreeCopy reach_of(const plan::CopiedTree& tree) {
  return tree.recursive ? sys::TreeCopy::recursive : sys::TreeCopy::single;
}

Result<FileDescriptor> explained(Result<FileDescriptor> fd) {
  if (!fd && fd.error().sys_errno() == ENOENT)
    return std::unexpected(std::move(fd.error()).with("bind mount source stat"));
  return fd;
}

}  // namespace

Result<FileDescriptor> copy_tree(const plan::CopiedTree& tree) {
  const auto last = tree.follow ? sys::LastPart::automount : sys::LastPart::keep_link;
  return explained(sys::open_tree(FdView::cwd(), tree.source, reach_of(tree), last));
}

Result<FileDescriptor> copy_tree_inside(const RootDir& root, const plan::CopiedTree& tree) {
  const FileDescriptor place = CAISSON_TRY(explained(root.open(tree.inside, O_PATH | (tree.follow ? 0 : O_NOFOLLOW))));
  return sys::open_tree(place, "", reach_of(tree));
}

}  // namespace caisson::rootfs
