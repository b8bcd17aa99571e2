// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "integration/support/mounts.hpp"
#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

std::string path_of(const World& world, const Bundle& bundle) { return "/" + world.mark() + "/" + bundle.id; }

/// One limit as v1 and v2 have it: which file of which controller reads what.
struct Expected {
  const char* controller;
  const char* v1_file;
  const char* v1_value;
  const char* v2_file;
  const char* v2_value;
};

void check_limits(const World& world, const Bundle& bundle, const std::vector<Expected>& limits) {
  for (const auto& limit : limits) {
    const char* file = cgroup_v2() ? limit.v2_file : limit.v1_file;
    const char* value = cgroup_v2() ? limit.v2_value : limit.v1_value;
    if (!file) continue;
    INFO(limit.controller << " " << file);
    CHECK(cgroup_value(limit.controller, path_of(world, bundle), file) == value);
  }
}

}  // namespace

TEST_CASE("limits are what the kernel says they are", "[cgroup]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/memory", R"({"limit":67108864,"reservation":33554432})");
  bundle.set("/linux/resources/cpu", R"({"shares":512,"quota":50000,"period":100000,"cpus":"0","mems":"0"})");
  bundle.set("/linux/resources/pids", R"({"limit":20})");
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  check_limits(world, bundle,
               {{"memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864"},
                {"memory", "memory.soft_limit_in_bytes", "33554432", "memory.low", "33554432"},
                {"cpu", "cpu.shares", "512", "cpu.weight", "59"},
                {"cpu", "cpu.cfs_quota_us", "50000", "cpu.max", "50000 100000"},
                {"cpu", "cpu.cfs_period_us", "100000", nullptr, nullptr},
                {"cpuset", "cpuset.cpus", "0", "cpuset.cpus", "0"},
                {"cpuset", "cpuset.mems", "0", "cpuset.mems", "0"},
                {"pids", "pids.max", "20", "pids.max", "20"}});
  CHECK(world.exec_report(bundle).text("/affinity") == "[0]");
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("-1 lifts a limit", "[cgroup]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/memory", R"({"limit":-1})").set("/linux/resources/pids", R"({"limit":-1})");
  bundle.set("/linux/resources/cpu", R"({"quota":-1})").probe({"--quiet", "--hold"});
  world.started(bundle);
  check_limits(world, bundle,
               {{"pids", "pids.max", "max", "pids.max", "max"},
                {"memory", "memory.limit_in_bytes", "9223372036854771712", "memory.max", "max"},
                {"cpu", "cpu.cfs_quota_us", "-1", "cpu.max", "max 100000"}});
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("a limit bites: pids", "[cgroup]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/pids", R"({"limit":5})").probe({"--quiet", "--fork", "10"});
  const Ran ran = world.run(bundle);
  CHECK(ran.out == "fork EAGAIN\n");
  world.nothing_left();
}

TEST_CASE("a limit bites: memory", "[cgroup]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/memory", R"({"limit":33554432})")
      .probe({"--quiet", "--allocate", "16", "--print", "half"});
  CHECK(world.run(bundle).out == "half\n");
  bundle.probe({"--quiet", "--allocate", "200", "--print", "all"});
  const Ran ran = world.run(bundle);
  CHECK(ran.code == 137);
  CHECK(ran.out.empty());
  world.nothing_left();
}

TEST_CASE("the container's process is in its cgroup in every hierarchy before it runs", "[cgroup]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.without_namespace("cgroup").probe({});
  REQUIRE(world.create(bundle).code == 0);
  const std::string lines = slurp("/proc/" + std::to_string(world.pid(bundle)) + "/cgroup");
  INFO(lines);
  // A hierarchy that is mounted nowhere here, or in somebody else's mount namespace only, cannot be joined.
  const std::string mounts = slurp("/proc/self/mountinfo");
  std::size_t joined = 0;
  for (std::size_t at = 0; at < lines.size(); at = lines.find('\n', at) + 1) {
    const std::string line = lines.substr(at, lines.find('\n', at) - at);
    const std::string controller = line.substr(line.find(':') + 1, line.rfind(':') - line.find(':') - 1);
    if (!controller.empty() && !contains(mounts, controller)) continue;
    INFO(line);
    CHECK(contains(line, path_of(world, bundle)));
    ++joined;
  }
  CHECK(joined > 0);
  CHECK(world.remove(bundle).code == 0);
  world.nothing_left();
}

TEST_CASE("a container without cgroupsPath has a cgroup of its own by its id, below where the runtime may",
          "[cgroup]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.remove("/linux/cgroupsPath").without_namespace("cgroup").probe({"--quiet", "--hold"});
  world.started(bundle);
  const std::string lines = slurp("/proc/" + std::to_string(world.pid(bundle)) + "/cgroup");
  CHECK(contains(lines, "/" + bundle.id + "\n"));
  CHECK(world.remove(bundle, true).code == 0);
  for (const auto& hierarchy : names_in("/sys/fs/cgroup")) {
    CHECK_FALSE(exists("/sys/fs/cgroup/" + hierarchy + "/" + bundle.id));
  }
  world.nothing_left();
}

