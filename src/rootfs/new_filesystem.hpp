// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "plan/rootfs.hpp"

namespace caisson::rootfs {

/// A detached new file system. `mode` is the mode= of a tmpfs that names none. `scratch` is the root directory of the
/// container's tree: what fsconfig(2) cannot say (a source or an option of more than 255 bytes, MS_SILENT,
/// MS_I_VERSION) is mounted by mount(2) on top of it for a moment. The working directory is `scratch` after that.
/// Without one (FdView::of(-1)) such a file system is refused. `context`: from fsopen(2), if another process opened it.
Result<FileDescriptor> make_filesystem(const plan::NewFilesystem& what, std::uint64_t attributes,
                                       std::optional<mode_t> mode, FdView scratch,
                                       FileDescriptor context = FileDescriptor());

/// Changes options and flags of the file system whose mount has its root at `place`, not those of the mount. Options
/// of more than 255 bytes go through mount(2); the working directory is `root` after that.
Status reconfigure_filesystem(const plan::Reconfigure& op, FdView place, FdView root);

/// An empty read-only tmpfs, detached; `context` is "context=..." or empty. `scratch` as in make_filesystem().
Result<FileDescriptor> make_empty_directory(const std::string& context, FdView scratch);

}  // namespace caisson::rootfs
