// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>

#include "integration/support/world.hpp"

using namespace caisson::testing;

namespace {

/// A container that stays, of a config that asks for a bit of everything.
struct Verified {
  World world;
  Bundle bundle = world.bundle();

  explicit Verified(bool user_namespace = false) {
    make_dirs(bundle.dir + "/data");
    bundle.mount("/data", "bind", bundle.dir + "/data", {"bind", "ro", "nosuid"});
    bundle.mount("/tmp", "tmpfs", "tmpfs", {"nodev", "noexec", "noatime", "size=64k"});
    bundle.set("/root/readonly", "true").set("/process/noNewPrivileges", "true").set("/process/oomScoreAdj", "100");
    bundle.set("/process/user", R"({"uid":1000,"gid":1000,"additionalGids":[5,20]})");
    bundle.set("/process/rlimits", R"([{"type":"RLIMIT_NOFILE","soft":100,"hard":200}])");
    bundle.set("/linux/maskedPaths", R"(["/proc/uptime","/sys/firmware","/proc/no-such-file"])");
    bundle.set("/linux/readonlyPaths", R"(["/proc/sys"])");
    bundle.set("/linux/resources/pids", R"({"limit":20})").set("/linux/resources/memory", R"({"limit":67108864})");
    bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW"})");
    // Its root cannot make mount points in a directory of the host's.
    for (const char* place : {"/proc", "/dev", "/sys", "/data", "/tmp"}) make_dirs(bundle.rootfs + place);
    if (user_namespace) {
      bundle.add_namespace("user").set("/linux/uidMappings", R"([{"containerID":0,"hostID":100000,"size":65536}])");
      bundle.set("/linux/gidMappings", R"([{"containerID":0,"hostID":100000,"size":65536}])");
    } else {
      bundle.set("/linux/devices", R"([{"path":"/dev/f","type":"c","major":10,"minor":229,"fileMode":432,"uid":7}])");
    }
    bundle.probe({"--quiet", "--hold"});
  }
  Ran verify(const std::vector<std::string>& flags = {}) const {
    std::vector<std::string> args{"verify"};
    args.insert(args.end(), flags.begin(), flags.end());
    args.push_back(bundle.id);
    return world.call(args);
  }
  /// Does something in the container's mount namespace, as its administrator on the host may.
  void inside(const std::function<bool()>& act) const {
    const std::string path = "/proc/" + std::to_string(world.pid(bundle)) + "/ns/mnt";
    const pid_t child = ::fork();
    if (child == 0) {
      const int space = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      ::_exit(::setns(space, CLONE_NEWNS) == 0 && act() ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
  }
};

}  // namespace

TEST_CASE("verify: a container as its config asks differs in nothing, created, running, paused and updated",
          "[verify]") {
  Verified one;
  REQUIRE(one.world.create(one.bundle).code == 0);
  const auto clean = [&] {
    const Ran ran = one.verify();
    CHECK(ran.out == "");
    CHECK(ran.err == "");
    CHECK(ran.code == 0);
  };
  clean();
  REQUIRE(one.world.call({"start", one.bundle.id}).code == 0);
  clean();
  REQUIRE(one.world.call({"pause", one.bundle.id}).code == 0);
  clean();
  REQUIRE(one.world.call({"resume", one.bundle.id}).code == 0);
  REQUIRE(one.world.call({"update", "--pids-limit", "30", one.bundle.id}).code == 0);
  clean();
}

TEST_CASE("verify: a container with a user namespace of its own differs in nothing", "[verify][userns]") {
  Verified one(true);
  one.world.started(one.bundle);
  const Ran ran = one.verify();
  CHECK(ran.out == "");
  CHECK(ran.err == "");
  CHECK(ran.code == 0);
}

TEST_CASE("verify: what was changed behind the runtime's back is named with its place in the config", "[verify]") {
  Verified one;
  one.world.started(one.bundle);
  one.inside([] { return ::mount(nullptr, "/data", nullptr, MS_REMOUNT | MS_BIND | MS_NOSUID, nullptr) == 0; });
  one.inside([] { return ::umount2("/tmp", MNT_DETACH) == 0; });
  one.inside([] { return ::umount2("/proc/uptime", MNT_DETACH) == 0; });
  spit(cgroup_dir("pids", "/" + one.world.mark() + "/" + one.bundle.id) + "/pids.max", "77");
  const Ran ran = one.verify();
  CHECK(ran.code == 1);
  CHECK(ran.err == "");
  const std::size_t mounts = one.bundle.config.size("/mounts");
  const auto at = [&](std::size_t from_end) { return "/mounts/" + std::to_string(mounts - from_end); };
  CHECK(ran.out == "options of '/data': 'nosuid' instead of 'ro,nosuid' [config: " + at(2) +
                       "]\n"
                       "mount at '/tmp': 'nothing mounted' instead of 'mounted' [config: " +
                       at(1) +
                       "]\n"
                       "'/proc/uptime': 'visible' instead of 'masked' [config: /linux/maskedPaths/0]\n"
                       "pids.max: '77' instead of '20' [config: /linux/resources/pids/limit]\n");
  const Ran json = one.verify({"--format", "json"});
  CHECK(json.code == 1);
  const Json list(json.out);
  CHECK(list.size("") == 4);
  CHECK(list.str("/3/pointer") == "/linux/resources/pids/limit");
  CHECK(list.str("/3/found") == "77");
}

TEST_CASE("verify: a container that does not run cannot be compared, and the exit code is 2", "[verify]") {
  Verified one;
  const Ran absent = one.verify();
  CHECK(absent.code == 2);
  CHECK(contains(absent.err, "container does not exist"));
  one.world.started(one.bundle);
  one.world.kill(one.bundle, "KILL");
  REQUIRE(eventually([&] { return one.world.status(one.bundle) == "stopped"; }));
  const Ran stopped = one.verify();
  CHECK(stopped.code == 2);
  CHECK(contains(stopped.err, "container not running"));
}
