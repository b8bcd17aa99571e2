// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"
#include "plan/rootfs.hpp"
#include "rootfs/root_dir.hpp"

namespace caisson::rootfs {

/// Makes the mount at `path` read-only.
Status seal_mount(const RootDir& root, const std::string& path);

/// Mounts `path` onto itself, read-only. An absent one is skipped.
Status make_readonly(const RootDir& root, const std::string& path);

/// Covers each of the plan's masked paths: files by the container's /dev/null (verified, CVE-2025-31133), directories
/// by one empty read-only tmpfs. Absent ones are skipped.
Status mask_paths(const RootDir& root, const plan::RootfsPlan& plan);

}  // namespace caisson::rootfs
