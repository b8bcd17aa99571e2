// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/error.hpp"
#include "plan/network.hpp"

namespace caisson::network {

/// Moves interfaces from the caller's network namespace to that of process `pid` under their new names. Each link is
/// set down, moved and renamed in one request, gets its permanent global addresses back and is set up. Errors point to
/// /linux/netDevices/NAME. Source: runtime-spec 1.3 config-linux.md, "Network Devices".
Status move_devices(const std::vector<plan::NetDeviceMove>& moves, pid_t pid);

}  // namespace caisson::network
