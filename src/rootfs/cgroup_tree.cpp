// SPDX-License-Identifier: Apache-2.0
#include "rootfs/cgroup_tree.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include "rootfs/new_filesystem.hpp"
#include "rootfs/tree_attributes.hpp"
#include "rootfs/trees.hpp"
#include "sys/file.hpp"
#include "sys/mount.hpp"

namespace caisson::rootfs {
namespace {

Result<FileDescriptor> open_hierarchy(const plan::CgroupTree& op, const plan::CgroupHierarchy& hierarchy,
                                      FdView scratch) {
  if (op.fresh) {
    plan::NewFilesystem made;
    made.type = hierarchy.v2 ? "cgroup2" : "cgroup";
    made.source = "cgroup";
    made.data = hierarchy.data;
    auto tree = make_filesystem(made, op.attributes.set, std::nullopt, scratch);
    // The container's own cgroup, bound, shows the same where the kernel refuses a new mount in a user namespace.
    const int error = tree ? 0 : tree.error().sys_errno();
    if (error != EPERM && error != EBUSY) return tree;
  }
  return copy_tree({.source = hierarchy.path});
}

}  // namespace

Result<FileDescriptor> make_cgroup_directory(const plan::CgroupTree& op, FdView scratch) {
  plan::NewFilesystem tmpfs;
  tmpfs.type = "tmpfs";
  tmpfs.source = "tmpfs";
  tmpfs.data = {"mode=755"};
  if (!op.label_option.empty()) tmpfs.data.push_back(op.label_option);
  FileDescriptor top =
      CAISSON_TRY(make_filesystem(tmpfs, op.attributes.set & ~std::uint64_t{MOUNT_ATTR_RDONLY}, std::nullopt, scratch));
  for (const auto& hierarchy : op.hierarchies) {
    CAISSON_TRY(sys::make_directory(top, hierarchy.name, 0755));
    for (const auto& link : hierarchy.links)
      if (::symlinkat(hierarchy.name.c_str(), top.get(), link.c_str()) < 0) return fail_errno("symlink('{}')", link);
  }
  return top;
}

Status mount_cgroups(const plan::CgroupTree& op, FdView top, FdView scratch) {
  for (const auto& hierarchy : op.hierarchies) {
    auto tree = open_hierarchy(op, hierarchy, scratch);
    if (!tree && op.optional && tree.error().sys_errno() == ENOENT) continue;
    if (!tree) return std::unexpected(std::move(tree.error()).with(hierarchy.name));
    CAISSON_TRY(sys::move_mount(*tree, top, hierarchy.name), "{}", hierarchy.name);
  }
  // Of all of them at once.
  return change_tree(top, {}, op.attributes, {});
}

}  // namespace caisson::rootfs
