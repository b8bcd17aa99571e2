// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"
#include "plan/devices.hpp"

namespace caisson::cgroup {

/// Puts the rules into effect in the cgroup2 directory `path`. In a cgroup that was `found`, not made, they take the
/// place of the programs that are there; there is no moment without rules.
Status install_device_filter(const std::string& path, const plan::DevicePlan& devices, bool found);

}  // namespace caisson::cgroup
