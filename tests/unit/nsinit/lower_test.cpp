// SPDX-License-Identifier: Apache-2.0
#include "nsinit/lower.hpp"

#include <catch2/catch.hpp>

#include "config/validate.hpp"

using namespace caisson;
using nsinit::Lowered;

namespace {

nsinit::Surroundings around() {
  return {.rootfs = "/srv/box",
          .id = "nsinit-1-2",
          .args = {"sh"},
          .uid = 0,
          .gid = 0,
          .no_apparmor = {},
          .selinux = true,
          .mcs = "s0:c1,c2"};
}

/// A container.json with these members, and the namespace that each must have.
Result<Lowered> lowered(const std::string& members, const nsinit::Surroundings& host = around()) {
  const bool has_namespaces = members.find("\"namespaces\"") != std::string::npos;
  const std::string text =
      "{" + std::string(has_namespaces ? "" : R"("namespaces": [{"name": "NEWNS"}, {"name": "NEWNET"}],)") + members +
      "}";
  auto container = nsinit::read(text == "{" ? "{}" : text);
  INFO(text << (container ? std::string() : container.error().message()));
  REQUIRE(container);
  return nsinit::lower(*container, host);
}

Lowered good(const std::string& members, const nsinit::Surroundings& host = around()) {
  auto result = lowered(members, host);
  INFO((result ? std::string() : result.error().message()));
  REQUIRE(result);
  return std::move(*result);
}

std::string fault(const std::string& members) {
  const auto result = lowered(members);
  REQUIRE_FALSE(result);
  return result.error().message();
}

}  // namespace

TEST_CASE("what every container of 2014 has", "[nsinit][lower]") {
  const auto least = good(R"("hostname": "")");
  std::vector<std::string> warnings;
  const auto valid = config::validate(least.spec, warnings);
  INFO((valid ? std::string() : valid.error().message()));
  CHECK(valid);
  CHECK(least.warnings.empty());
  std::vector<std::string> places;
  for (const auto& mount : least.spec.mounts) places.push_back(mount.destination);
  CHECK(places == std::vector<std::string>{"/proc", "/dev", "/dev/shm", "/dev/mqueue", "/dev/pts", "/sys"});
  CHECK(least.spec.mounts[5].options == std::vector<std::string>{"nosuid", "noexec", "nodev"});
  CHECK(least.spec.root->path == "/srv/box");
  CHECK(least.spec.linux->rootfs_propagation == "rprivate");
  CHECK(least.spec.process->cwd == "/");
  CHECK(least.spec.process->env->empty());
  // No capability is named, so none is kept.
  CHECK(least.spec.process->capabilities == config::Capabilities{});
  CHECK(least.spec.extension->named_user);
  CHECK(least.spec.extension->ends_with_caller);
  CHECK_FALSE(least.spec.linux->resources);
  CHECK_FALSE(least.no_pivot);
}

TEST_CASE("namespaces", "[nsinit][lower]") {
  const auto some = good(R"("namespaces": [{"name": "NEWNS"}, {"name": "NEWIPC", "path": "/proc/1/ns/ipc"}])");
  CHECK(some.spec.linux->namespaces == std::vector<config::Namespace>{{config::NamespaceType::mount, ""},
                                                                      {config::NamespaceType::ipc, "/proc/1/ns/ipc"}});
  CHECK(fault(R"("namespaces": [{"name": "NEWNS"}, {"name": "NEWMOON"}])") ==
        "unknown namespace 'NEWMOON' [config: /namespaces/1/name]");
  CHECK(fault(R"("namespaces": [{"name": "NEWNS"}, {"name": "NEWNS"}])").ends_with("[config: /namespaces/1/name]"));
  CHECK(fault(R"("namespaces": [{"name": "NEWPID"}])").ends_with("[config: /namespaces]"));
  auto user = around();
  user.uid = 1000;
  user.gid = 100;
  const auto own = good(R"("namespaces": [{"name": "NEWNS"}, {"name": "NEWUSER"}])", user);
  CHECK(own.spec.linux->uid_mappings == std::vector<config::IdMapping>{{0, 1000, 1}});
  CHECK(own.spec.linux->gid_mappings == std::vector<config::IdMapping>{{0, 100, 1}});
  CHECK(own.spec.process->user.uid == 0);
}

