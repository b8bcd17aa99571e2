// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "plan/facts.hpp"
#include "plan/namespaces.hpp"

namespace caisson::plan {

/// One of the host's network interfaces that moves into the container's network namespace.
struct NetDeviceMove {
  std::string host_name;
  std::string name;    ///< inside; "eth%d" lets the kernel number it
  std::string origin;  ///< "/linux/netDevices/eth0"
  bool operator==(const NetDeviceMove&) const = default;
};

/// Source: runtime-spec 1.3 config-linux.md, "Network Devices". Errors name /linux/netDevices/NAME.
Result<std::vector<NetDeviceMove>> make_network(const config::Spec& spec, const HostFacts& facts,
                                                const NamespacePlan& namespaces);

}  // namespace caisson::plan
