// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>

#include "integration/support/world.hpp"

using namespace caisson::testing;

namespace {

/// Less suffices, but the kernel keeps up to 256 KiB in advance for each processor and may not get it back in time.
constexpr const char* kLittleMemory = R"({"limit":524288})";

/// A bundle that runs the smallest program.
Bundle small_bundle(World& world) {
  Bundle bundle = world.bundle();
  install(Places::get().nothing, bundle.rootfs + "/nothing");
  // Whoever reads a file first pays for its pages: not the container.
  REQUIRE_FALSE(slurp(bundle.rootfs + "/nothing").empty());
  bundle.args({"/nothing"});
  return bundle;
}

}  // namespace

TEST_CASE("a static program starts with next to nothing, and the runtime is not charged for it", "[cgroup][tight]") {
  World world;
  Bundle bundle = small_bundle(world);
  SECTION("memory") { bundle.set("/linux/resources/memory", kLittleMemory); }
  SECTION("one process") { bundle.set("/linux/resources/pids", R"({"limit":1})"); }
  SECTION("descriptors") { bundle.set("/process/rlimits", R"([{"type":"RLIMIT_NOFILE","soft":4,"hard":4}])"); }
  SECTION("all of it, with hooks and a user namespace") {
    bundle.set("/linux/resources/memory", kLittleMemory).set("/linux/resources/pids", R"({"limit":1})");
    bundle.set("/process/rlimits", R"([{"type":"RLIMIT_NOFILE","soft":4,"hard":4}])");
    bundle.add_namespace("user").set("/linux/uidMappings", R"([{"containerID":0,"hostID":0,"size":65536}])");
    bundle.set("/linux/gidMappings", R"([{"containerID":0,"hostID":0,"size":65536}])");
  }
  for (int i = 0; i < 5; ++i) {
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    CHECK(ran.err.empty());
  }
  world.nothing_left();
}

TEST_CASE("a process more fits into a container that is full", "[exec][tight]") {
  World world;
  Bundle bundle = small_bundle(world);
  bundle.set("/linux/resources/pids", R"({"limit":1})").probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK(cgroup_value("pids", "/" + world.mark() + "/" + bundle.id, "pids.max") == "1");
  const Ran ran = world.call({"exec", bundle.id, "/nothing"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("limits that are too tight are named in one line", "[cgroup][tight][errors]") {
  World world;
  Bundle bundle = small_bundle(world);
  std::string where, what;
  SECTION("memory") {
    bundle.set("/linux/resources/memory", R"({"limit":16384})");
    where = "/linux/resources/memory/limit";
    what = "hit its limit of 16.0KiB";
  }
  SECTION("descriptors") {
    bundle.set("/process/rlimits",
               R"([{"type":"RLIMIT_CORE","soft":0,"hard":0},{"type":"RLIMIT_NOFILE","soft":1,"hard":1}])");
    where = "/process/rlimits/1";
    what = "RLIMIT_NOFILE of 1 is too low";
  }
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code != 0);
  CHECK(contains(ran.err, "[config: " + where + "]"));
  CHECK(contains(ran.err, what));
  CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  world.nothing_left();
}
