// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace caisson::network {

/// A network device of the caller's network namespace, as text.
struct Interface {
  std::string name;
  int mtu = 0;
  std::string mac;                     ///< "02:42:ac:11:00:65"; empty for one without
  std::vector<std::string> flags;      ///< "up", "broadcast", "loopback", "pointtopoint", "multicast"
  std::vector<std::string> addresses;  ///< "172.17.0.101/16"
};

/// All devices, in the kernel's order. Source: getifaddrs(3).
Result<std::vector<Interface>> list_interfaces();

/// Counters of a device; 0 where the kernel has none.
struct LinkCounters {
  std::uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
};
/// Reads the counters of the device `name` in the caller's network namespace. ErrorKind::system with ENODEV when there
/// is none.
Result<LinkCounters> link_counters(const std::string& name);

}  // namespace caisson::network
