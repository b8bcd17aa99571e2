// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/mounts.hpp"
#include "integration/support/world.hpp"

using namespace caisson::testing;

namespace {
std::string dev(const std::string& path, const std::string& key) { return "/devices/" + step(path) + "/" + key; }
}  // namespace

TEST_CASE("default devices and links", "[devices]") {
  World world;
  const Json report = world.report(world.bundle());
  const std::pair<const char*, const char*> nodes[] = {{"/dev/null", "1:3"},    {"/dev/zero", "1:5"},
                                                       {"/dev/full", "1:7"},    {"/dev/random", "1:8"},
                                                       {"/dev/urandom", "1:9"}, {"/dev/tty", "5:0"}};
  for (const auto& [path, number] : nodes) {
    INFO(path);
    CHECK(report.str(dev(path, "type")) == "char");
    CHECK(report.str(dev(path, "rdev")) == number);
    CHECK(report.num(dev(path, "mode")) == 0666);
    CHECK(report.num(dev(path, "uid")) == 0);
  }
  const std::pair<const char*, const char*> links[] = {{"/dev/fd", "/proc/self/fd"},
                                                       {"/dev/stdin", "/proc/self/fd/0"},
                                                       {"/dev/stdout", "/proc/self/fd/1"},
                                                       {"/dev/stderr", "/proc/self/fd/2"},
                                                       {"/dev/ptmx", "pts/ptmx"}};
  for (const auto& [path, target] : links) {
    INFO(path);
    CHECK(report.str(dev(path, "link")) == target);
  }
  if (exists("/proc/kcore")) CHECK(report.str(dev("/dev/core", "link")) == "/proc/kcore");
}

TEST_CASE("devices of the config", "[devices]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/devices", R"([{"path":"/dev/mine","type":"c","major":1,"minor":3,"fileMode":384,"uid":7,"gid":8},
    {"path":"/dev/pipe","type":"p","fileMode":416},{"path":"/dev/disk/one","type":"b","major":7,"minor":0},
    {"path":"/dev/full","type":"c","major":1,"minor":5,"fileMode":438},{"path":"/elsewhere","type":"u","major":1,"minor":7}])");
  const Json report =
      world.report(bundle, {"--stat", "/dev/disk/one", "--stat", "/elsewhere", "--try-open", "/dev/mine"});
  CHECK(report.str(dev("/dev/mine", "rdev")) == "1:3");
  CHECK(report.num(dev("/dev/mine", "mode")) == 0600);
  CHECK(report.num(dev("/dev/mine", "uid")) == 7);
  CHECK(report.num(dev("/dev/mine", "gid")) == 8);
  CHECK(report.str(dev("/dev/pipe", "type")) == "fifo");
  CHECK(report.num(dev("/dev/pipe", "mode")) == 0640);
  CHECK(report.str(dev("/dev/full", "rdev")) == "1:5");  // the config's stands before the default
  CHECK(report.str("/stat/~1dev~1disk~1one/type") == "block");
  CHECK(report.str("/stat/~1elsewhere/rdev") == "1:7");
}

TEST_CASE("devices in a user namespace come from the host", "[devices][user]") {
  World world;
  Bundle bundle = world.bundle();
  const char* maps = R"([{"containerID":0,"hostID":100000,"size":65536}])";
  bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
  REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
  struct stat before {
  }, after{};
  REQUIRE(::stat("/dev/null", &before) == 0);
  const Json report = world.report(bundle, {"--try-write", "/dev/null", "--try-open", "/dev/urandom"});
  CHECK(report.str(dev("/dev/null", "rdev")) == "1:3");
  CHECK(report.str("/write/~1dev~1null") == "ok");
  CHECK(report.str("/open/~1dev~1urandom") == "ok");
  REQUIRE(::stat("/dev/null", &after) == 0);
  CHECK(after.st_uid == before.st_uid);  // bound, not changed
  CHECK(after.st_mode == before.st_mode);
}