TEST_CASE("container.json is read-only in a container whose tree it lies in", "[nsinit][lower][security]") {
  using Paths = std::vector<std::string>;
  auto host = around();
  host.rootfs = "/srv/box";
  host.config_file = "/srv/box/container.json";
  CHECK(good(R"("hostname": "a")", host).spec.linux->readonly_paths == Paths{"/container.json"});
  const auto strict = good(R"("restrict_sys": true)", host);
  CHECK(strict.spec.linux->readonly_paths.back() == "/container.json");
  CHECK(strict.spec.linux->readonly_paths.size() == 5);
  host.config_file = "/srv/box/etc/box/container.json";
  const auto deep = good(R"("hostname": "a")", host);
  CHECK(deep.spec.linux->readonly_paths == Paths{"/etc"});
  CHECK(deep.warnings.size() == 1);
  host.config_file = "/srv/box-data/container.json";
  CHECK(good(R"("hostname": "a")", host).spec.linux->readonly_paths.empty());
  const char* bind =
      R"("mount_config": {"mounts": [{"type": "bind", "source": "/srv/box-data", "destination": "/data", "writable": true}]})";
  CHECK(good(bind, host).spec.linux->readonly_paths == Paths{"/data/container.json"});
  host.config_file.clear();
  CHECK(good(bind, host).spec.linux->readonly_paths.empty());
}

TEST_CASE("the process", "[nsinit][lower]") {
  const auto some = good(R"("user": "daemon:adm", "working_dir": "/tmp", "tty": true, "environment": ["A=b"],
    "capabilities": ["CHOWN", "NET_RAW", "SLEEP"], "rlimits": [{"type": 7, "hard": 2048, "soft": 1024}],
    "hostname": "koye")");
  const auto& process = *some.spec.process;
  CHECK(some.spec.extension->user == "daemon:adm");
  CHECK(process.cwd == "/tmp");
  CHECK(process.terminal);
  CHECK(process.env == std::vector<std::string>{"A=b"});
  const std::vector<std::string> kept{"CAP_CHOWN", "CAP_NET_RAW"};
  CHECK(process.capabilities ==
        config::Capabilities{.bounding = kept, .effective = kept, .inheritable = {}, .permitted = kept, .ambient = {}});
  CHECK(some.warnings == std::vector<std::string>{"ignoring unknown capability 'SLEEP' [config: /capabilities/2]"});
  CHECK(process.rlimits == std::vector<config::Rlimit>{{config::RlimitType::nofile, 1024, 2048}});
  CHECK(some.spec.hostname == "koye");
  CHECK(fault(R"("environment": ["A=b", "AB"])") == "invalid environment 'AB' [config: /environment/1]");
  CHECK(fault(R"("rlimits": [{"type": 99}])") == "99 is not the number of a resource limit [config: /rlimits/0/type]");
}

TEST_CASE("restrict_sys and the root", "[nsinit][lower]") {
  const auto strict = good(R"("restrict_sys": true, "mount_config": {"readonly_fs": true, "no_pivot_root": true})");
  CHECK(strict.spec.linux->readonly_paths ==
        std::vector<std::string>{"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus"});
  CHECK(strict.spec.linux->masked_paths == std::vector<std::string>{"/proc/kcore"});
  CHECK(strict.spec.mounts[5].options.back() == "ro");
  CHECK(strict.spec.root->readonly);
  CHECK(strict.no_pivot);
  CHECK(strict.spec.linux->rootfs_propagation == "rslave");
}

TEST_CASE("mounts and device nodes", "[nsinit][lower]") {
  const auto some = good(R"("mount_config": {"mounts": [
    {"type": "bind", "source": "/a", "destination": "/b"},
    {"type": "bind", "source": "/a", "destination": "b", "writable": true, "slave": true, "private": true},
    {"type": "tmpfs", "destination": "/tmp"}],
    "device_nodes": [{"type": 99, "path": "/dev/fuse", "major_number": 10, "minor_number": 229, "file_mode": 438}]})");
  const auto& mounts = some.spec.mounts;
  REQUIRE(mounts.size() == 9);
  CHECK(mounts[6].options == std::vector<std::string>{"rbind", "ro"});
  CHECK(mounts[7].destination == "/b");
  CHECK(mounts[7].options == std::vector<std::string>{"rbind", "rw", "rslave", "private"});
  CHECK(mounts[8].options == std::vector<std::string>{"nosuid", "noexec", "nodev"});
  CHECK(some.spec.linux->devices ==
        std::vector<config::Device>{{config::DeviceType::c, "/dev/fuse", 10, 229, 0666, 0, 0}});
  CHECK(fault(R"("mount_config": {"mounts": [{"type": "nfs", "destination": "/n"}]})") ==
        "unsupported mount type nfs for /n [config: /mount_config/mounts/0/type]");
  CHECK(fault(R"("mount_config": {"mounts": [{"type": "bind", "source": "a", "destination": "/n"}]})")
            .ends_with("[config: /mount_config/mounts/0/source]"));
  CHECK(fault(R"("mount_config": {"mounts": [{"type": "tmpfs", "destination": "/n", "relabel": "q"}]})")
            .ends_with("[config: /mount_config/mounts/0/relabel]"));
  CHECK(fault(R"("mount_config": {"device_nodes": [{"type": 1}]})")
            .ends_with("[config: /mount_config/device_nodes/0/type]"));
}

