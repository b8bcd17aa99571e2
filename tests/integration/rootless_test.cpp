// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "integration/support/mounts.hpp"
#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

constexpr uid_t kUser = 4242;

/// A bundle for a user without any privilege: one id mapped, no cgroup of its own asked for.
Bundle rootless(World& world) {
  Bundle bundle = world.bundle();
  const char* map = R"([{"containerID":0,"hostID":4242,"size":1}])";
  bundle.add_namespace("user").set("/linux/uidMappings", map).set("/linux/gidMappings", map);
  bundle.remove("/linux/cgroupsPath").remove("/linux/resources");
  return bundle;
}

How as_user(const World& world) {
  How how;
  how.uid = kUser;
  how.env = {"XDG_RUNTIME_DIR=" + world.dir() + "/run"};
  how.global_root = false;
  return how;
}

void hand_over(const World& world) {
  make_dirs(world.dir() + "/run");
  world.give_to(kUser);
}

bool user_namespaces_allowed() {
  const std::string most = slurp("/proc/sys/user/max_user_namespaces");
  const std::string clone = slurp("/proc/sys/kernel/unprivileged_userns_clone");
  return most != "0\n" && clone != "0\n";
}

}  // namespace

TEST_CASE("a user without a runtime directory is told of it", "[rootless][errors]") {
  World world;
  const Bundle bundle = rootless(world);
  hand_over(world);
  How how = as_user(world);
  how.env = {"XDG_RUNTIME_DIR="};
  Ran ran = world.run(bundle, {}, how);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "error: neither --root nor XDG_RUNTIME_DIR names a directory"));
  CHECK(contains(ran.err, "'/run/caisson"));
  how.env = {"XDG_RUNTIME_DIR=" + world.dir() + "/nowhere"};
  ran = world.run(bundle, {}, how);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "error: XDG_RUNTIME_DIR: mkdir("));
}

TEST_CASE("a user without privileges runs a container", "[rootless]") {
  if (!user_namespaces_allowed()) CAISSON_SKIP("user namespaces are not for everybody here");
  World world;
  Bundle bundle = rootless(world);
  hand_over(world);
  const Json report = world.report(bundle, {"--try-write", "/dev/null", "--try-create", "/made"}, as_user(world));
  CHECK(report.text("/ids/uid") == "[0,0,0,0]");
  CHECK(contains(report.str("/ids/uid_map"), "4242"));
  CHECK(report.str("/ids/setgroups") == "deny\n");
  CHECK(report.num("/pid") == 1);
  CHECK(report.str("/write/~1dev~1null") == "ok");
  CHECK(report.str("/interfaces/lo") == "up");
  struct stat info {};
  REQUIRE(::stat((world.dir() + "/run/caisson").c_str(), &info) == 0);
  CHECK(info.st_uid == kUser);
  CHECK((info.st_mode & 0777) == 0700);
  world.nothing_left();
}

TEST_CASE("the whole life without privileges", "[rootless]") {
  if (!user_namespaces_allowed()) CAISSON_SKIP("user namespaces are not for everybody here");
  World world;
  Bundle bundle = rootless(world);
  bundle.probe({"--quiet", "--print", "up", "--hold"}).write();
  hand_over(world);
  const How how = as_user(world);
  const Ran created = world.call({"create", "--bundle", bundle.dir, bundle.id}, how);
  INFO(created.err);
  REQUIRE(created.code == 0);
  CHECK(world.call({"start", bundle.id}, how).code == 0);
  CHECK(eventually([&] { return slurp(created.out_path) == "up\n"; }));
  CHECK(Json(world.call({"state", bundle.id}, how).out).str("/status") == "running");
  const Ran exec = world.call({"exec", bundle.id, "/probe"}, how);
  INFO(exec.err);
  CHECK(exec.code == 0);
  CHECK(Json(exec.out).str("/hostname") == "box");
  // Nobody could say which processes are its own.
  for (const char* format : {"table", "json"}) {
    const Ran ps = world.call({"ps", "--format", format, bundle.id}, how);
    CHECK(ps.code == 1);
    CHECK(ps.out.empty());
    CHECK(contains(ps.err, "the container has no cgroup"));
  }
  CHECK(world.call({"kill", bundle.id, "KILL"}, how).code == 0);
  CHECK(eventually([&] { return Json(world.call({"state", bundle.id}, how).out).str("/status") == "stopped"; }));
  CHECK(world.call({"delete", bundle.id}, how).code == 0);
  CHECK(names_in(world.dir() + "/run/caisson").empty());
  world.nothing_left();
}

