// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::sys {

enum class TreeCopy {
  none,       ///< a handle on the place itself (O_PATH)
  single,     ///< a detached clone of one mount
  recursive,  ///< a detached clone of the mount and of all that is mounted below it
};

/// What becomes of the last part of a path.
enum class LastPart {
  follow,     ///< a symlink is followed; an automount point is opened as it is
  automount,  ///< a symlink is followed and an automount point mounted, as mount(2) does for the source of a bind
  keep_link,  ///< a symlink is opened itself
};

/// open_tree(2), close-on-exec. An empty `path` means `dir` itself.
Result<FileDescriptor> open_tree(FdView dir, const std::string& path, TreeCopy copy, LastPart last = LastPart::follow);

/// Whether `place` is the root of a mount, by statx(2): since Linux 5.8.
Result<bool> is_mount_root(FdView place, const std::string& name);

/// fsopen(2): a context for a new file system of `type`.
Result<FileDescriptor> open_filesystem(const std::string& type);
/// fspick(2): a context to reconfigure the file system mounted at `target`.
Result<FileDescriptor> pick_filesystem(FdView target);

/// fsconfig(FSCONFIG_SET_STRING). The kernel takes keys and values of at most kOptionLimit bytes. A failure bears what
/// the kernel logged: "tmpfs: Bad value for 'size': fsconfig(size=x): Invalid argument".
Status set_option(FdView context, const std::string& key, const std::string& value);
/// fsconfig(FSCONFIG_SET_FLAG): an option without a value.
Status set_option(FdView context, const std::string& key);
/// fsconfig(FSCONFIG_CMD_CREATE): makes (or finds) the superblock.
Status create_filesystem(FdView context);
/// fsconfig(FSCONFIG_CMD_RECONFIGURE).
Status reconfigure_filesystem(FdView context);
/// fsmount(2): a detached mount with MOUNT_ATTR_* attributes.
Result<FileDescriptor> mount_filesystem(FdView context, std::uint64_t attributes);

/// The longest key or value that fsconfig(2) takes, in bytes; longer ones (lowerdir= of overlay) need mount(2).
inline constexpr std::size_t kOptionLimit = 255;

/// What mount_setattr(2) changes. Source: mount_setattr(2), Linux 5.12.
struct AttributeChange {
  std::uint64_t set = 0;          ///< MOUNT_ATTR_*
  std::uint64_t clear = 0;        ///< MOUNT_ATTR_*
  std::uint64_t propagation = 0;  ///< MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE or 0
  int user_namespace = -1;        ///< for MOUNT_ATTR_IDMAP
  bool recursive = false;
};
/// mount_setattr(2) on the mount whose root `mount` is (EINVAL for a place inside a mount).
Status set_attributes(FdView mount, const AttributeChange& change);
/// The same by a path that the host resolves.
Status set_attributes(const std::string& path, const AttributeChange& change);

/// move_mount(2) of a whole mount onto a place, both by descriptor: no path is resolved.
Status move_mount(FdView mount, FdView target);
/// The same onto a path below `target` that the host resolves, symlinks followed.
Status move_mount(FdView mount, FdView target, const std::string& path);

/// mount(2). Only for what the calls above cannot say; each use gives its reason.
Status classic_mount(const std::string& source, const std::string& target, const std::string& type, std::uint64_t flags,
                     const std::string& data);
/// umount2(2).
Status unmount(const std::string& path, int flags);
/// pivot_root(2).
Status pivot_root(const std::string& new_root, const std::string& put_old);

}  // namespace caisson::sys