TEST_CASE("cgroups", "[nsinit][lower]") {
  const auto path = [](const std::string& fields) {
    return good(R"("cgroups": {)" + fields + "}").spec.linux->cgroups_path;
  };
  CHECK(path(R"("name": "a", "parent": "docker")") == "/docker/a");
  CHECK(path(R"("name": "a", "parent": "/docker/x")") == "/docker/x/a");
  CHECK(path(R"("name": "a")") == "/a");
  CHECK(path(R"("parent": "docker")") == "/docker/nsinit-1-2");
  CHECK(path(R"("name": "a", "parent": "docker", "slice": "system.slice")") == "/system.slice/docker-a.scope");
  CHECK(path(R"("name": "a", "slice": "a-b.slice")") == "/a.slice/a-b.slice/a.scope");

  const auto some = good(R"("cgroups": {"name": "a", "memory": 1048576, "memory_reservation": 65536,
    "cpu_shares": 512, "cpu_period": 50000, "cpu_quota": -1, "cpuset_cpus": "0", "cpuset_mems": "0",
    "freezer": "FROZEN",
    "allowed_devices": [{"type": 99, "major_number": -1, "minor_number": -1, "cgroup_permissions": "m"}]})");
  const auto& resources = *some.spec.linux->resources;
  CHECK(resources.memory == config::Memory{.limit = 1048576, .reservation = 65536, .swap = 2097152});
  CHECK(resources.cpu == config::Cpu{.shares = 512, .quota = -1, .period = 50000, .cpus = "0", .mems = "0"});
  CHECK(resources.devices == std::vector<config::DeviceRule>{{false, std::nullopt, std::nullopt, std::nullopt, "rwm"},
                                                             {true, config::DeviceRuleType::c, -1, -1, "m"}});
  CHECK(some.starts_frozen);
  CHECK(good(R"("cgroups": {"allow_all_devices": true})").spec.linux->resources->devices.empty());

  // The limit with swap is what the field says; what is not said is twice the memory, and -1 is nothing.
  const auto swap = [](const std::string& fields) {
    return good(R"("cgroups": {)" + fields + "}").spec.linux->resources->memory.value_or(config::Memory{}).swap;
  };
  CHECK(swap(R"("memory": 100, "memory_swap": 150)") == 150);
  CHECK(swap(R"("memory": 100, "memory_swap": -1)") == std::nullopt);
  CHECK(swap(R"("memory_swap": -1)") == std::nullopt);

  CHECK(fault(R"("cgroups": {"freezer": "COLD"})") ==
        "'COLD' is neither 'FROZEN' nor 'THAWED' [config: /cgroups/freezer]");
  CHECK(fault(R"("cgroups": {"name": "a/b"})").ends_with("[config: /cgroups/name]"));
  CHECK(fault(R"("cgroups": {"slice": "system"})").ends_with("[config: /cgroups/slice]"));
  CHECK(fault(R"("cgroups": {"cpu_shares": -5})").ends_with("[config: /cgroups/cpu_shares]"));
  CHECK(fault(R"("cgroups": {"memory_swap": -5})").ends_with("[config: /cgroups/memory_swap]"));
}

TEST_CASE("networks and routes go into the extension", "[nsinit][lower]") {
  const auto some = good(R"("networks": [{"type": "loopback", "mtu": 1500},
    {"type": "veth", "bridge": "b0", "veth_prefix": "v", "address": "10.0.0.2/24", "mtu": 1400}],
    "routes": [{"destination": "0.0.0.0/0", "source": "10.0.0.2", "interface_name": "eth0"}])");
  REQUIRE(some.spec.extension->veths.size() == 1);
  CHECK(some.spec.extension->veths[0].origin == "/networks/1");
  CHECK(some.spec.extension->veths[0].mtu == 1400);
  CHECK(some.spec.extension->routes == std::vector<config::Route>{{"0.0.0.0/0", "10.0.0.2", "", "eth0", "/routes/0"}});
  CHECK(fault(R"("networks": [{"type": "carrier pigeon"}])") ==
        "not a valid network strategy type [config: /networks/0/type]");
}

