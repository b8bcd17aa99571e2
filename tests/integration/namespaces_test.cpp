// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

std::string own(const std::string& kind) {
  char text[64];
  const ssize_t length = ::readlink(("/proc/self/ns/" + kind).c_str(), text, sizeof text);
  return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : "";
}

constexpr const char* kMaps =
    R"([{"containerID":0,"hostID":100000,"size":1000},{"containerID":1000,"hostID":200000,"size":1}])";

/// A container in a user namespace, with a rootfs that its root owns.
Bundle with_user_namespace(World& world) {
  Bundle bundle = world.bundle();
  bundle.add_namespace("user").set("/linux/uidMappings", kMaps).set("/linux/gidMappings", kMaps);
  REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
  return bundle;
}

}  // namespace

TEST_CASE("each namespace is new or shared as the config says", "[namespaces]") {
  World world;
  for (const char* type : {"pid", "network", "ipc", "uts", "cgroup"}) {
    Bundle bundle = world.bundle();
    const std::string kind = std::string(type) == "network" ? "net" : type;
    CHECK(world.report(bundle).str("/namespaces/" + kind) != own(kind));
    bundle.without_namespace(type);
    if (kind == "uts") bundle.remove("/hostname");
    // Without a network namespace sysfs belongs to the host's; without an IPC namespace mqueue does.
    INFO("shared " << type);
    CHECK(world.report(bundle).str("/namespaces/" + kind) == own(kind));
  }
  Bundle bundle = world.bundle();
  const Json report = world.report(bundle);
  CHECK(report.str("/namespaces/mnt") != own("mnt"));
  CHECK(report.str("/namespaces/user") == own("user"));
  CHECK(report.str("/namespaces/time") == own("time"));
}

