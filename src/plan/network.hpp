// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "plan/address.hpp"
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

/// A pair of devices to make: the host's end on a bridge, the container's called "eth0", "eth1", ...
struct VethPair {
  std::string bridge;
  bool create_bridge = false;
  std::string host_prefix;
  std::string name;  ///< inside
  std::optional<std::array<std::uint8_t, 6>> mac;
  std::vector<IpAddress> addresses;   ///< at most one of each family
  std::vector<IpAddress> gateways;    ///< of the default routes, at most one of each family
  std::uint32_t mtu = 0;              ///< 0 = the kernel's choice
  std::uint32_t tx_queue_length = 0;  ///< 0 = the kernel's choice
  std::string origin;
  bool operator==(const VethPair&) const = default;
};

/// A route to make in the container.
struct RouteAdd {
  int family = 0;
  std::optional<IpAddress> destination;  ///< absent = all
  std::optional<IpAddress> source;       ///< preferred source address
  std::optional<IpAddress> gateway;
  std::string interface;  ///< empty = the kernel's choice
  std::string origin;
  bool operator==(const RouteAdd&) const = default;
};

/// What is done to the container's network namespace from the host's side.
struct NetworkPlan {
  std::vector<NetDeviceMove> moves;
  std::vector<VethPair> veths;
  std::vector<RouteAdd> routes;
  bool operator==(const NetworkPlan&) const = default;

  bool empty() const { return moves.empty() && veths.empty() && routes.empty(); }
};

/// Source: runtime-spec 1.3 config-linux.md, "Network Devices". Errors name /linux/netDevices/NAME, or the origin of
/// what the config's extension asks for.
Result<NetworkPlan> make_network(const config::Spec& spec, const HostFacts& facts, const NamespacePlan& namespaces);

}  // namespace caisson::plan
