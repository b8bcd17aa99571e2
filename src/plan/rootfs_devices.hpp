// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "config/spec.hpp"
#include "plan/facts.hpp"
#include "plan/rootfs.hpp"

namespace caisson::plan {

/// Adds the device nodes and links of a container to the plan of its root file system, whose mounts must be there
/// already. Errors name /linux/devices/N and its members.
Status add_devices(const config::Linux& os, const HostFacts& facts, bool in_user_namespace, RootfsPlan& plan);

}  // namespace caisson::plan
