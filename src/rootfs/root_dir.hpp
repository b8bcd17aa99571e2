// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::rootfs {

/// What stands at the end of a path that is to be made.
enum class Kind { directory, file };

/// A place in the tree (O_PATH), and how it was found.
struct Place {
  FileDescriptor fd;       ///< empty: nothing is there
  bool existed = true;     ///< false: made by the call that returned it
  bool symlinked = false;  ///< a symlink may have been followed: the path does not say where this is
};

/// The one handle on the container's root file system. Every path is resolved by openat2(2) with RESOLVE_IN_ROOT and
/// RESOLVE_NO_MAGICLINKS below one descriptor: "..", absolute symlinks and the links of /proc cannot leave it, whatever
/// another process does to the tree meanwhile (CVE-2019-18837, CVE-2021-30465, CVE-2024-45310).
/// All paths are as the container sees them.
class RootDir {
 public:
  explicit RootDir(FileDescriptor fd) : fd_(std::move(fd)) {}

  FdView fd() const { return fd_; }

  /// Opens what is there. Symlinks are followed within the root, the last one only without O_NOFOLLOW.
  /// `resolve` adds RESOLVE_* bits.
  Result<FileDescriptor> open(const std::string& path, std::uint64_t flags, std::uint64_t resolve = 0) const;
  /// The same; an absent file is an empty descriptor.
  Result<FileDescriptor> open_if_exists(const std::string& path, std::uint64_t flags, std::uint64_t resolve = 0) const;

  /// Finds a place; one that is absent has an empty descriptor. `follow` is about a symlink at the end only.
  Result<Place> find(const std::string& path, bool follow = true) const;
  /// Finds a place and makes what is missing: directories 0755, and at the end a directory or an empty file 0644.
  /// A dangling symlink on the way is completed within the root. Expects umask 0.
  Result<Place> make(const std::string& path, Kind kind) const;
  /// Opens the directory `path` (O_PATH), made (0755) where it is missing, without following any symlink: a symlink is
  /// an error with errno ELOOP, another kind of file one with ENOTDIR. Expects umask 0.
  Result<Place> ordinary_directory(const std::string& path) const;

 private:
  FileDescriptor fd_;
};

}  // namespace caisson::rootfs
