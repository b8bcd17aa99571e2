// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::sys {

/// A mount, as the kernel describes it.
struct MountInfo {
  std::string type;              ///< "tmpfs"
  std::uint64_t attributes = 0;  ///< MOUNT_ATTR_* of mount_setattr(2)
  bool operator==(const MountInfo&) const = default;
};

/// The mount with this id in the text of a /proc/PID/mountinfo; absent when it has none. proc_pid_mountinfo(5).
std::optional<MountInfo> find_mount(std::string_view mountinfo, std::uint64_t id);

/// The mount on which `place` lies, in the mount namespace of process `pid`: by statmount(2) (Linux 6.8, and for
/// another namespace 6.11), else by /proc/PID/mountinfo.
Result<MountInfo> mount_of(FdView place, pid_t pid);

/// Whether `place` is the root of a mount. statx(2), Linux 5.8.
Result<bool> is_mount_root(FdView place);

}  // namespace caisson::sys
