// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "plan/identity.hpp"

namespace caisson::process {

/// A terminal of the container's own devpts.
struct Console {
  FileDescriptor master;
  FileDescriptor slave;
  std::string name;  ///< "/dev/pts/0", as the container sees the slave
};

/// A new terminal from /dev/pts/ptmx of the current root, which must be a devpts; the slave is found through the master
/// and not by name (CVE-2025-52565). It has the plan's size and belongs to the plan's uid. Errors name
/// /process/terminal.
Result<Console> open_console(const plan::IdentityPlan& plan);

/// Leads a new session, whose terminal `slave` becomes, on descriptors 0 to 2.
Status take_console(FdView slave);

}  // namespace caisson::process
