// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caisson::plan {

/// An IPv4 or IPv6 address, alone or with the length of its network's prefix.
struct IpAddress {
  int family = 0;                        ///< AF_INET, AF_INET6
  std::array<std::uint8_t, 16> bytes{};  ///< as on the wire; the first 4 for IPv4
  std::uint8_t prefix = 0;               ///< bits; those of the whole address where no network was named
  bool operator==(const IpAddress&) const = default;

  std::string_view wire() const;
  /// The address of the network: the bits behind the prefix are 0.
  IpAddress network() const;
};

/// "192.0.2.1", "2001:db8::1".
std::optional<IpAddress> parse_ip(std::string_view text);
/// "192.0.2.1/24", "2001:db8::1/64".
std::optional<IpAddress> parse_cidr(std::string_view text);
/// "02:42:ac:11:00:65", with '-' as well.
std::optional<std::array<std::uint8_t, 6>> parse_mac(std::string_view text);

}  // namespace caisson::plan