TEST_CASE("a namespace of another container can be joined by path", "[namespaces]") {
  World world;
  Bundle first = world.bundle("first");
  first.set("/hostname", "\"first\"").probe({"--quiet", "--hold"});
  world.started(first);
  const std::string ns = "/proc/" + std::to_string(world.pid(first)) + "/ns/";

  Bundle second = world.bundle("second");
  second.remove("/hostname");
  for (const char* type : {"network", "ipc", "uts", "pid"})
    second.add_namespace(type, ns + (std::string(type) == "network" ? "net" : type));
  const Json report = world.report(second);
  const Json inside = world.exec_report(first);
  for (const char* kind : {"net", "ipc", "uts", "pid"})
    CHECK(report.str(std::string("/namespaces/") + kind) == inside.str(std::string("/namespaces/") + kind));
  CHECK(report.str("/namespaces/mnt") != inside.str("/namespaces/mnt"));
  CHECK(report.str("/hostname") == "first");
  CHECK(report.num("/pid") != 1);
  CHECK(world.remove(first, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a joined PID namespace lives on, and its container's processes are killed by delete", "[namespaces]") {
  World world;
  Bundle first = world.bundle("first");
  first.probe({"--quiet", "--hold"});
  world.started(first);
  Bundle second = world.bundle("second");
  second.add_namespace("pid", "/proc/" + std::to_string(world.pid(first)) + "/ns/pid");
  second.probe({"--quiet", "--fork", "2", "--print", "ready", "--hold"});
  const Ran files = world.started(second);
  REQUIRE(eventually([&] { return contains(slurp(files.out_path), "ready"); }));
  CHECK(world.remove(second, true).code == 0);
  CHECK(world.status(first) == "running");
  CHECK(world.exec_report(first, {}, {"--list", "/proc"}).num("/pid") > 1);
  CHECK(world.remove(first, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a mount namespace that somebody else made can be joined", "[namespaces]") {
  World world;
  const pid_t other = ::fork();
  REQUIRE(other >= 0);
  if (other == 0) {
    ::unshare(CLONE_NEWNS);
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  ::waitpid(other, nullptr, WUNTRACED);
  const std::string path = "/proc/" + std::to_string(other) + "/ns/mnt";
  Bundle bundle = world.bundle();
  bundle.add_namespace("mount", path);
  char text[64] = "";
  REQUIRE(::readlink(path.c_str(), text, sizeof text - 1) > 0);
  bundle.probe({});
  const Ran ran = world.run(bundle);
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(Json(ran.out).str("/namespaces/mnt") == text);
  world.nothing_left();
}

TEST_CASE("a new network namespace has its loopback up", "[namespaces][network]") {
  World world;
  const Json report = world.report(world.bundle());
  CHECK(report.keys("/interfaces") == std::vector<std::string>{"lo"});
  CHECK(report.str("/interfaces/lo") == "up");
}

TEST_CASE("hostname and domainname", "[namespaces][uts]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/hostname", "\"ship\"").set("/domainname", "\"sea.example\"");
  const Json report = world.report(bundle);
  CHECK(report.str("/hostname") == "ship");
  CHECK(report.str("/domainname") == "sea.example");
}

TEST_CASE("a user namespace with mappings", "[namespaces][user]") {
  World world;
  Bundle bundle = with_user_namespace(world);
  const Json report = world.report(bundle, {"--stat", "/", "--stat", "/dev/null", "--try-create", "/made"});
  CHECK(report.str("/namespaces/user") != own("user"));
  CHECK(contains(report.str("/ids/uid_map"), "100000"));
  CHECK(contains(report.str("/ids/gid_map"), "200000"));
  CHECK(report.str("/ids/setgroups") == "allow\n");
  CHECK(report.text("/ids/uid") == "[0,0,0,0]");
  CHECK(report.num("/stat/~1/uid") == 0);
  CHECK(report.str("/stat/~1dev~1null/rdev") == "1:3");
  CHECK(report.str("/create/~1made") == "ok");
  world.nothing_left();
}

TEST_CASE("a process of a user namespace runs as the mapped user", "[namespaces][user]") {
  World world;
  Bundle bundle = with_user_namespace(world);
  bundle.set("/process/user", R"({"uid":1000,"gid":1000,"additionalGids":[7]})").probe({"--quiet", "--hold"});
  world.started(bundle);
  struct stat info {};
  REQUIRE(::stat(("/proc/" + std::to_string(world.pid(bundle))).c_str(), &info) == 0);
  CHECK(info.st_uid == 200000);
  CHECK(world.exec_report(bundle).text("/ids/groups") == "[7]");
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a user namespace can be joined by path", "[namespaces][user]") {
  World world;
  Bundle first = with_user_namespace(world);
  first.probe({"--quiet", "--hold"});
  world.started(first);
  const std::string ns = "/proc/" + std::to_string(world.pid(first)) + "/ns/";
  Bundle second = world.bundle("second");
  REQUIRE(::chown(second.rootfs.c_str(), 100000, 100000) == 0);
  second.add_namespace("user", ns + "user").add_namespace("network", ns + "net");
  const Json report = world.report(second);
  const Json inside = world.exec_report(first);
  CHECK(report.str("/namespaces/user") == inside.str("/namespaces/user"));
  CHECK(report.str("/namespaces/net") == inside.str("/namespaces/net"));
  CHECK(contains(report.str("/ids/uid_map"), "100000"));
  // Its maps may be said again, but no others.
  second.set("/linux/uidMappings", kMaps).set("/linux/gidMappings", kMaps);
  CHECK(world.run(second).code == 0);
  second.set("/linux/gidMappings/0/hostID", "300000");
  CHECK(contains(world.run(second).err, "the user namespace that is joined has other mappings [config: /linux/gidM"));
  CHECK(world.remove(first, true).code == 0);
  world.nothing_left();
}

TEST_CASE("the host's namespaces by their paths stay as they are", "[namespaces][errors]") {
  World world;
  Bundle bundle = world.bundle();
  SECTION("network") {
    bundle.without_namespace("network").add_namespace("network", "/proc/self/ns/net");
    bundle.set("/linux/sysctl", R"({"net.core.somaxconn":"77"})");
  }
  SECTION("ipc") {
    bundle.without_namespace("ipc").add_namespace("ipc", "/proc/self/ns/ipc");
    bundle.set("/linux/sysctl", R"({"kernel.msgmax":"7777"})");
  }
  SECTION("uts") {
    bundle.without_namespace("uts").add_namespace("uts", "/proc/self/ns/uts").set("/hostname", R"("other")");
  }
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK((contains(ran.err, "host") && contains(ran.err, "[config: /")));
  world.nothing_left();
}

TEST_CASE("message queues of a user namespace belong to its root", "[namespaces][user]") {
  World world;
  Bundle bundle = with_user_namespace(world);
  CHECK(world.report(bundle, {"--stat", "/dev/mqueue"}).num("/stat/" + step("/dev/mqueue") + "/uid") == 0);
}

TEST_CASE("a host network namespace with a user namespace that does not own it", "[namespaces][user]") {
  World world;
  Bundle bundle = with_user_namespace(world);
  bundle.without_namespace("network");
  // sysfs of a network namespace that the user namespace does not own cannot be mounted: it is bound.
  bundle.set(
      "/mounts/5",
      R"({"destination":"/sys","type":"none","source":"/sys","options":["rbind","nosuid","noexec","nodev","ro"]})");
  CHECK(world.report(bundle).str("/namespaces/net") == own("net"));
  world.nothing_left();
}

TEST_CASE("time namespace with offsets", "[namespaces][time]") {
  World world;
  if (!exists("/proc/self/ns/time")) CAISSON_SKIP("a kernel without time namespaces");
  Bundle bundle = world.bundle();
  const std::int64_t before = world.report(bundle).num("/clocks/boottime");
  bundle.add_namespace("time");
  bundle.set("/linux/timeOffsets", R"({"monotonic":{"secs":86400},"boottime":{"secs":172800,"nanosecs":5}})");
  const Json report = world.report(bundle);
  CHECK(report.str("/namespaces/time") != own("time"));
  CHECK(report.num("/clocks/boottime") >= before + 172800);
  CHECK(report.num("/clocks/monotonic") >= 86400);
  CHECK(contains(report.str("/timens_offsets"), "172800"));

  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK(world.exec_report(bundle).num("/clocks/boottime") >= before + 172800);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("faults in namespaces are named and leave nothing", "[namespaces][errors]") {
  World world;
  Bundle bundle = world.bundle();
  std::string what, where;
  SECTION("twice the same") {
    bundle.set("/linux/namespaces/-", R"({"type":"pid"})");
    what = "duplicated ns";
    where = "/linux/namespaces/6";
  }
  SECTION("an unknown one") {
    bundle.set("/linux/namespaces/-", R"({"type":"dreams"})");
    what = "dreams";
    where = "/linux/namespaces/6/type";
  }
  SECTION("a path that is not there") {
    bundle.add_namespace("ipc", "/proc/self/ns/nothing");
    what = "/proc/self/ns/nothing";
    where = "/linux/namespaces/5/path";
  }
  SECTION("a path to another kind") {
    bundle.add_namespace("ipc", "/proc/self/ns/uts");
    where = "/linux/namespaces/5/path";
  }
  SECTION("a path to a plain file") {
    bundle.add_namespace("ipc", "/etc/hostname");
    where = "/linux/namespaces/5/path";
  }
  SECTION("hostname without uts") {
    bundle.without_namespace("uts");
    what = "unable to set hostname without a private UTS namespace";
    where = "/hostname";
  }
  SECTION("user without mappings") {
    bundle.add_namespace("user");
    what = "no namespace path to join nor mappings to apply specified";
  }
  SECTION("mappings without user") {
    bundle.set("/linux/uidMappings", kMaps).set("/linux/gidMappings", kMaps);
    what = "user namespace mappings specified, but user namespace isn't enabled in the config";
  }
  SECTION("an unmapped user") {
    bundle.add_namespace("user").set("/linux/uidMappings", kMaps).set("/linux/gidMappings", kMaps);
    bundle.set("/process/user", R"({"uid":5000,"gid":0})");
    what = "unmapped";
    where = "/process/user/uid";
  }
  SECTION("offsets without time") {
    bundle.set("/linux/timeOffsets", R"({"monotonic":{"secs":1}})");
    what = "time namespace offsets specified, but time namespace isn't enabled in the config";
  }
  SECTION("masked paths without mount") {
    bundle.without_namespace("mount").set("/linux/maskedPaths", R"(["/proc/kcore"])");
    what = "unable to restrict sys entries without a private MNT namespace";
  }
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, what));
  CHECK(contains(ran.err, where));
  world.nothing_left();
}
