// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "plan/rootfs.hpp"
#include "rootfs/root_dir.hpp"

namespace caisson::rootfs {

/// Makes the nodes and links of the plan. Everything is done relative to a descriptor of the directory, which must not
/// be reached through a symlink where it is /dev (CVE-2026-41579, CVE-2026-47766); other directories are found as the
/// container sees them. A node that is there already must be the wanted one; where the config names another owner or
/// mode for it, it is made anew. Where only the host's node can be had (mknod(2) is refused), it is bound, and an owner
/// or mode of the config that it has not is an error that names the member. `prepared` is the file system of the nodes
/// that the parent has made, or no descriptor when there are none. `notes`: as Environment::notes. Expects umask 0
/// (enter_rootfs()).
Status make_devices(RootDir& root, const plan::RootfsPlan& plan, FileDescriptor prepared,
                    std::vector<std::string>& notes);

/// Puts the terminal `slave` (of a pty of the container's own devpts) at /dev/console, an empty file made for it where
/// it is missing. The terminal is bound by its descriptor (CVE-2025-52565). After switch_root() and before
/// finish_rootfs().
Status mount_console(RootDir& root, FdView slave);

/// Opens the container's /dev/null (verified) in place of each of the descriptors 0, 1, 2 that is the host's
/// /dev/null. Nothing happens when /dev is not ours to make or none of them is it. After switch_root().
Status adopt_null(RootDir& root, const plan::RootfsPlan& plan);

/// The container's /dev/null as O_PATH: must be character device 1:3 and no symlink (CVE-2025-31133). An error names
/// the device of the config that has its place.
Result<FileDescriptor> open_null(const RootDir& root, const plan::RootfsPlan& plan);

}  // namespace caisson::rootfs
