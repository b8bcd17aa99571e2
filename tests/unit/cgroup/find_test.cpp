// SPDX-License-Identifier: Apache-2.0
#include "cgroup/find.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

using namespace caisson;

TEST_CASE("cgroup lines of mountinfo", "[cgroup]") {
  const char* text =
      "22 1 0:20 / /proc rw,nosuid - proc proc rw\n"
      "33 32 0:29 /docker/c1 /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:9 - cgroup cgroup rw,cpu,cpuacct\n"
      "34 32 0:30 / /sys/fs/cgroup/my\\040place rw - cgroup2 cgroup2 rw,nsdelegate\n"
      "35 32 0:31 / /x rw - cgrouplike none rw\n";
  const std::vector<cgroup::MountLine> expected = {
      {"/docker/c1", "/sys/fs/cgroup/cpu,cpuacct", "rw,cpu,cpuacct", false},
      {"/", "/sys/fs/cgroup/my place", "rw,nsdelegate", true}};
  CHECK(cgroup::read_mountinfo(text) == expected);
}

TEST_CASE("a cgroup's path as a mount of a part of its hierarchy shows it", "[cgroup]") {
  CHECK(cgroup::relative_to_root("/a/b", "/") == "/a/b");
  CHECK(cgroup::relative_to_root("/a/b", "/a") == "/b");
  CHECK(cgroup::relative_to_root("/a", "/a") == "/");
  CHECK(cgroup::relative_to_root("/ab", "/a") == "/");
  CHECK(cgroup::relative_to_root("/", "/../x") == "/");
}

TEST_CASE("the host's hierarchies are found", "[cgroup]") {
  plan::HostFacts facts;
  auto found = cgroup::find_mounts(facts);
  if (!found) FAIL(found.error().message());
  if (facts.cgroup_mounts.empty()) {
    WARN("skipped: no cgroup hierarchy is mounted here");
    return;
  }
  CHECK(facts.cgroup_flavour != plan::CgroupFlavour::none);
  for (const auto& mount : facts.cgroup_mounts) {
    struct stat status {};
    const std::string procs = mount.mountpoint + (mount.own_path == "/" ? "" : mount.own_path) + "/cgroup.procs";
    INFO(procs);
    CHECK(::stat(procs.c_str(), &status) == 0);
    CHECK(mount.v2 == (&mount == &facts.cgroup_mounts.back() && facts.cgroup_flavour != plan::CgroupFlavour::v1));
    if (!mount.v2) CHECK_FALSE(mount.controllers.empty());
  }
}