TEST_CASE("devices of the config in a user namespace are as it says", "[devices][user]") {
  World world;
  Bundle bundle = world.bundle();
  const char* maps = R"([{"containerID":0,"hostID":100000,"size":65536}])";
  bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
  REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
  // Not on the host, of another mode and owner there, and in place of a default one.
  bundle.set("/linux/devices", R"([{"path":"/dev/mine","type":"c","major":1,"minor":3,"fileMode":384,"uid":7,"gid":8},
    {"path":"/dev/zero","type":"c","major":1,"minor":5,"fileMode":292},{"path":"/dev/pipe","type":"p","fileMode":416}])");
  bundle.set("/process/user", R"({"uid":7,"gid":8})");
  const Json report = world.report(bundle, {"--stat", "/dev/mine", "--stat", "/dev/zero", "--stat", "/dev/pipe",
                                            "--try-write", "/dev/mine", "--list", "/dev"});
  CHECK(report.str(dev("/dev/mine", "rdev")) == "1:3");
  CHECK(report.num(dev("/dev/mine", "mode")) == 0600);
  CHECK(report.num(dev("/dev/mine", "uid")) == 7);
  CHECK(report.num(dev("/dev/mine", "gid")) == 8);
  CHECK(report.str("/write/~1dev~1mine") == "ok");
  CHECK(report.num(dev("/dev/zero", "mode")) == 0444);
  CHECK(report.num(dev("/dev/zero", "uid")) == 0);
  CHECK(report.num(dev("/dev/pipe", "mode")) == 0640);
  // An owner that the container cannot have: engines pass on every device of the host for --privileged.
  bundle.set("/linux/devices/0/uid", "70000").set("/process/user", R"({"uid":0,"gid":0})");
  const std::string log = world.dir() + "/run.log";
  bundle.probe({"--stat", "/dev/mine"}).write();
  const Ran ran = world.call({"--debug", "--log", log, "run", "--bundle", bundle.dir, bundle.id});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(Json(ran.out).num(dev("/dev/mine", "uid")) == 65534);
  CHECK(Json(ran.out).num(dev("/dev/mine", "gid")) == 8);
  CHECK(Json(ran.out).num(dev("/dev/mine", "mode")) == 0600);
  CHECK(contains(slurp(log), "uid 70000 is not mapped, the container sees the overflow id"));
  world.nothing_left();
}

TEST_CASE("the devices that engines pass for --privileged, with a user namespace and without", "[devices][user]") {
  World world;
  Bundle bundle = world.bundle();
  if (GENERATE(false, true)) {
    const char* maps = R"([{"containerID":0,"hostID":100000,"size":65536}])";
    bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
    REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
  }
  make_dirs(bundle.rootfs + "/var");
  make_dirs(bundle.rootfs + "/run");
  REQUIRE(::symlink("/run", (bundle.rootfs + "/var/run").c_str()) == 0);
  REQUIRE(::chown((bundle.rootfs + "/run").c_str(), 100000, 100000) == 0);
  bundle.set("/linux/devices", R"([{"path":"/dev/ptmx","type":"c","major":5,"minor":2,"fileMode":438,"uid":0,"gid":5},
    {"path":"/dev/null","type":"c","major":1,"minor":3,"fileMode":438,"uid":0,"gid":0},
    {"path":"/dev/tty","type":"c","major":5,"minor":0,"fileMode":438,"uid":0,"gid":5},
    {"path":"/dev/console","type":"c","major":5,"minor":1,"fileMode":384,"uid":0,"gid":0},
    {"path":"/dev/full","type":"c","major":1,"minor":7,"fileMode":438,"uid":1000000,"gid":1000000},
    {"path":"/var/run/gadget/null2","type":"c","major":1,"minor":3,"fileMode":438}])");
  const Json report = world.report(bundle, {"--stat", "/dev/full", "--stat", "/run/gadget/null2", "--try-write",
                                            "/dev/null", "--try-open", "/dev/ptmx"});
  CHECK(report.str(dev("/dev/ptmx", "link")) == "pts/ptmx");
  CHECK(report.str("/open/~1dev~1ptmx") == "ok");
  CHECK(report.str("/write/~1dev~1null") == "ok");
  CHECK(report.num(dev("/dev/tty", "gid")) == 5);
  CHECK(report.str("/stat/~1run~1gadget~1null2/rdev") == "1:3");
  world.nothing_left();
}

