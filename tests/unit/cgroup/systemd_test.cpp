// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "cgroup/common.hpp"
#include "cgroup/dbus.hpp"

using namespace caisson;

TEST_CASE("a bus's address", "[cgroup][systemd]") {
  CHECK(cgroup::socket_of_address("unix:path=/run/bus") == "/run/bus");
  CHECK(cgroup::socket_of_address("unix:guid=ab,path=/run/bus,x=y") == "/run/bus");
  CHECK(cgroup::socket_of_address("tcp:host=a;unix:path=/run/b%20s;unix:path=/c") == "/run/b s");
  CHECK(cgroup::socket_of_address("unix:abstract=/tmp/x") == "@/tmp/x");
  CHECK(cgroup::socket_of_address("tcp:host=a").empty());
  CHECK(cgroup::socket_of_address("").empty());
}

TEST_CASE("the property that an older systemd lacks", "[cgroup][systemd]") {
  CHECK(cgroup::refused_property("Cannot set property AllowedCPUs, or unknown property.") == "AllowedCPUs");
  CHECK(cgroup::refused_property("Unit a.scope was already loaded or has a fragment file.").empty());
  CHECK(cgroup::refused_property(", or unknown property Cannot set property ").empty());
}

TEST_CASE("a bus that is not there is named", "[cgroup][systemd]") {
  ::setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/no/such/bus", 1);
  auto bus = cgroup::SystemdBus::connect(false, 0, cgroup::deadline());
  ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
  REQUIRE_FALSE(bus);
  CHECK(bus.error().message().contains("/no/such/bus"));
}
