// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace caisson::plan {

/// Attributes as mount_setattr(2) takes them: MOUNT_ATTR_* to set and to clear. An option about access times puts the
/// whole MOUNT_ATTR__ATIME mask into `clear`, as the kernel demands; "relatime" is then a 0 in `set`.
struct MountAttributes {
  std::uint64_t set = 0;
  std::uint64_t clear = 0;
  bool empty() const { return (set | clear) == 0; }
  bool operator==(const MountAttributes&) const = default;
};

/// One change of propagation; "rslave" is {MS_SLAVE, true}.
struct Propagation {
  std::uint64_t kind = 0;  ///< MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE; 0 = leave as it is
  bool recursive = false;
  bool operator==(const Propagation&) const = default;
};

/// The spelling of a propagation, "rslave"; empty for none.
std::string_view name_of(const Propagation& propagation);
/// The propagation called `name` ("private", "rshared", ...); kind 0 when there is none of that name.
Propagation propagation_of(std::string_view name);

enum class MapScope {
  none,
  top,        ///< "idmap": the mount alone
  recursive,  ///< "ridmap": with all mounts below it
};

/// What the options of one mount ask for. Later options win over earlier ones.
struct MountOptions {
  MountAttributes attributes;            ///< of the mount alone
  MountAttributes recursive;             ///< of the mount and all below it ("rro", "rnosuid", ...)
  std::vector<Propagation> propagation;  ///< in order; applied after the mount is made
  std::vector<std::string> data;         ///< all that the table does not know: for the file system, in order
  std::uint64_t superblock_set = 0;  ///< MS_SYNCHRONOUS, MS_DIRSYNC, MS_LAZYTIME, MS_MANDLOCK, MS_SILENT, MS_I_VERSION
  std::uint64_t superblock_clear = 0;  ///< the same bits
  bool bind = false;                   ///< bind or rbind
  bool bind_recursive = false;         ///< rbind
  bool remount = false;
  MapScope map = MapScope::none;
  std::string map_value;         ///< of "idmap=..." and "ridmap=..."; empty without a value
  std::string map_pointer;       ///< the place of that option
  bool copy_up = false;          ///< tmpcopyup
  bool copy_symlink = false;     ///< copy-symlink: a symlink as source is made again in the container
  bool source_nofollow = false;  ///< src-nofollow
  bool dest_nofollow = false;    ///< dest-nofollow
  bool operator==(const MountOptions&) const = default;
};

/// Reads /mounts/N/options. `pointer` is the place of the mount; errors name pointer/options/I.
/// Source: runtime-spec 1.3 config.md, "Linux mount options".
Result<MountOptions> read_options(const std::vector<std::string>& options, const std::string& pointer);

/// Every name the table knows, sorted: `mountOptions` of `features`.
std::vector<std::string> mount_option_names();

}  // namespace caisson::plan
