// SPDX-License-Identifier: Apache-2.0
#include "plan/cgroup.hpp"

#include <catch2/catch.hpp>

using namespace caisson;
using plan::CgroupFlavour;
using plan::HostFacts;

namespace {

HostFacts v1_host() {
  HostFacts facts;
  facts.cgroup_flavour = CgroupFlavour::hybrid;
  facts.cgroup_mounts = {{{"cpu", "cpuacct"}, "/sys/fs/cgroup/cpu,cpuacct", "/", false},
                         {{"memory"}, "/sys/fs/cgroup/memory", "/user.slice", false},
                         {{"devices"}, "/sys/fs/cgroup/devices", "/", false},
                         {{"name=systemd"}, "/sys/fs/cgroup/systemd", "/", false},
                         {{}, "/sys/fs/cgroup/unified", "/", true}};
  return facts;
}

HostFacts v2_host() {
  HostFacts facts;
  facts.cgroup_flavour = CgroupFlavour::v2;
  facts.cgroup_mounts = {{{"cpu", "memory", "pids"}, "/sys/fs/cgroup", "/user.slice/session-1.scope", true}};
  return facts;
}

config::Spec spec_with_path(std::string path) {
  config::Spec spec;
  spec.linux.emplace().cgroups_path = std::move(path);
  return spec;
}

std::vector<std::string> dirs(const config::Spec& spec, const HostFacts& facts) {
  auto made = plan::make_cgroup(spec, facts, "c1", {});
  if (!made) return {made.error().message()};
  std::vector<std::string> out;
  for (const auto& dir : made->dirs) out.push_back(dir.path);
  return out;
}

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("cgroup paths on v2", "[plan][cgroup]") {
  CHECK(dirs({}, v2_host()) == Paths{"/sys/fs/cgroup/user.slice/c1"});
  CHECK(dirs(spec_with_path("a/b"), v2_host()) == Paths{"/sys/fs/cgroup/user.slice/a/b"});
  CHECK(dirs(spec_with_path("/a/b"), v2_host()) == Paths{"/sys/fs/cgroup/a/b"});
  CHECK(dirs(spec_with_path("/a/./../../b//c/"), v2_host()) == Paths{"/sys/fs/cgroup/b/c"});
  CHECK(dirs(spec_with_path("../../a"), v2_host()) == Paths{"/sys/fs/cgroup/user.slice/a"});
}

TEST_CASE("cgroup paths on v1, one for each hierarchy", "[plan][cgroup]") {
  CHECK(dirs(spec_with_path("/a"), v1_host()) == Paths{"/sys/fs/cgroup/cpu,cpuacct/a", "/sys/fs/cgroup/memory/a",
                                                       "/sys/fs/cgroup/devices/a", "/sys/fs/cgroup/systemd/a",
                                                       "/sys/fs/cgroup/unified/a"});
  CHECK(dirs({}, v1_host())[1] == "/sys/fs/cgroup/memory/user.slice/c1");
  auto made = plan::make_cgroup(spec_with_path("/a"), v1_host(), "c1", {});
  REQUIRE(made);
  CHECK(plan::paths(*made) == std::map<std::string, std::string>{{"", "/sys/fs/cgroup/unified/a"},
                                                                 {"cpu", "/sys/fs/cgroup/cpu,cpuacct/a"},
                                                                 {"cpuacct", "/sys/fs/cgroup/cpu,cpuacct/a"},
                                                                 {"devices", "/sys/fs/cgroup/devices/a"},
                                                                 {"memory", "/sys/fs/cgroup/memory/a"},
                                                                 {"name=systemd", "/sys/fs/cgroup/systemd/a"}});
}

TEST_CASE("a path that is no cgroup of the container's own is refused", "[plan][cgroup]") {
  for (const char* path : {"/", "..", ".", "/a/.."}) {
    auto made = plan::make_cgroup(spec_with_path(path), v2_host(), "c1", {});
    REQUIRE_FALSE(made);
    CHECK(made.error().pointer() == "/linux/cgroupsPath");
  }
}

TEST_CASE("what cannot be had is refused by name", "[plan][cgroup]") {
  auto systemd = plan::make_cgroup({}, v2_host(), "c1", {.systemd = true});
  REQUIRE_FALSE(systemd);
  CHECK(systemd.error().what().contains("--systemd-cgroup"));
  HostFacts bare;
  bare.cgroup_flavour = CgroupFlavour::none;
  CHECK_FALSE(plan::make_cgroup({}, bare, "c1", {}));
  auto without = plan::make_cgroup({}, bare, "c1", {.rootless_cgroups = true});
  REQUIRE(without);
  CHECK(without->dirs.empty());
  CHECK(without->optional);
  auto facts = v1_host();
  std::erase_if(facts.cgroup_mounts,
                [](const auto& mount) { return mount.v2 || mount.controllers.front() == "devices"; });
  config::Spec spec;
  spec.linux.emplace().resources.emplace().devices = {
      {.allow = false, .type = {}, .major = {}, .minor = {}, .access = "rwm"}};
  auto devices = plan::make_cgroup(spec, facts, "c1", {});
  REQUIRE_FALSE(devices);
  CHECK(devices.error().pointer() == "/linux/resources/devices");
}

TEST_CASE("a rootless run may go without a cgroup only when nothing is asked of it", "[plan][cgroup]") {
  auto facts = v2_host();
  facts.euid = 1000;
  CHECK(plan::make_cgroup({}, facts, "c1", {.rootless_cgroups = true})->optional);
  CHECK_FALSE(plan::make_cgroup(spec_with_path("/a"), facts, "c1", {.rootless_cgroups = true})->optional);
  config::Spec limited;
  limited.linux.emplace().resources.emplace().pids = config::Pids{10};
  CHECK_FALSE(plan::make_cgroup(limited, facts, "c1", {.rootless_cgroups = true})->optional);
  CHECK(plan::make_cgroup({}, facts, "c1", {})->devices.may_fail);
}

TEST_CASE("a cgroup namespace with a writable cgroup mount gets its cgroup delegated", "[plan][cgroup]") {
  config::Spec spec;
  spec.process.emplace().user.uid = 5;
  auto& linux = spec.linux.emplace();
  linux.namespaces = {{config::NamespaceType::cgroup, ""}};
  linux.uid_mappings = {{0, 100000, 65536}};
  spec.mounts = {{.destination = "/sys/fs/cgroup/", .type = "cgroup", .source = "cgroup", .options = {"nosuid"}}};
  auto delegate = [&] { return plan::make_cgroup(spec, v2_host(), "c1", {})->delegate_to; };
  CHECK(delegate() == 100005u);
  linux.uid_mappings.clear();
  CHECK(delegate() == 5u);
  spec.process->user.uid = 0;
  CHECK_FALSE(delegate());
  spec.process->user.uid = 5;
  spec.mounts[0].options.push_back("ro");
  CHECK_FALSE(delegate());
  spec.mounts[0].options.clear();
  linux.namespaces[0].path = "/proc/1/ns/cgroup";
  CHECK_FALSE(delegate());
  linux.namespaces.clear();
  CHECK_FALSE(delegate());
  CHECK_FALSE(plan::make_cgroup(spec, v1_host(), "c1", {})->delegate_to);
}

TEST_CASE("with little memory, init enters its cgroup2 late", "[plan][cgroup]") {
  auto late = [](std::int64_t limit, const HostFacts& facts) {
    config::Spec spec;
    spec.linux.emplace().resources.emplace().memory = config::Memory{.limit = limit};
    return plan::make_cgroup(spec, facts, "c1", {})->enter_late;
  };
  CHECK(late(1 << 20, v2_host()));
  CHECK_FALSE(late(8 << 20, v2_host()));
  CHECK_FALSE(late(-1, v2_host()));
  CHECK_FALSE(late(0, v2_host()));
  CHECK_FALSE(late(1 << 20, v1_host()));
  CHECK_FALSE(plan::make_cgroup({}, v2_host(), "c1", {})->enter_late);
}

TEST_CASE("a plan in words", "[plan][cgroup]") {
  config::Spec spec = spec_with_path("/a");
  spec.linux->resources.emplace().pids = config::Pids{10};
  auto made = plan::make_cgroup(spec, v2_host(), "c1", {});
  REQUIRE(made);
  CHECK(
      plan::describe(*made).starts_with("cgroup /sys/fs/cgroup/a\nwrite pids.max = 10  [/linux/resources/pids/limit]\n"
                                        "devices allow c *:* m\n"));
}
