// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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

TEST_CASE("a bus that does not answer is not waited for beyond the deadline", "[cgroup][systemd]") {
  const std::string path = "/tmp/caisson-silent-bus-" + std::to_string(::getpid());
  const FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  ::setenv("DBUS_SYSTEM_BUS_ADDRESS", ("unix:path=" + path).c_str(), 1);
  auto bus = cgroup::SystemdBus::connect(false, 0, std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
  ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
  ::unlink(path.c_str());
  REQUIRE_FALSE(bus);
  CHECK(bus.error().message().contains("systemd does not answer in time"));
}
