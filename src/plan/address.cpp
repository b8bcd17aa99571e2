// SPDX-License-Identifier: Apache-2.0
#include "plan/address.hpp"

#include <arpa/inet.h>

#include <charconv>

#include "base/text.hpp"

namespace caisson::plan {

std::string_view IpAddress::wire() const {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as bytes
  return {reinterpret_cast<const char*>(bytes.data()), family == AF_INET ? 4U : 16U};
}

IpAddress IpAddress::network() const {
  IpAddress result = *this;
  for (std::size_t i = 0; i < wire().size(); ++i) {
    const std::size_t first = i * 8;
    if (first >= prefix)
      result.bytes[i] = 0;
    else if (first + 8 > prefix)
      result.bytes[i] &= static_cast<std::uint8_t>(0xff << (first + 8 - prefix));
  }
  return result;
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  const std::string copy(text);
  IpAddress address;
  if (::inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) {
    address.family = AF_INET;
    address.prefix = 32;
    return address;
  }
  if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) != 1) return std::nullopt;
  address.family = AF_INET6;
  address.prefix = 128;
  return address;
}

std::optional<IpAddress> parse_cidr(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  auto address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  const auto prefix = text::parse_uint(text.substr(slash + 1), address->prefix);
  if (!prefix) return std::nullopt;
  address->prefix = static_cast<std::uint8_t>(*prefix);
  return address;
}

std::optional<std::array<std::uint8_t, 6>> parse_mac(std::string_view text) {
  std::array<std::uint8_t, 6> mac{};
  if (text.size() != 17) return std::nullopt;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const char* const pair = &text[i * 3];
    const auto [end, bad] = std::from_chars(pair, pair + 2, mac[i], 16);
    if (bad != std::errc() || end != pair + 2) return std::nullopt;
    if (i + 1 < mac.size() && text[i * 3 + 2] != ':' && text[i * 3 + 2] != '-') return std::nullopt;
  }
  return mac;
}

}  // namespace caisson::plan
