// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"
#include "plan/rootfs.hpp"
#include "rootfs/root_dir.hpp"

namespace caisson::rootfs {

/// Makes the rootfs the root directory of this process: pivot_root(2), with --no-pivot a move onto "/" and chroot(2),
/// without a mount namespace chroot(2) alone. Afterwards "/" is the container's and the working directory, the host's
/// tree is detached and no descriptor of it is held here.
Result<RootDir> switch_root(RootDir&& root, const plan::RootfsPlan& plan);

/// Makes the directory `cwd` (0755) where it is missing. After switch_root(), before finish_rootfs().
Status make_cwd(RootDir& root, const std::string& cwd);

/// What comes last, after sysctls are written and /dev/console is mounted: late read-only mounts, the read-only root,
/// readonlyPaths, maskedPaths, the propagation of "/"; and the umask is 0022 from here on. Absent paths are skipped.
Status finish_rootfs(RootDir& root, const plan::RootfsPlan& plan);

}  // namespace caisson::rootfs
