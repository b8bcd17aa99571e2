// SPDX-License-Identifier: Apache-2.0
#include "rootfs/masks.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "rootfs/device_nodes.hpp"
#include "rootfs/new_filesystem.hpp"
#include "rootfs/trees.hpp"
#include "sys/file.hpp"
#include "sys/mount.hpp"

namespace caisson::rootfs {
namespace {

/// Covers places by clones of two mounts, each made when it is first needed.
class Masker {
 public:
  Masker(const RootDir& root, const plan::RootfsPlan& plan) : root_(root), plan_(plan) {}

  Status mask(const std::string& path) {
    FileDescriptor place = CAISSON_TRY(root_.open_if_exists(path, O_PATH));
    if (!place) return {};
    if (S_ISDIR(CAISSON_TRY(sys::stat_of(place, path)).st_mode)) return cover_directory(place);
    return cover_file(place);
  }

 private:
  Status cover_directory(FdView place) {
    if (!empty_) {
      empty_ = CAISSON_TRY(make_empty_directory(plan_.mask_context, root_.fd()));
      return sys::move_mount(empty_, place);
    }
    FileDescriptor tree = CAISSON_TRY(sys::open_tree(empty_, "", sys::TreeCopy::single));
    return sys::move_mount(tree, place);
  }

  Status cover_file(FdView place) {
    if (!null_) null_ = CAISSON_TRY(open_null(root_, plan_));
    FileDescriptor tree = CAISSON_TRY(sys::open_tree(null_, "", sys::TreeCopy::single));
    return sys::move_mount(tree, place);
  }

  const RootDir& root_;
  const plan::RootfsPlan& plan_;
  FileDescriptor null_;
  FileDescriptor empty_;
};

}  // namespace

Status seal_mount(const RootDir& root, const std::string& path) {
  FileDescriptor place = CAISSON_TRY(root.open(path, O_PATH), "make '{}' read-only", path);
  return sys::set_attributes(place, {.set = MOUNT_ATTR_RDONLY});
}

Status make_readonly(const RootDir& root, const std::string& path) {
  FileDescriptor place = CAISSON_TRY(root.open_if_exists(path, O_PATH));
  if (!place) return {};
  FileDescriptor tree = CAISSON_TRY(sys::open_tree(place, "", sys::TreeCopy::recursive));
  CAISSON_TRY(sys::set_attributes(tree, {.set = MOUNT_ATTR_RDONLY}));
  return sys::move_mount(tree, place);
}

Status mask_paths(const RootDir& root, const plan::RootfsPlan& plan) {
  Masker masker(root, plan);
  for (const auto& rule : plan.masked_paths)
    CAISSON_TRY(placed(masker.mask(rule.path), rule.origin), "mask '{}'", rule.path);
  return {};
}

}  // namespace caisson::rootfs
