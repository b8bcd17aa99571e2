// SPDX-License-Identifier: Apache-2.0
#include "plan/network.hpp"

#include <linux/sched.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>

using namespace caisson;

namespace {

config::Veth veth() {
  return {.bridge = "docker0",
          .prefix = "veth",
          .mac_address = "02:42:ac:11:00:65",
          .address = "172.17.0.101/16",
          .ipv6_address = "2001:db8::101/64",
          .gateway = "172.17.42.1",
          .ipv6_gateway = "2001:db8::1",
          .mtu = 1400,
          .tx_queue_length = 100,
          .origin = "/networks/0"};
}

Result<plan::NetworkPlan> planned(std::vector<config::Veth> veths, std::vector<config::Route> routes = {},
                                  std::uint64_t namespaces = CLONE_NEWNET) {
  config::Spec spec;
  spec.extension = config::Extension{.veths = std::move(veths), .routes = std::move(routes)};
  plan::NamespacePlan made;
  made.create = namespaces;
  return plan::make_network(spec, {}, made);
}

template <class F>
std::string fault(F change) {
  auto wrong = veth();
  change(wrong);
  const auto result = planned({wrong});
  REQUIRE_FALSE(result);
  return result.error().message();
}

std::string route_fault(config::Route route) {
  route.origin = "/routes/0";
  const auto result = planned({}, {route});
  REQUIRE_FALSE(result);
  return result.error().message();
}

}  // namespace

TEST_CASE("addresses are read with and without a network", "[plan][network]") {
  const auto address = plan::parse_cidr("172.17.0.101/16");
  REQUIRE(address);
  CHECK(address->family == AF_INET);
  CHECK(address->prefix == 16);
  CHECK(address->wire() == std::string_view("\xac\x11\x00\x65", 4));
  CHECK(address->network().wire() == std::string_view("\xac\x11\x00\x00", 4));
  CHECK(plan::parse_cidr("10.1.2.255/30")->network().wire() == std::string_view("\x0a\x01\x02\xfc", 4));
  CHECK(plan::parse_cidr("0.0.0.0/0")->prefix == 0);
  CHECK(plan::parse_ip("2001:db8::1")->prefix == 128);
  CHECK(plan::parse_cidr("2001:db8::1/64")->network() == plan::parse_cidr("2001:db8::/64"));
  for (const char* bad : {"", "172.17.0.101", "172.17.0.101/33", "172.17.0/16", "::1/129", "::1/", "::1/-1", "x/8"}) {
    INFO(bad);
    CHECK_FALSE(plan::parse_cidr(bad));
  }
  CHECK(plan::parse_mac("02-42-AC-11-00-65") == plan::parse_mac("02:42:ac:11:00:65"));
  for (const char* bad : {"", "02:42:ac:11:00", "02:42:ac:11:00:6", "02:42:ac:11:00:6g", "024:2:ac:11:00:65"}) {
    INFO(bad);
    CHECK_FALSE(plan::parse_mac(bad));
  }
}

TEST_CASE("veth pairs are numbered and keep what was asked for", "[plan][network]") {
  auto second = veth();
  second.mac_address = second.ipv6_address = second.ipv6_gateway = "";
  second.create_bridge = true;
  const auto plan = planned({veth(), second});
  REQUIRE(plan);
  REQUIRE(plan->veths.size() == 2);
  const auto& first = plan->veths[0];
  CHECK(first.name == "eth0");
  CHECK(first.bridge == "docker0");
  CHECK_FALSE(first.create_bridge);
  CHECK(first.host_prefix == "veth");
  CHECK(first.mac == plan::parse_mac("02:42:ac:11:00:65"));
  CHECK(first.addresses == std::vector{*plan::parse_cidr("172.17.0.101/16"), *plan::parse_cidr("2001:db8::101/64")});
  CHECK(first.gateways == std::vector{*plan::parse_ip("172.17.42.1"), *plan::parse_ip("2001:db8::1")});
  CHECK(first.mtu == 1400);
  CHECK(first.tx_queue_length == 100);
  CHECK(plan->veths[1].name == "eth1");
  CHECK(plan->veths[1].create_bridge);
  CHECK(plan->veths[1].addresses.size() == 1);
  CHECK_FALSE(plan->veths[1].mac);
}

TEST_CASE("a veth's faults name their field", "[plan][network]") {
  using V = config::Veth;
  CHECK(fault([](V& v) { v.bridge = ""; }) == "bridge is not specified [config: /networks/0/bridge]");
  CHECK(fault([](V& v) { v.prefix = ""; }) == "veth prefix is not specified [config: /networks/0/veth_prefix]");
  CHECK(fault([](V& v) { v.prefix = "much-too-long"; }).ends_with("[config: /networks/0/veth_prefix]"));
  CHECK(fault([](V& v) { v.bridge = "a/b"; }) == "invalid bridge name 'a/b' [config: /networks/0/bridge]");
  CHECK(fault([](V& v) { v.address = "172.17.0.101"; }) ==
        "invalid CIDR address: 172.17.0.101 [config: /networks/0/address]");
  CHECK(fault([](V& v) { v.address = "::1/64"; }) == "'::1/64' is not an IPv4 address [config: /networks/0/address]");
  CHECK(fault([](V& v) { v.ipv6_address = "nonsense"; }) ==
        "invalid CIDR address: nonsense [config: /networks/0/ipv6_address]");
  CHECK(fault([](V& v) { v.gateway = "172.17.42"; }) == "invalid IP address: 172.17.42 [config: /networks/0/gateway]");
  CHECK(fault([](V& v) { v.ipv6_gateway = "172.17.42.1"; }).ends_with("[config: /networks/0/ipv6_gateway]"));
  CHECK(fault([](V& v) { v.mac_address = "01:00:5e:00:00:01"; }).ends_with("[config: /networks/0/mac_address]"));
  CHECK(fault([](V& v) { v.mac_address = "x"; }) == "invalid MAC address: x [config: /networks/0/mac_address]");
  const auto shared = planned({veth()}, {}, 0);
  REQUIRE_FALSE(shared);
  CHECK(shared.error().pointer() == "/networks/0");
}

TEST_CASE("routes and their faults", "[plan][network]") {
  const auto plan = planned({}, {{.destination = "10.1.2.3/8",
                                  .source = "172.17.0.101",
                                  .gateway = "172.17.42.1/16",
                                  .interface = "eth0",
                                  .origin = "/routes/0"}});
  REQUIRE(plan);
  REQUIRE(plan->routes.size() == 1);
  const auto& route = plan->routes[0];
  CHECK(route.family == AF_INET);
  CHECK(route.destination == plan::parse_cidr("10.0.0.0/8"));
  CHECK(route.source == plan::parse_ip("172.17.0.101"));
  CHECK(route.gateway->wire() == plan::parse_ip("172.17.42.1")->wire());
  CHECK(route.interface == "eth0");
  CHECK(route_fault({.interface = "eth0"}) == "a route needs a destination, a source or a gateway [config: /routes/0]");
  CHECK(route_fault({.destination = "10.0.0.0"}) == "invalid CIDR address: 10.0.0.0 [config: /routes/0/destination]");
  CHECK(route_fault({.destination = "10.0.0.0/8", .source = "::1"}).ends_with("[config: /routes/0/source]"));
  CHECK(route_fault({.destination = "10.0.0.0/8", .gateway = "up"}) ==
        "invalid IP address: up [config: /routes/0/gateway]");
  CHECK(route_fault({.destination = "10.0.0.0/8", .interface = "a b"}).ends_with("[config: /routes/0/interface_name]"));
}
