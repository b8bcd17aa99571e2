// SPDX-License-Identifier: Apache-2.0
#include "plan/network.hpp"

#include <linux/sched.h>
#include <net/if.h>
#include <sys/socket.h>

namespace caisson::plan {

namespace {

/// Hexadecimal digits behind the prefix of a host's end.
constexpr std::size_t kRandomDigits = 7;

bool is_device_name(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         name.find_first_of("/: \t\n%") == name.npos;
}

/// A field that may be empty.
Result<std::optional<IpAddress>> read_cidr(const std::string& text, int family, const std::string& pointer) {
  if (text.empty()) return std::optional<IpAddress>();
  auto address = parse_cidr(text);
  if (!address) return fail_config(pointer, "invalid CIDR address: {}", text);
  if (address->family != family)
    return fail_config(pointer, "'{}' is not an IPv{} address", text, family == AF_INET ? 4 : 6);
  return address;
}

/// A gateway or source: with the length of a prefix or without, it is one address.
Result<std::optional<IpAddress>> read_ip(const std::string& text, const std::string& pointer) {
  if (text.empty()) return std::optional<IpAddress>();
  auto address = parse_ip(text);
  if (!address) address = parse_cidr(text);
  if (!address) return fail_config(pointer, "invalid IP address: {}", text);
  return address;
}

Result<VethPair> make_veth(const config::Veth& wanted, std::size_t number) {
  const std::string& at = wanted.origin;
  VethPair pair;
  if (wanted.bridge.empty()) return fail_config(at + "/bridge", "bridge is not specified");
  if (!is_device_name(wanted.bridge)) return fail_config(at + "/bridge", "invalid bridge name '{}'", wanted.bridge);
  if (wanted.prefix.empty()) return fail_config(at + "/veth_prefix", "veth prefix is not specified");
  if (!is_device_name(wanted.prefix) || wanted.prefix.size() + kRandomDigits >= IFNAMSIZ)
    return fail_config(at + "/veth_prefix", "invalid veth prefix '{}': at most {} characters of a device's name",
                       wanted.prefix, IFNAMSIZ - 1 - kRandomDigits);
  pair.bridge = wanted.bridge;
  pair.create_bridge = wanted.create_bridge;
  pair.host_prefix = wanted.prefix;
  pair.name = fmt::format("eth{}", number);
  if (!wanted.mac_address.empty()) {
    pair.mac = parse_mac(wanted.mac_address);
    if (!pair.mac) return fail_config(at + "/mac_address", "invalid MAC address: {}", wanted.mac_address);
    if (((*pair.mac)[0] & 1) != 0)
      return fail_config(at + "/mac_address", "'{}' is the address of a group, not of a device", wanted.mac_address);
  }
  if (auto address = CAISSON_TRY(read_cidr(wanted.address, AF_INET, at + "/address")))
    pair.addresses.push_back(*address);
  if (auto address = CAISSON_TRY(read_cidr(wanted.ipv6_address, AF_INET6, at + "/ipv6_address")))
    pair.addresses.push_back(*address);
  const std::pair<const std::string&, const char*> gateways[] = {{wanted.gateway, "/gateway"},
                                                                 {wanted.ipv6_gateway, "/ipv6_gateway"}};
  for (const auto& [text, key] : gateways) {
    auto gateway = CAISSON_TRY(read_ip(text, at + key));
    if (!gateway) continue;
    const bool six = &text == &wanted.ipv6_gateway;
    if ((gateway->family == AF_INET6) != six)
      return fail_config(at + key, "'{}' is not an IPv{} address", text, six ? 6 : 4);
    pair.gateways.push_back(*gateway);
  }
  pair.mtu = wanted.mtu;
  pair.tx_queue_length = wanted.tx_queue_length;
  pair.origin = at;
  return pair;
}

Result<RouteAdd> make_route(const config::Route& wanted) {
  const std::string& at = wanted.origin;
  RouteAdd route;
  route.origin = at;
  if (wanted.destination.empty() && wanted.source.empty() && wanted.gateway.empty())
    return fail_config(at, "a route needs a destination, a source or a gateway");
  if (!wanted.destination.empty()) {
    route.destination = parse_cidr(wanted.destination);
    if (!route.destination) return fail_config(at + "/destination", "invalid CIDR address: {}", wanted.destination);
    route.destination = route.destination->network();
  }
  route.source = CAISSON_TRY(read_ip(wanted.source, at + "/source"));
  route.gateway = CAISSON_TRY(read_ip(wanted.gateway, at + "/gateway"));
  for (const auto& [address, key] : {std::pair(&route.destination, "/destination"), std::pair(&route.source, "/source"),
                                     std::pair(&route.gateway, "/gateway")}) {
    if (!*address) continue;
    if (route.family == 0) route.family = (*address)->family;
    if (route.family != (*address)->family)
      return fail_config(at + key, "a route's addresses must be all of IPv4 or all of IPv6");
  }
  if (!wanted.interface.empty() && !is_device_name(wanted.interface))
    return fail_config(at + "/interface_name", "invalid interface name '{}'", wanted.interface);
  route.interface = wanted.interface;
  return route;
}

Status check_namespace(const NamespacePlan& namespaces, const HostFacts& facts, const std::string& origin,
                       std::string_view what) {
  if (facts.rootless()) return fail_config(origin, "{} need the privileges of root", what);
  if (!namespaces.makes(CLONE_NEWNET))
    return fail_config(origin, "{} need a network namespace of the container's own", what);
  return {};
}

}  // namespace

Result<NetworkPlan> make_network(const config::Spec& spec, const HostFacts& facts, const NamespacePlan& namespaces) {
  NetworkPlan plan;
  for (const auto& [host_name, device] : spec.linux_or_empty().net_devices) {
    const std::string origin = "/linux/netDevices/" + host_name;
    if (facts.rootless()) return fail_config(origin, "network devices are not supported for rootless containers");
    if (namespaces.shares_host(CLONE_NEWNET))
      return fail_config(origin, "unable to move network devices without a private NET namespace");
    plan.moves.push_back({host_name, device.name.empty() ? host_name : device.name, origin});
  }
  const config::Extension& more = spec.extension_or_empty();
  for (const auto& veth : more.veths) {
    CAISSON_TRY(check_namespace(namespaces, facts, veth.origin, "veth devices"));
    plan.veths.push_back(CAISSON_TRY(make_veth(veth, plan.veths.size())));
  }
  for (const auto& route : more.routes) {
    CAISSON_TRY(check_namespace(namespaces, facts, route.origin, "routes"));
    plan.routes.push_back(CAISSON_TRY(make_route(route)));
  }
  return plan;
}

}  // namespace caisson::plan