TEST_CASE("labels, on a host that has the module and on one that has not", "[nsinit][lower]") {
  const std::string fields = R"("apparmor_profile": "docker-default", "process_label": "u:r:t",
    "mount_config": {"mount_label": "u:r:m:s0:c7,c8"})";
  const auto with = good(fields);
  CHECK(with.spec.process->apparmor_profile == "docker-default");
  // The level that one of them has is the other's.
  CHECK(with.spec.process->selinux_label == "u:r:t:s0:c7,c8");
  CHECK(with.spec.linux->mount_label == "u:r:m:s0:c7,c8");
  CHECK(with.warnings.empty());
  auto host = around();
  host.no_apparmor = "this host has no AppArmor";
  host.selinux = false;
  const auto without = good(fields, host);
  CHECK(without.spec.process->apparmor_profile.empty());
  CHECK(without.spec.process->selinux_label.empty());
  CHECK(without.spec.linux->mount_label.empty());
  CHECK(without.warnings ==
        std::vector<std::string>{"going on without it: this host has no AppArmor [config: /apparmor_profile]",
                                 "going on without it: this host has no SELinux [config: /process_label]"});
}

TEST_CASE("labels take a fresh level when none is given, and the host's own when there are none", "[nsinit][lower]") {
  const auto labels = [](const char* process, const char* mounts, nsinit::Surroundings host = around()) {
    const auto made = good(
        std::string(R"("process_label": ")") + process + R"(", "mount_config": {"mount_label": ")" + mounts + "\"}",
        host);
    return made.spec.process->selinux_label + " " + made.spec.linux->mount_label;
  };
  CHECK(labels("u:r:t", "u:r:m") == "u:r:t:s0:c1,c2 u:r:m:s0:c1,c2");
  CHECK(labels("u:r:t:s0-s0:c5,c6", "u:r:m") == "u:r:t:s0-s0:c5,c6 u:r:m:s0:c5,c6");
  CHECK(labels("u:r:t", "") == "u:r:t:s0:c1,c2 ");
  CHECK(labels("", "") == " ");
  auto enforcing = around();
  enforcing.process_label = "u:r:container_t";
  enforcing.mount_label = "u:r:container_file_t";
  CHECK(labels("", "", enforcing) == "u:r:container_t:s0:c1,c2 u:r:container_file_t:s0:c1,c2");
  CHECK(labels("u:r:t", "", enforcing) == "u:r:t:s0:c1,c2 ");
  auto permissive = around();
  permissive.mcs.clear();
  CHECK(labels("u:r:t", "u:r:m", permissive) == "u:r:t u:r:m");
}

TEST_CASE("relabelling: the container's own label, or one that all share", "[nsinit][lower]") {
  const std::string fields = R"("mount_config": {"mount_label": "u:r:m", "mounts": [
    {"type": "bind", "source": "/own", "destination": "/a", "relabel": "Z"},
    {"type": "bind", "source": "/shared", "destination": "/b", "relabel": "z"},
    {"type": "bind", "source": "/as-it-is", "destination": "/c"}]})";
  CHECK(good(fields).relabels ==
        std::vector<nsinit::Relabel>{{"/own", "u:r:m:s0:c1,c2", "/mount_config/mounts/0/relabel"},
                                     {"/shared", "u:r:m:s0", "/mount_config/mounts/1/relabel"}});
  auto host = around();
  host.selinux = false;
  CHECK(good(fields, host).relabels.empty());
  const auto none = good(R"("mount_config": {"mounts": [
    {"type": "bind", "source": "/own", "destination": "/a", "relabel": "Z"}]})");
  CHECK(none.relabels.empty());
  CHECK(none.warnings == std::vector<std::string>{"going on without it: there is no mount_label to give [config: "
                                                  "/mount_config/mounts/0/relabel]"});
}

TEST_CASE("a fault of the config.json that was made is told in container.json's places", "[nsinit][lower]") {
  const auto some = good(R"("hostname": "a", "rlimits": [{"type": 7, "hard": 1, "soft": 2}],
    "mount_config": {"mounts": [{"type": "tmpfs", "destination": "/a"}, {"type": "tmpfs", "destination": "/b"}]},
    "cgroups": {"memory": 5})");
  const auto place = [&](const char* pointer) {
    return nsinit::raise(Error(ErrorKind::config, "x").at(pointer), some.origins).pointer();
  };
  CHECK(place("/process/rlimits/0/soft") == "/rlimits/0");
  CHECK(place("/process/rlimits/0") == "/rlimits/0");
  CHECK(place("/mounts/7/destination") == "/mount_config/mounts/1/destination");
  CHECK(place("/mounts/7/options/1") == "/mount_config/mounts/1");
  CHECK(place("/root/path") == "/root_fs");
  CHECK(place("/linux/resources/memory/limit") == "/cgroups/memory");
  CHECK(place("/linux/namespaces/1/path") == "/namespaces/1");
  CHECK(place("/process/user/uid") == "/user");
  CHECK(place("/hostname") == "/hostname");
}