TEST_CASE("parents of the cgroup that were made go with it", "[cgroup]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.config.set_string("/linux/cgroupsPath", "/" + world.mark() + "/a/b/" + bundle.id);
  bundle.probe({"--quiet"});
  CHECK(world.run(bundle).code == 0);
  CHECK(cgroup_dir("pids", "/" + world.mark() + "/a").empty());
  world.nothing_left();
}

TEST_CASE("the container's sub-cgroups go with it", "[cgroup]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  const std::string dir = cgroup_dir("pids", path_of(world, bundle));
  REQUIRE(!dir.empty());
  REQUIRE(::mkdir((dir + "/x").c_str(), 0755) == 0);
  REQUIRE(::mkdir((dir + "/x/y").c_str(), 0755) == 0);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a cgroup with somebody in it is not taken", "[cgroup][errors]") {
  World world;
  Bundle first = world.bundle("first");
  first.probe({"--quiet", "--hold"});
  world.started(first);
  Bundle second = world.bundle("second");
  second.config.set_string("/linux/cgroupsPath", path_of(world, first));
  const Ran ran = world.run(second);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "container's cgroup is not empty"));
  CHECK(world.status(first) == "running");  // and its cgroup is still there
  CHECK(cgroup_value("pids", path_of(world, first), "cgroup.procs") == std::to_string(world.pid(first)));
  CHECK(world.remove(first, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a mount of type cgroup shows the container's own cgroups", "[cgroup][mounts]") {
  World world;
  Bundle bundle = world.bundle();
  std::string below;
  bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"});
  SECTION("with a cgroup namespace") {}
  SECTION("without one") {
    bundle.without_namespace("cgroup");
    // The one hierarchy of v2 is then as /proc/self/cgroup tells of it: the host's.
    if (cgroup_v2()) below = path_of(world, bundle);
  }
  const std::string dir = (cgroup_v2() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids") + below;
  const Json report = world.report(bundle, {"--read", dir + "/cgroup.procs", "--try-create", dir + "/x", "--try-write",
                                            dir + "/cgroup.procs", "--list", "/sys/fs/cgroup"});
  CHECK(report.str("/read/" + step(dir + "/cgroup.procs")) == "1\n");
  CHECK(report.str("/write/" + step(dir + "/cgroup.procs")) == "EROFS");
  const std::string mount_point = dir.substr(0, dir.size() - below.size());
  CHECK(has_option(mount_at(report, mount_point).str("/options"), "ro"));
  if (!cgroup_v2()) {
    // A directory there need not be a hierarchy.
    std::size_t mounted = 0;
    for (const auto& name : names_in("/sys/fs/cgroup")) mounted += exists("/sys/fs/cgroup/" + name + "/cgroup.procs");
    CHECK(report.size("/list/~1sys~1fs~1cgroup") >= mounted - 1);
  }
  world.nothing_left();
}

TEST_CASE("a cgroup namespace hides where the container's cgroup is", "[cgroup][namespaces]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string lines = world.report(bundle).str("/cgroup");
  INFO(lines);
  CHECK_FALSE(contains(lines, world.mark()));
}

TEST_CASE("faults in resources are named", "[cgroup][errors]") {
  World world;
  Bundle bundle = world.bundle();
  std::string where;
  SECTION("a processor that is not there") {
    bundle.set("/linux/resources/cpu", R"({"cpus":"4000"})");
    where = "/linux/resources/cpu/cpus";
  }
  SECTION("a list that is none") {
    bundle.set("/linux/resources/cpu", R"({"cpus":"zero"})");
    where = "/linux/resources/cpu/cpus";
  }
  SECTION("swap below the limit") {
    bundle.set("/linux/resources/memory", R"({"limit":67108864,"swap":33554432})");
    where = "/linux/resources/memory/swap";
  }
  SECTION("a way out") {
    bundle.set("/linux/resources/unified", R"({"../memory.max":"1"})");
    where = "/linux/resources/unified";
  }
  SECTION("a quota that the kernel refuses") {
    bundle.set("/linux/resources/cpu", R"({"quota":1})");
    where = "/linux/resources/cpu/quota";
  }
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, where));
  world.nothing_left();
}

TEST_CASE("unified is of cgroup v2 alone", "[cgroup][errors]") {
  if (cgroup_v2()) CAISSON_SKIP("this host has no cgroup v1");
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/unified", R"({"memory.high":"1000000"})");
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "/linux/resources/unified"));
  world.nothing_left();
}

TEST_CASE("unified: any file of cgroup v2, by name", "[cgroup]") {
  if (!cgroup_v2()) CAISSON_SKIP("this host's controllers are cgroup v1's");
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/unified", R"({"memory.high":"33554432","pids.max":"30"})").probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK(cgroup_value("memory", path_of(world, bundle), "memory.high") == "33554432");
  CHECK(cgroup_value("pids", path_of(world, bundle), "pids.max") == "30");
  CHECK(world.remove(bundle, true).code == 0);
  bundle.set("/linux/resources/unified", R"({"memory.nothing":"1"})");
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "/linux/resources/unified/memory.nothing"));
  world.nothing_left();
}

TEST_CASE("a hostile cgroupsPath stays in the hierarchy", "[cgroup][security]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.config.set_string("/linux/cgroupsPath",
                           "/../../../../" + world.mark() + "/../" + world.mark() + "/" + bundle.id);
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK_FALSE(cgroup_dir("pids", path_of(world, bundle)).empty());
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}