TEST_CASE("root enters a user's container, whose limits it has", "[rootless][exec]") {
  if (!user_namespaces_allowed()) CAISSON_SKIP("user namespaces are not for everybody here");
  World world;
  Bundle bundle = rootless(world);
  bundle.set("/process/rlimits", R"([{"type":"RLIMIT_NOFILE","soft":100,"hard":200}])");
  bundle.probe({"--quiet", "--hold"}).write();
  hand_over(world);
  const How how = as_user(world);
  const Ran ran = world.call({"run", "--detach", "--bundle", bundle.dir, bundle.id}, how);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  How as_root;
  as_root.global_root = false;
  const Ran exec = world.call({"--root", world.dir() + "/run/caisson", "exec", bundle.id, "/probe"}, as_root);
  INFO(exec.err);
  REQUIRE(exec.code == 0);
  CHECK(Json(exec.out).text("/rlimits/RLIMIT_NOFILE") == "[100,200]");
  CHECK(world.call({"delete", "--force", bundle.id}, how).code == 0);
  world.nothing_left();
}

TEST_CASE("what a rootless container cannot have is named", "[rootless][errors]") {
  if (!user_namespaces_allowed()) CAISSON_SKIP("user namespaces are not for everybody here");
  World world;
  Bundle bundle = rootless(world);
  std::string what;
  SECTION("no user namespace") {
    bundle.without_namespace("user").remove("/linux/uidMappings").remove("/linux/gidMappings");
    what = "rootless container requires user namespaces";
  }
  SECTION("groups") {
    bundle.set("/process/user/additionalGids", "[5]");
    what = "cannot set any additional groups in a rootless container";
  }
  SECTION("a mount option with a group that is not mapped") {
    bundle.set("/mounts/2/options/-", "\"gid=5\"");
    what = "/mounts/2";
  }
  SECTION("a limit without a cgroup to set it in") {
    bundle.set("/linux/resources", R"({"pids":{"limit":10}})");
    what = "rootless needs no limits + no cgrouppath when no permission is granted for cgroups";
  }
  SECTION("the limit that needs the cgroup") {
    bundle.set("/linux/resources", R"({"memory":{"limit":100000000}})");
    what = "[config: /linux/resources/memory/limit]";
  }
  SECTION("what newgidmap has to say") {
    bundle.set("/linux/gidMappings",
               R"([{"containerID":0,"hostID":4242,"size":1},{"containerID":1,"hostID":1,"size":1}])");
    what = exists("/usr/bin/newgidmap") ? "newgidmap refused the map '0 4242 1 1 1 1': Cannot determine your user name"
                                        : "'newgidmap' is needed to map these ids without privilege";
  }
  SECTION("somebody else's id") {
    bundle.set("/linux/uidMappings", R"([{"containerID":0,"hostID":0,"size":1}])");
    what = "/linux/uidMappings";
  }
  bundle.write();
  hand_over(world);
  const Ran ran = world.call({"run", "--bundle", bundle.dir, bundle.id}, as_user(world));
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, what));
  // One line, also when a helper has something to say.
  CHECK(std::ranges::count(ran.err, '\n') == 1);
  world.nothing_left();
}

TEST_CASE("init that waits for its id maps ends with a runtime that is killed", "[rootless][crash]") {
  if (!user_namespaces_allowed()) CAISSON_SKIP("user namespaces are not for everybody here");
  World world;
  Bundle bundle = rootless(world);
  bundle.set("/linux/gidMappings", R"([{"containerID":0,"hostID":100000,"size":2}])").write();
  make_dirs(world.dir() + "/helpers");
  const std::string helper = world.dir() + "/helpers/newgidmap";
  spit(helper, "#!/bin/sh\nkill -KILL $PPID\n");
  REQUIRE(::chmod(helper.c_str(), 0755) == 0);
  hand_over(world);
  How how = as_user(world);
  how.env.push_back("PATH=" + world.dir() + "/helpers:/usr/bin:/bin");
  const char* const command = GENERATE("create", "run");
  const Ran killed = world.call({command, "--bundle", bundle.dir, bundle.id}, how);
  INFO(killed.err);
  CHECK(killed.code == 128 + SIGKILL);
  const Ran ran = world.call({"delete", "--force", bundle.id}, how);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(names_in(world.dir() + "/run/caisson").empty());
  world.nothing_left();
}

