// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/error.hpp"
#include "plan/network.hpp"

namespace caisson::network {

/// Moves interfaces of our network namespace into that of process `pid`, under their new names: the link is set down,
/// moved and renamed in one request, given its permanent global addresses again, and brought up. Errors name
/// /linux/netDevices/NAME. Source: runtime-spec 1.3 config-linux.md, "Network Devices".
Status move_devices(const std::vector<plan::NetDeviceMove>& moves, pid_t pid);

}  // namespace caisson::network