TEST_CASE("a bind-mounted /dev is left alone", "[devices]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string dir = world.dir() + "/dev";
  make_dirs(dir);
  REQUIRE(::mknod((dir + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
  bundle.set("/mounts", R"([{"destination":"/proc","type":"proc","source":"proc"}])");
  bundle.mount("/dev", "bind", dir, {"bind"});
  const Json report = world.report(bundle);
  CHECK(report.keys("/devices") == std::vector<std::string>{"/dev/null"});
}

TEST_CASE("device rules: nothing but the default devices, and what is allowed", "[devices][cgroup]") {
  World world;
  Bundle bundle = world.bundle();
  // 10:229 is /dev/fuse: whoever may open it by the rules needs no capability.
  REQUIRE(::mknod((bundle.rootfs + "/fuse").c_str(), S_IFCHR | 0666, makedev(10, 229)) == 0);
  SECTION("a node of the config is made, and is as usable as the rules allow") {
    bundle.set("/linux/devices", R"([{"path":"/dev/fuse","type":"c","major":10,"minor":229}])");
    CHECK(world.report(bundle, {"--try-open", "/dev/fuse"}).str("/open/~1dev~1fuse") == "EPERM");
    bundle.set("/linux/resources/devices",
               R"([{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":229,"access":"r"}])");
    const Json report = world.report(bundle, {"--try-open", "/dev/fuse", "--try-write", "/dev/fuse"});
    CHECK(report.str("/open/~1dev~1fuse") != "EPERM");
    CHECK(report.str("/write/~1dev~1fuse") == "EPERM");
  }
  SECTION("another one is not") {
    const Json report =
        world.report(bundle, {"--try-open", "/fuse", "--try-open", "/dev/null", "--try-write", "/dev/null"});
    CHECK(report.str("/open/~1fuse") == "EPERM");
    CHECK(report.str("/open/~1dev~1null") == "ok");
    CHECK(report.str("/write/~1dev~1null") == "ok");
  }
  SECTION("unless a rule allows it, and then no more than that") {
    bundle.set("/linux/resources/devices",
               R"([{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":229,"access":"r"}])");
    const Json report = world.report(bundle, {"--try-open", "/fuse", "--try-write", "/fuse"});
    CHECK(report.str("/open/~1fuse") != "EPERM");
    CHECK(report.str("/write/~1fuse") == "EPERM");
  }
  SECTION("a later rule takes back what an earlier one gave") {
    bundle.set("/linux/resources/devices", R"([{"allow":true,"type":"c","major":10,"access":"rwm"},
      {"allow":false,"type":"c","major":10,"minor":229,"access":"w"}])");
    bundle.probe({"--try-open", "/fuse", "--try-write", "/fuse"});
    const Ran ran = world.run(bundle);
    if (ran.code == 0) {
      CHECK(Json(ran.out).str("/open/~1fuse") != "EPERM");
      CHECK(Json(ran.out).str("/write/~1fuse") == "EPERM");
    } else {  // the lists of cgroup v1 cannot take one minor number out of a wildcard
      INFO(ran.err);
      CHECK_FALSE(cgroup_v2());
      CHECK(contains(ran.err, "/linux/resources/devices/1"));
    }
  }
  SECTION("without any rule the default ones alone work") {
    bundle.remove("/linux/resources");
    const Json report = world.report(bundle, {"--try-open", "/fuse", "--try-open", "/dev/zero"});
    CHECK(report.str("/open/~1fuse") == "EPERM");
    CHECK(report.str("/open/~1dev~1zero") == "ok");
  }
  world.nothing_left();
}

TEST_CASE("faults in devices are named", "[devices][errors]") {
  World world;
  Bundle bundle = world.bundle();
  std::string where = "/linux/devices/0";
  SECTION("an unknown type") { bundle.set("/linux/devices", R"([{"path":"/dev/x","type":"q","major":1,"minor":3}])"); }
  SECTION("no path") { bundle.set("/linux/devices", R"([{"path":"","type":"c","major":1,"minor":3}])"); }
  SECTION("the root") { bundle.set("/linux/devices", R"([{"path":"/","type":"c","major":1,"minor":3}])"); }
  SECTION("a rule without access") {
    bundle.set("/linux/resources/devices", R"([{"allow":false,"access":""}])");
    where = "/linux/resources/devices/0";
  }
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, where));
  world.nothing_left();
}
