// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

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

/// Attributes and propagation of a tree in as few mount_setattr(2) calls as their recursion allows. EPERM means that an
/// attribute is locked by a more privileged mount namespace (mount_namespaces(7)) and is said so.
Status change_tree(FdView tree, const plan::MountAttributes& attributes, const plan::MountAttributes& recursive,
                   const std::vector<plan::Propagation>& propagation);

/// A detached clone of a tree of the host, without attributes.
Result<FileDescriptor> copy_tree(const plan::CopiedTree& tree);

/// A detached new file system. `mode` is the mode= of a tmpfs that names none. `context`: from fsopen(2), where another
/// process has opened it.
Result<FileDescriptor> make_filesystem(const plan::NewFilesystem& what, std::uint64_t attributes,
                                       std::optional<mode_t> mode, FileDescriptor context = FileDescriptor());

/// What fsconfig(2) cannot say: an option value of more than 255 bytes (lowerdir= of overlay), MS_SILENT, MS_I_VERSION.
bool needs_classic_mount(const plan::NewFilesystem& what);
/// The same mount by mount(2), straight onto the working directory.
Status classic_mount_here(const plan::NewFilesystem& what, std::uint64_t attributes, std::optional<mode_t> mode);

/// Options of a file system context: "key=value" or "key".
Status set_options(FdView context, const std::vector<std::string>& data);
/// MS_SYNCHRONOUS and the like, set and cleared.
Status set_superblock_flags(FdView context, std::uint64_t set, std::uint64_t clear);

/// An empty read-only tmpfs, detached; `context` is "context=..." or empty.
Result<FileDescriptor> make_empty_directory(const std::string& context);

/// Copies what the directory `from` holds into the directory `to`: files, directories, symlinks, special files, with
/// owners, modes, times, extended attributes and the hard links among them. Symlinks are never followed. Both may be
/// O_PATH.
Status copy_contents(FdView from, FdView to);

/// User namespaces that hold the mappings of mounts; each distinct mapping is made once.
class IdMaps {
 public:
  Result<FdView> find(const plan::MountIdMap& map);

 private:
  struct Entry {
    plan::MountIdMap map;
    FileDescriptor fd;
  };
  std::vector<Entry> entries_;
};

}  // namespace caisson::rootfs