namespace {

/// A shell that runs with root's privileges for kUser alone stands in for newuidmap and newgidmap, which want an
/// account and ranges in the host's /etc.
void make_map_helpers(const World& world) {
  const std::string dir = world.dir() + "/helpers";
  make_dirs(dir);
  // A copy: what install() links would be the host's own shell.
  spit(dir + "/sh", slurp("/bin/dash"), 0700);
  REQUIRE(::chown((dir + "/sh").c_str(), 0, kUser) == 0);
  REQUIRE(::chmod((dir + "/sh").c_str(), 04750) == 0);
  for (const char* kind : {"uid", "gid"}) {
    const std::string helper = dir + "/new" + kind + "map";
    spit(helper,
         "#!" + dir +
             "/sh -p\npid=$1; shift; map=\nwhile [ $# -ge 3 ]; do map=\"$map$1 $2 $3\n\"; shift 3; done\n"
             "printf %s \"$map\" >/proc/$pid/" +
             kind + "_map\n",
         0755);
  }
}

/// A rootless bundle with ranges of ids, so that setgroups(2) is allowed in its user namespace.
Bundle with_ranges(World& world) {
  Bundle bundle = rootless(world);
  const char* map = R"([{"containerID":0,"hostID":4242,"size":1},{"containerID":1,"hostID":2100000000,"size":65536}])";
  return bundle.set("/linux/uidMappings", map).set("/linux/gidMappings", map);
}

constexpr gid_t kGroup = 2123456;

/// caisson ARGS as kUser with the supplementary group kGroup and the helpers above.
Ran call_in_group(const World& world, const std::vector<std::string>& args) {
  Ran ran;
  ran.out_path = world.dir() + "/group.out";
  ran.err_path = world.dir() + "/group.err";
  std::string command = "cd / && timeout 60 setpriv --reuid 4242 --regid 4242 --groups " + std::to_string(kGroup) +
                        " env -i CAISSON_TEST=" + world.mark() + " XDG_RUNTIME_DIR=" + world.dir() +
                        "/run PATH=" + world.dir() + "/helpers:/usr/bin:/bin " + Places::get().caisson;
  for (const auto& arg : args) command += " '" + arg + "'";
  const int status = std::system((command + " </dev/null >" + ran.out_path + " 2>" + ran.err_path).c_str());
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  ran.out = slurp(ran.out_path);
  ran.err = slurp(ran.err_path);
  return ran;
}

}  // namespace

TEST_CASE("directories open to a supplementary group alone are reached, and the process is not in the group",
          "[rootless][mounts]") {
  if (!user_namespaces_allowed()) CAISSON_SKIP("user namespaces are not for everybody here");
  World world;
  Bundle bundle = with_ranges(world);
  const std::string closed = world.dir() + "/closed";
  make_dirs(closed + "/open");
  spit(closed + "/open/file", "inside");
  bundle.mount("/source", "bind", closed + "/open", {"rbind", "rprivate"});
  SECTION("a source") {}
  SECTION("the bundle") {
    const std::string moved = closed + "/bundle";
    bundle.write();
    std::filesystem::rename(bundle.dir, moved);
    bundle.dir = moved;
    bundle.rootfs = moved + "/rootfs";
  }
  bundle.probe({"--read", "/source/file"}).write();
  hand_over(world);
  make_map_helpers(world);
  REQUIRE(::chown(closed.c_str(), 0, kGroup) == 0);
  REQUIRE(::chmod(closed.c_str(), 0750) == 0);
  How how = as_user(world);
  how.env.push_back("PATH=" + world.dir() + "/helpers:/usr/bin:/bin");
  Ran ran = world.call({"run", "--bundle", bundle.dir, bundle.id}, how);
  CHECK(ran.code == 1);
  ran = call_in_group(world, {"run", "--bundle", bundle.dir, bundle.id});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(Json(ran.out).str("/read/~1source~1file") == "inside");
  CHECK(Json(ran.out).str("/ids/setgroups") == "allow\n");
  CHECK(Json(ran.out).text("/ids/groups") == "[]");
  world.nothing_left();
}

