// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "json/fields.hpp"

namespace caisson::config {

/// A veth pair: one end on a bridge of the host, the other end in the container.
struct Veth {
  std::string bridge;
  bool create_bridge = false;  ///< make the bridge if it does not exist
  std::string prefix;          ///< name of the host's end: prefix and 7 random hexadecimal digits
  std::string mac_address;     ///< of the container's end; empty = chosen by the kernel
  std::string address;         ///< "172.17.0.101/16"
  std::string ipv6_address;
  std::string gateway;  ///< "172.17.42.1"
  std::string ipv6_gateway;
  std::uint32_t mtu = 0;              ///< 0 = chosen by the kernel
  std::uint32_t tx_queue_length = 0;  ///< 0 = chosen by the kernel
  std::string origin;                 ///< JSON pointer into the file that configures it
  bool operator==(const Veth&) const = default;
};

/// A route in the container's network namespace.
struct Route {
  std::string destination;  ///< "0.0.0.0/0"
  std::string source;       ///< source address of packets on this route
  std::string gateway;
  std::string interface;  ///< name in the container
  std::string origin;
  bool operator==(const Route&) const = default;
};

/// Settings of the 2014 container.json that have no key in the runtime-spec. They are stored in the saved copy of the
/// config for later commands and never read from a user's config.json.
struct Extension {
  std::vector<Veth> veths;
  std::vector<Route> routes;
  bool named_user = false;        ///< look `user` up in the container's /etc/passwd and /etc/group
  std::string user;               ///< "", "user", "uid", "user:group", ..., numbers allowed; see plan::find_user
  bool ends_with_caller = false;  ///< kill the container when the runtime that waits for it ends
  bool operator==(const Extension&) const = default;
};

}  // namespace caisson::config

namespace caisson {

template <>
inline constexpr auto json::fields<config::Veth> =
    table(required("bridge", &config::Veth::bridge), optional("createBridge", &config::Veth::create_bridge),
          required("prefix", &config::Veth::prefix), optional("macAddress", &config::Veth::mac_address),
          optional("address", &config::Veth::address), optional("ipv6Address", &config::Veth::ipv6_address),
          optional("gateway", &config::Veth::gateway), optional("ipv6Gateway", &config::Veth::ipv6_gateway),
          optional("mtu", &config::Veth::mtu), optional("txQueueLength", &config::Veth::tx_queue_length),
          required("origin", &config::Veth::origin));

template <>
inline constexpr auto json::fields<config::Route> = table(optional("destination", &config::Route::destination),
                                                          optional("source", &config::Route::source),
                                                          optional("gateway", &config::Route::gateway),
                                                          optional("interface", &config::Route::interface),
                                                          required("origin", &config::Route::origin));

template <>
inline constexpr auto json::fields<config::Extension> =
    table(optional("veths", &config::Extension::veths), optional("routes", &config::Extension::routes),
          optional("namedUser", &config::Extension::named_user), optional("user", &config::Extension::user),
          optional("endsWithCaller", &config::Extension::ends_with_caller));

}  // namespace caisson
