// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "integration/support/nsinit.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

bool shell(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

std::string output(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string text;
  char bytes[4096];
  for (std::size_t got = 0; pipe && (got = ::fread(bytes, 1, sizeof bytes, pipe)) > 0;) text.append(bytes, got);
  if (pipe) ::pclose(pipe);
  return text;
}

/// A network namespace for the test, so that the host's devices are out of reach.
class OwnNetwork {
 public:
  OwnNetwork() : host_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    has_bridge_ = shell("ip link add br0 type bridge") && shell("ip link set br0 up");
  }
  ~OwnNetwork() {
    ::setns(host_, CLONE_NEWNET);
    ::close(host_);
  }
  OwnNetwork(const OwnNetwork&) = delete;
  bool has_bridge() const { return has_bridge_; }

 private:
  int host_;
  bool has_bridge_ = false;
};

std::string veths() { return output("ip -o link show type veth"); }

NsinitBox networked(const World& world, const std::string& name, int number) {
  NsinitBox box(world, name);
  const std::string last = std::to_string(number);
  box.set("/networks/-", R"({"type": "veth", "bridge": "br0", "veth_prefix": "nsi", "address": "10.77.0.)" + last +
                             R"(/24", "ipv6_address": "fd77::)" + last + R"(/64", "mtu": 1400, "txqueuelen": 50,)" +
                             R"("mac_address": "02:42:0a:4d:00:0)" + last + "\"}");
  return box;
}

void end(const World& world, pid_t pid, const Ran& files) {
  ::kill(pid, SIGTERM);
  CHECK(world.finish_call(pid, files, 10).code == 0);
}

}  // namespace

TEST_CASE("two containers on one bridge reach each other, by IPv4 and IPv6", "[nsinit][network]") {
  World world;
  const OwnNetwork network;
  if (!network.has_bridge()) CAISSON_SKIP("no ip(8), or a kernel without bridges");
  const NsinitBox one = networked(world, "one", 2), two = networked(world, "two", 3);
  Ran one_files, two_files;
  const pid_t first = one.started(one_files);
  const pid_t second = two.started(two_files);
  CHECK(contains(one.exec({"ping", "-c", "1", "-W", "5", "10.77.0.3"}).out, "1 packets received"));
  const Ran six = two.exec({"ping6", "-c", "1", "-W", "5", "fd77::2"});
  INFO(six.out << six.err);
  CHECK(contains(six.out, "1 packets received"));
  for (const char* address : {"10.77.0.2", "fd77::2"}) {
    INFO(address);
    Ran server_files;
    const pid_t server = one.start({"sh", "-c", "echo hello | nc -l -p 7007"}, server_files);
    REQUIRE(eventually([&] { return contains(one.exec({"cat", "/proc/net/tcp", "/proc/net/tcp6"}).out, ":1B5F "); }));
    CHECK(contains(two.exec({"sh", "-c", "nc " + std::string(address) + " 7007 </dev/null"}).out, "hello"));
    world.finish_call(server, server_files, 10);
  }
  const Json stats(one.call({"stats"}).out);
  // Its echo request and answers came in; a listener's own words went out.
  CHECK(stats.num("/network_stats/rx_packets") > 0);
  CHECK(stats.num("/network_stats/tx_packets") > 0);
  const Ran ip = one.call({"exec", "--func", "ip"});
  CHECK(contains(ip.out, "eth0   1400    02:42:0a:4d:00:02   up|broadcast|multicast   10.77.0.2/24,fd77::2/64"));
  const Json state(slurp(one.state_path()));
  const std::string veth = state.str("/network_state/veth_host");
  CHECK(veth.starts_with("nsi"));
  CHECK(veth.size() == 10);
  CHECK(state.str("/network_state/veth_child") == "eth0");
  const std::string link = output("ip -o link show " + veth);
  CHECK(contains(link, "master br0"));
  CHECK(contains(link, "mtu 1400"));
  CHECK(contains(link, "qlen 50"));
  end(world, first, one_files);
  CHECK_FALSE(contains(veths(), veth));
  end(world, second, two_files);
  CHECK(veths().empty());
  one.nothing_left();
}

