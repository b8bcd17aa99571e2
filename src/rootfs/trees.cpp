// SPDX-License-Identifier: Apache-2.0
#include "rootfs/trees.hpp"

#include "sys/mount.hpp"

namespace caisson::rootfs {

Result<FileDescriptor> copy_tree(const plan::CopiedTree& tree) {
  const auto copy = tree.recursive ? sys::TreeCopy::recursive : sys::TreeCopy::single;
  const auto last = tree.follow ? sys::LastPart::automount : sys::LastPart::keep_link;
  auto fd = sys::open_tree(FdView::cwd(), tree.source, copy, last);
  if (!fd && fd.error().sys_errno() == ENOENT)
    return std::unexpected(std::move(fd.error()).with("bind mount source stat"));
  return fd;
}

}  // namespace caisson::rootfs
