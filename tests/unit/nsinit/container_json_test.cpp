// SPDX-License-Identifier: Apache-2.0
#include "nsinit/container_json.hpp"

#include <catch2/catch.hpp>

#include "nsinit/state_json.hpp"

using namespace caisson;

namespace {

nsinit::Container good(std::string_view text) {
  auto container = nsinit::read(text);
  INFO((container ? std::string() : container.error().message()));
  REQUIRE(container);
  return *container;
}

std::string fault(std::string_view text) {
  auto container = nsinit::read(text);
  REQUIRE_FALSE(container);
  return container.error().message();
}

constexpr const char* kAll = R"({
  "root_fs": "/srv/box", "hostname": "koye", "user": "daemon", "working_dir": "/tmp",
  "environment": ["HOME=/", "TERM=xterm"], "tty": true,
  "namespaces": [{"name": "NEWNS"}, {"name": "NEWNET", "path": "/proc/1/ns/net"}],
  "capabilities": ["CHOWN", "KILL"],
  "networks": [{"type": "loopback", "address": "127.0.0.1/0", "gateway": "localhost", "mtu": 1500},
               {"type": "veth", "bridge": "docker0", "veth_prefix": "veth", "mac_address": "02:42:ac:11:00:65",
                "address": "172.17.0.101/16", "ipv6_address": "::2/64", "gateway": "172.17.42.1",
                "ipv6_gateway": "::1", "mtu": 1400, "txqueuelen": 10}],
  "routes": [{"destination": "0.0.0.0/0", "source": "172.17.0.101", "gateway": "172.17.42.1",
              "interface_name": "eth0"}],
  "cgroups": {"name": "koye", "parent": "docker", "allow_all_devices": true,
              "allowed_devices": [{"type": 99, "path": "/dev/null", "major_number": 1, "minor_number": 3,
                                   "cgroup_permissions": "rwm", "file_mode": 438, "uid": 1, "gid": 2}],
              "memory": 1, "memory_reservation": 2, "memory_swap": -1, "cpu_shares": 3, "cpu_quota": 4,
              "cpu_period": 5, "cpuset_cpus": "0", "cpuset_mems": "1", "freezer": "THAWED", "slice": "a.slice"},
  "apparmor_profile": "docker-default", "process_label": "a:b:c:s0", "restrict_sys": true,
  "rlimits": [{"type": 7, "hard": 18446744073709551615, "soft": 1024}],
  "mount_config": {"no_pivot_root": true, "readonly_fs": true, "mount_label": "a:b:d:s0",
                   "mounts": [{"type": "bind", "source": "/a", "destination": "/b", "writable": true,
                               "relabel": "z", "private": true, "slave": true}],
                   "device_nodes": [{"type": 98, "path": "/dev/x", "major_number": 7, "minor_number": 8}]}
})";

}  // namespace

TEST_CASE("every field of container.json is read and written again", "[nsinit]") {
  const auto all = good(kAll);
  CHECK(all.root_fs == "/srv/box");
  CHECK(all.environment.size() == 2);
  CHECK(all.namespaces[1].path == "/proc/1/ns/net");
  CHECK(all.networks[1].txqueuelen == 10);
  CHECK(all.routes[0].interface_name == "eth0");
  REQUIRE(all.cgroups);
  CHECK(all.cgroups->memory_swap == -1);
  CHECK(all.cgroups->allowed_devices[0].file_mode == 0666);
  CHECK(all.rlimits[0].hard == ~std::uint64_t{0});
  REQUIRE(all.mount_config);
  CHECK(all.mount_config->mounts[0].is_private);
  CHECK(all.mount_config->device_nodes[0].type == 'b');
  const auto text = nsinit::write(all);
  CHECK(good(text) == all);
  CHECK(text.starts_with("{\n\t\"root_fs\": \"/srv/box\",\n"));
}

TEST_CASE("keys match in any case, and unknown ones are nobody's business", "[nsinit]") {
  CHECK(good(R"({"HostName": "a", "Mount_Config": {"READONLY_FS": true}, "version": 3})") ==
        good(R"({"hostname": "a", "mount_config": {"readonly_fs": true}})"));
  CHECK(good(R"({"cgroups": null, "environment": null})") == nsinit::Container{});
}

TEST_CASE("faults of container.json bear their place", "[nsinit]") {
  CHECK(fault("{\n  \"hostname\": \"a\",\n  \"tty\" true }").starts_with("invalid JSON at line 3, column 9: "));
  CHECK(fault(R"({"tty": "yes"})") == "expected true or false, not a string [config: /tty]");
  CHECK(fault(R"({"rlimits": [{"type": 7, "soft": -1}]})").ends_with("[config: /rlimits/0/soft]"));
  CHECK(fault(R"({"mount_config": {"device_nodes": [{"type": "c"}]}})")
            .ends_with("[config: /mount_config/device_nodes/0/type]"));
  CHECK(fault(R"({"hostname": "a", "HOSTNAME": "b"})") == "given twice [config: /HOSTNAME]");
  CHECK(fault("[]") == "expected an object, not an array");
}

TEST_CASE("state.json has the keys of 2014", "[nsinit]") {
  const nsinit::State state{.init_pid = 12,
                            .init_start_time = "345",
                            .network_state = {.veth_host = "veth1", .veth_child = "eth0"},
                            .cgroup_paths = {{"cpu", "/sys/fs/cgroup/cpu/x"}}};
  const auto text = nsinit::write_state(state);
  CHECK(text == R"({"init_pid":12,"init_start_time":"345","network_state":{"veth_host":"veth1","veth_child":"eth0"},)"
                R"("cgroup_paths":{"cpu":"/sys/fs/cgroup/cpu/x"}})");
  CHECK(nsinit::read_state(text).value() == state);
}
