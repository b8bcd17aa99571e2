// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

/// A network namespace in place of the host's for as long as it stands, so that devices can be made and given away.
class OwnNetwork {
 public:
  OwnNetwork() : host_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) { REQUIRE(::unshare(CLONE_NEWNET) == 0); }
  ~OwnNetwork() {
    ::setns(host_, CLONE_NEWNET);
    ::close(host_);
  }
  OwnNetwork(const OwnNetwork&) = delete;

  /// A network device of a kind that this kernel has; false when it has none of them.
  static bool add(const std::string& name) {
    for (const char* kind : {"dummy", "veth", "bridge", "ifb"})
      if (std::system(("ip link add " + name + " type " + kind + " 2>/dev/null").c_str()) == 0) return true;
    return false;
  }

 private:
  int host_;
};

}  // namespace

TEST_CASE("netDevices are moved, renamed, keep their addresses and come up", "[network]") {
  World world;
  const OwnNetwork network;
  if (!OwnNetwork::add("give0")) CAISSON_SKIP("no ip(8), or a kernel without virtual network devices");
  REQUIRE(std::system(
              "ip addr add 192.0.2.7/24 dev give0; ip addr add 2001:db8::7/64 dev give0; ip link set give0 up") == 0);
  Bundle bundle = world.bundle();
  SECTION("with a new name") {
    bundle.set("/linux/netDevices", R"({"give0":{"name":"taken0"}})");
    const Json report = world.report(bundle, {"--read", "/proc/net/fib_trie", "--read", "/proc/net/if_inet6"});
    CHECK(report.str("/interfaces/taken0") == "up");
    CHECK(contains(report.str("/read/~1proc~1net~1fib_trie"), "192.0.2.7"));
    CHECK(contains(report.str("/read/~1proc~1net~1if_inet6"), "20010db8000000000000000000000007"));
    CHECK_FALSE(exists("/proc/self/net/dev_snmp6/give0"));
  }
  SECTION("with its own") {
    bundle.set("/linux/netDevices", R"({"give0":{}})");
    CHECK(world.report(bundle).str("/interfaces/give0") == "up");
  }
  SECTION("not without a network namespace") {
    bundle.without_namespace("network").set("/linux/netDevices", R"({"give0":{}})");
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "/linux/netDevices"));
  }
  SECTION("not onto a name that is taken") {
    bundle.set("/linux/netDevices", R"({"give0":{"name":"lo"}})");
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "/linux/netDevices/give0"));
  }
  world.nothing_left();
}
