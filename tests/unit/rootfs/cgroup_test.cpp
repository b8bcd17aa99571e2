// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include <catch2/catch.hpp>

#include "world.hpp"

using namespace caisson::test;
namespace config = caisson::config;
namespace plan = caisson::plan;

namespace {

// A cgroup of the test's own in each v1 hierarchy (and the unified one beside them), removed at the end.
struct Cgroups {
  Cgroups() {
    name = "caisson-rootfs-test-" + std::to_string(::getpid());
    for (const auto& line : all_mounts()) {
      if (line.type != "cgroup" && line.type != "cgroup2") continue;
      if (!line.point.starts_with("/sys/fs/cgroup/")) continue;
      plan::ContainerCgroup cgroup{{}, line.point, line.point + "/" + name, line.type == "cgroup2"};
      std::string super = line.super + ",";
      for (std::size_t at = 0, end; (end = super.find(',', at)) != std::string::npos; at = end + 1) {
        const std::string word = super.substr(at, end - at);
        if (word != "rw" && word != "ro" && word != "xattr" && !word.starts_with("release_agent") && !cgroup.v2)
          cgroup.controllers.push_back(word);
      }
      if (::mkdir(cgroup.path.c_str(), 0755) < 0) continue;
      for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
        const std::string text = text_of_file(cgroup.mountpoint + "/" + file);
        if (!text.empty()) std::ofstream(cgroup.path + "/" + file) << text;
      }
      list.push_back(std::move(cgroup));
    }
  }
  ~Cgroups() {
    for (const auto& cgroup : list) ::rmdir(cgroup.path.c_str());
  }
  bool has_v1() const {
    return std::ranges::any_of(list, [](const auto& cgroup) { return !cgroup.v2; });
  }
  void join() const {
    for (const auto& cgroup : list) std::ofstream(cgroup.path + "/cgroup.procs") << "0";
  }
  std::string name;
  std::vector<plan::ContainerCgroup> list;
};

std::string base(const plan::ContainerCgroup& cgroup) { return cgroup.mountpoint.substr(cgroup.mountpoint.rfind('/')); }

}  // namespace

TEST_CASE("cgroup v1 hierarchies", "[rootfs][cgroup]") {
  CAISSON_NEEDS_ROOT();
  Cgroups cgroups;
  if (!cgroups.has_v1()) {
    WARN("skipped: no cgroup v1 hierarchies below /sys/fs/cgroup");
    return;
  }
  World world;
  Scenario s(world);
  s.facts.cgroup_flavour = plan::CgroupFlavour::hybrid;
  s.cgroups = cgroups.list;
  const bool own_namespace = GENERATE(false, true);
  const bool readonly = GENERATE(false, true);
  INFO("own namespace " << own_namespace << ", read-only " << readonly);
  if (own_namespace) s.namespaces |= CLONE_NEWCGROUP;
  s.mount({"/sys", "sysfs", "sysfs", {}, {}, {}});
  config::Mount mount{"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev"}, {}, {}};
  if (readonly) mount.options.emplace_back("ro");
  s.mount(mount);
  s.join_cgroups = [&] {
    cgroups.join();
    if (own_namespace) (void)::unshare(CLONE_NEWCGROUP);
  };
  s.inside = [&](const AskHost&) {
    std::string out;
    const std::string expected = std::string(readonly ? "ro" : "rw") + ",nosuid,nodev,noexec,relatime|";
    if (brief("/sys/fs/cgroup") != expected) out += "top: " + brief("/sys/fs/cgroup") + "\n";
    for (const auto& cgroup : cgroups.list) {
      const std::string point = "/sys/fs/cgroup" + base(cgroup);
      const auto line = mount_at(point);
      if (line.type != (cgroup.v2 ? "cgroup2" : "cgroup")) out += point + " is '" + line.type + "'\n";
      if (!brief(point).starts_with(expected)) out += point + ": " + brief(point) + "\n";
      // Bound or seen from its namespace: what is shown is the container's own cgroup, with this process in it.
      if (text_of_file(point + "/cgroup.procs").find("1\n") == std::string::npos) out += point + ": not in it\n";
      const std::string child = point + "/child";
      const int made = ::mkdir(child.c_str(), 0755);
      if ((made == 0) == readonly) out += child + ": mkdir\n";
      if (made == 0) ::rmdir(child.c_str());
    }
    return out;
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "");
}

TEST_CASE("co-mounted controllers are found by their own names", "[rootfs][cgroup]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("cg");
  Scenario s(world);
  s.facts.cgroup_flavour = plan::CgroupFlavour::v1;
  s.cgroups = {{{"cpu", "cpuacct"}, "/sys/fs/cgroup/cpu,cpuacct", world.path("cg"), false}};
  s.mount({"/cg", "cgroup", "cgroup", {}, {}, {}});
  int waited = 0;
  s.join_cgroups = [&] { ++waited; };
  s.inside = [&](const AskHost&) {
    return look("/cg/cpu") + " " + look("/cg/cpuacct") + " " + mount_at("/cg/cpu,cpuacct").point + " " +
           std::to_string(waited);
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "l cpu,cpuacct l cpu,cpuacct /cg/cpu,cpuacct 1");

  s.cgroups.front().path = world.path("absent");
  CHECK(run(world, s).error.find("cpu,cpuacct: bind mount source stat") != std::string::npos);
  s.facts.euid = 1000;
  CHECK(run(world, s).error == "");
}

TEST_CASE("cgroup v2", "[rootfs][cgroup]") {
  CAISSON_NEEDS_ROOT();
  Cgroups cgroups;
  auto unified = std::ranges::find_if(cgroups.list, &plan::ContainerCgroup::v2);
  if (unified == cgroups.list.end()) {
    WARN("skipped: no cgroup2 below /sys/fs/cgroup");
    return;
  }
  World world;
  Scenario s(world);
  s.facts.cgroup_flavour = plan::CgroupFlavour::v2;
  s.cgroups = {*unified};
  s.mount({"/cg", "cgroup", "cgroup", {"ro", "nosuid"}, {}, {}});
  const auto state = [](const AskHost&) {
    return mount_at("/cg").type + " " + brief("/cg").substr(0, 9) + " " +
           (text_of_file("/cg/cgroup.procs").find("1\n") == 0 ? "own" : "another");
  };
  s.join_cgroups = [&] { cgroups.join(); };
  s.inside = state;
  SECTION("with a namespace of its own: its own cgroup") {
    s.namespaces |= CLONE_NEWCGROUP;
    s.join_cgroups = [&] {
      cgroups.join();
      (void)::unshare(CLONE_NEWCGROUP);
    };
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "cgroup2 ro,nosuid own");
  }
  SECTION("with the host's namespace: the host's view") {
    s.inside = [&](const AskHost&) { return mount_at("/cg").type + " " + look("/cg/" + cgroups.name).substr(0, 1); };
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "cgroup2 d");
  }
  SECTION("in a user namespace with the host's cgroup namespace: bound, for its own is refused") {
    s.user_namespace(world);
    s.join_cgroups = {};
    s.inside = [](const AskHost&) { return mount_at("/cg").type + " " + look("/cg/cgroup.procs").substr(0, 1); };
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "cgroup2 -");
  }
  SECTION("rootless without a cgroup: nothing to be seen") {
    s.user_namespace(world);
    s.facts.euid = 1000;
    s.facts.privileged = false;
    s.join_cgroups = {};
    s.cgroups.front().path += "/absent";
    s.inside = [](const AskHost&) { return mount_at("/cg").type + " " + try_create("/cg/x"); };
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "tmpfs EROFS");
  }
}