TEST_CASE("run.oci.keep_original_groups keeps the caller's groups, in exec too", "[rootless]") {
  if (!user_namespaces_allowed()) CAISSON_SKIP("user namespaces are not for everybody here");
  World world;
  Bundle bundle = with_ranges(world);
  const std::string shared = world.dir() + "/shared";
  make_dirs(shared);
  spit(shared + "/file", "shared", 0640);
  bundle.mount("/source", "bind", shared, {"rbind", "rprivate"});
  // podman lists the groups of the image's user beside the annotation.
  bundle.set("/annotations", R"({"run.oci.keep_original_groups":"1"})").set("/process/user/additionalGids", "[1,2]");
  bundle.probe({"--quiet", "--hold"}).write();
  hand_over(world);
  make_map_helpers(world);
  for (const auto& path : {shared, shared + "/file"}) REQUIRE(::chown(path.c_str(), 0, kGroup) == 0);
  REQUIRE(::chmod(shared.c_str(), 0750) == 0);
  const Ran ran = call_in_group(world, {"run", "--detach", "--bundle", bundle.dir, bundle.id});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const Ran exec = call_in_group(world, {"exec", bundle.id, "/probe", "--read", "/source/file"});
  INFO(exec.err);
  CHECK(exec.code == 0);
  CHECK(Json(exec.out).str("/read/~1source~1file") == "shared");
  CHECK(Json(exec.out).text("/ids/groups") == "[65534]");
  CHECK(call_in_group(world, {"delete", "--force", bundle.id}).code == 0);
  Bundle odd = bundle;
  odd.set("/annotations", R"({"run.oci.keep_original_groups":"perhaps"})").write();
  const Ran refused = call_in_group(world, {"run", "--bundle", odd.dir, odd.id});
  CHECK(refused.code == 1);
  CHECK(contains(refused.err, "[config: /annotations/run.oci.keep_original_groups]"));
  world.nothing_left();
}

TEST_CASE("a user's own id is mapped to another than 0", "[rootless]") {
  if (!user_namespaces_allowed()) CAISSON_SKIP("user namespaces are not for everybody here");
  World world;
  Bundle bundle = rootless(world);
  const char* map = R"([{"containerID":1000,"hostID":4242,"size":1}])";
  bundle.set("/linux/uidMappings", map).set("/linux/gidMappings", map);
  bundle.set("/process/user", R"({"uid":1000,"gid":1000})");
  hand_over(world);
  const Json report = world.report(bundle, {"--try-write", "/dev/null"}, as_user(world));
  CHECK(report.text("/ids/uid") == "[1000,1000,1000,1000]");
  CHECK(report.str("/write/~1dev~1null") == "ok");
  world.nothing_left();
}

TEST_CASE("CVE-2023-25809: a rootless container without a cgroup namespace cannot write the host's cgroups",
          "[rootless][security]") {
  if (!user_namespaces_allowed()) CAISSON_SKIP("user namespaces are not for everybody here");
  World world;
  Bundle bundle = rootless(world);
  bundle.without_namespace("cgroup").without_namespace("network");
  bundle.set(
      "/mounts/5",
      R"({"destination":"/sys","type":"none","source":"/sys","options":["rbind","nosuid","noexec","nodev","ro"]})");
  bundle.probe({"--try-write", cgroup_v2() ? "/sys/fs/cgroup/cgroup.procs" : "/sys/fs/cgroup/pids/cgroup.procs"})
      .write();
  hand_over(world);
  const Ran ran = world.call({"run", "--bundle", bundle.dir, bundle.id}, as_user(world));
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK_FALSE(contains(Json(ran.out).text("/write"), "\"ok\""));
  world.nothing_left();
}

TEST_CASE("spec --rootless writes a config that this user can run", "[rootless]") {
  if (!user_namespaces_allowed()) CAISSON_SKIP("user namespaces are not for everybody here");
  World world;
  Bundle bundle = world.busybox_bundle();
  hand_over(world);
  const How how = as_user(world);
  const Ran spec = world.call({"spec", "--rootless", "--bundle", bundle.dir}, how);
  INFO(spec.err);
  REQUIRE(spec.code == 0);
  Json config(slurp(bundle.dir + "/config.json"));
  CHECK(config.num("/linux/uidMappings/0/hostID") == kUser);
  config.set("/process/terminal", "false").set("/process/args", R"(["id","-u"])");
  spit(bundle.dir + "/config.json", config.text());
  const Ran ran = world.call({"run", "--bundle", bundle.dir, bundle.id}, how);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "0\n");
  world.nothing_left();
}