TEST_CASE("gateways, and a route with its source address", "[nsinit][network]") {
  World world;
  const OwnNetwork network;
  if (!network.has_bridge()) CAISSON_SKIP("no ip(8), or a kernel without bridges");
  REQUIRE(shell("ip addr add 10.77.0.1/24 dev br0; ip addr add fd77::1/64 dev br0"));
  NsinitBox box = networked(world, "one", 2);
  box.set("/networks/1/gateway", "\"10.77.0.1\"").set("/networks/1/ipv6_gateway", "\"fd77::1\"");
  const auto routes = [&] {
    return box.exec({"sh", "-c", "ip route; ip -6 route; ip route get 192.0.2.9; ip -6 route get 2001:db8::9"}).out;
  };
  std::string seen = routes();
  INFO(seen);
  CHECK(contains(seen, "default via 10.77.0.1 dev eth0"));
  CHECK(contains(seen, "default via fd77::1 dev eth0"));
  // A second address, and the route that says which of the two packets bear.
  box.set("/networks/-", R"({"type": "veth", "bridge": "br0", "veth_prefix": "nsi", "address": "10.78.0.9/24",
    "ipv6_address": "fd78::9/64"})");
  box.set("/routes", R"([{"destination": "0.0.0.0/0", "source": "10.78.0.9", "gateway": "10.77.0.1",
    "interface_name": "eth0"}, {"destination": "2001:db8::/32", "source": "fd78::9", "gateway": "fd77::1",
    "interface_name": "eth0"}])");
  box.write();
  seen = routes();
  INFO(seen);
  CHECK(contains(seen, "default via 10.77.0.1 dev eth0  src 10.78.0.9"));
  CHECK(contains(seen, "192.0.2.9 via 10.77.0.1 dev eth0  src 10.78.0.9"));
  CHECK(contains(seen, "2001:db8::9"));
  CHECK(contains(seen, "src fd78::9"));
  CHECK(veths().empty());
  box.nothing_left();
}

TEST_CASE("samples with a network", "[nsinit][network][samples]") {
  World world;
  const OwnNetwork network;
  if (!network.has_bridge()) CAISSON_SKIP("no ip(8), or a kernel without bridges");
  REQUIRE(shell("ip link set br0 down && ip link set br0 name docker0 && ip link set docker0 up"));
  NsinitBox box(world);
  for (const char* name : {"attach_to_bridge", "route_source_address_selection"}) {
    box.sample(name).set("/user", "\"root\"").write();
    const Ran ran = box.exec({"ip", "route"});
    INFO(name << ": " << ran.err);
    CHECK(ran.code == 0);
    CHECK(contains(ran.out, "default via 172.17.42.1 dev eth0"));
    CHECK(contains(ran.out, "src 172.17.0.101"));
    box.nothing_left();
  }
}

TEST_CASE("a bridge that is not there is made when the config says so", "[nsinit][network]") {
  World world;
  const OwnNetwork network;
  if (!network.has_bridge()) CAISSON_SKIP("no ip(8), or a kernel without bridges");
  NsinitBox box = networked(world, "one", 2);
  box.set("/networks/1/bridge", "\"br1\"").set("/networks/1/gateway", "\"10.77.0.1\"");
  const Ran refused = box.exec({"true"});
  CHECK(refused.code == 1);
  CHECK(contains(refused.err, "bridge 'br1' does not exist"));
  CHECK(contains(refused.err, "[config: /networks/1/bridge]"));
  box.set("/networks/1/create_bridge", "true");
  SECTION("and stays for others") {
    box.write();
    const Ran ran = box.exec({"ping", "-c", "1", "-W", "5", "10.77.0.1"});
    INFO(ran.err);
    CHECK(contains(ran.out, "1 packets received"));
    CHECK(contains(output("ip -o addr show br1"), "10.77.0.1/24"));
  }
  SECTION("but not when the container could not be made") {
    box.set("/routes", R"([{"destination": "192.0.2.0/24", "gateway": "198.51.100.1"}])").write();
    const Ran ran = box.exec({"true"});
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "[config: /routes/0]"));
    CHECK(output("ip -o link show br1 2>/dev/null").empty());
  }
  CHECK(veths().empty());
  box.nothing_left();
}

TEST_CASE("a killed nsinit's veth goes with its container", "[nsinit][network]") {
  World world;
  const OwnNetwork network;
  if (!network.has_bridge()) CAISSON_SKIP("no ip(8), or a kernel without bridges");
  const NsinitBox box = networked(world, "one", 2);
  for (int moment = 0; moment < 20; ++moment) {
    Ran files;
    const pid_t pid = box.start({"/probe", "--quiet", "--hold"}, files);
    ::usleep(static_cast<useconds_t>(moment * 500));
    ::kill(pid, SIGKILL);
    world.finish_call(pid, files, 10);
    const Ran ran = box.exec({"true"});
    INFO("moment " << moment << ": " << ran.err);
    CHECK(ran.code == 0);
    // A namespace that ends with its last process gives its devices back a moment later.
    CHECK(eventually([] { return veths().empty(); }));
    box.nothing_left();
  }
}
