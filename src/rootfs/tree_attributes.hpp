// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "plan/rootfs.hpp"

namespace caisson::rootfs {

/// Changes attributes and propagation of a tree, in as few mount_setattr(2) calls as their recursion allows. EPERM: an
/// attribute is locked because the mount comes from a more privileged mount namespace (mount_namespaces(7)); some of
/// the calls may have taken effect by then.
Status change_tree(FdView tree, const plan::MountAttributes& attributes, const plan::MountAttributes& recursive,
                   const std::vector<plan::Propagation>& propagation);

/// The same for a clone of a tree of the host, whose locked attributes stay as they are: each that stays is a line in
/// `notes`, for the debug log. `source` names the tree in it.
Status change_copied_tree(FdView tree, const plan::Attach& op, const std::string& source,
                          std::vector<std::string>& notes);

}  // namespace caisson::rootfs
