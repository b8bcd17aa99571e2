// SPDX-License-Identifier: Apache-2.0
// Where mounts come from: automount points, the rootfs itself, joined namespaces, the caller's file systems.
#include <fcntl.h>
#include <linux/auto_fs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/mounts.hpp"
#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

constexpr uid_t kUser = 4242;
constexpr const char* kMaps = R"([{"containerID":0,"hostID":100000,"size":65536}])";

Bundle& with_user_namespace(Bundle& bundle) {
  bundle.add_namespace("user").set("/linux/uidMappings", kMaps).set("/linux/gidMappings", kMaps);
  REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
  return bundle;
}

Bundle& for_user(World& world, Bundle& bundle) {
  const char* map = R"([{"containerID":0,"hostID":4242,"size":1}])";
  bundle.add_namespace("user").set("/linux/uidMappings", map).set("/linux/gidMappings", map);
  bundle.remove("/linux/cgroupsPath").remove("/linux/resources");
  make_dirs(world.dir() + "/run");
  return bundle;
}

How as_user(const World& world) {
  How how;
  how.uid = kUser;
  how.env = {"XDG_RUNTIME_DIR=" + world.dir() + "/run"};
  how.global_root = false;
  return how;
}

/// An automount point: the first visitor waits until a tmpfs with the file "found" is mounted there. Value: the
/// process that serves it, a leader of its own process group, which itself does not wait. -1: no autofs here.
pid_t serve_automount(const std::string& dir) {
  int packets[2], ready[2];
  if (::pipe(packets) != 0 || ::pipe(ready) != 0) return -1;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setpgid(0, 0);
    const std::string options =
        "fd=" + std::to_string(packets[1]) + ",pgrp=" + std::to_string(::getpid()) + ",minproto=5,maxproto=5,direct";
    if (::mount("test", dir.c_str(), "autofs", 0, options.c_str()) != 0) ::_exit(1);
    const int control = ::open(dir.c_str(), O_RDONLY | O_CLOEXEC);
    ::close(packets[1]);
    (void)!::write(ready[1], "r", 1);
    autofs_v5_packet packet{};
    while (::read(packets[0], &packet, sizeof packet) > 0) {
      if (::mount("tmpfs", dir.c_str(), "tmpfs", 0, nullptr) == 0) spit(dir + "/found", "found\n");
      ::ioctl(control, AUTOFS_IOC_READY, packet.wait_queue_token);
    }
    ::_exit(0);
  }
  ::close(packets[0]);
  ::close(packets[1]);
  ::close(ready[1]);
  char word = 0;
  const bool serves = ::read(ready[0], &word, 1) == 1;
  ::close(ready[0]);
  if (serves) return pid;
  ::waitpid(pid, nullptr, 0);
  return -1;
}

/// Runs a shell script of the host, in which $1 is caisson; its standard output.
std::string shell(const World& world, const std::string& script) {
  const std::string out = world.dir() + "/shell.out";
  spit(world.dir() + "/shell.sh", script);
  const std::string command =
      "timeout 60 sh " + world.dir() + "/shell.sh " + Places::get().caisson + " >" + out + " 2>&1 </dev/null";
  const int status = std::system(command.c_str());
  INFO(slurp(out));
  CHECK(status == 0);
  return slurp(out);
}

}  // namespace

TEST_CASE("a source that is an automount point not visited before is mounted", "[mounts][bind][automount]") {
  World world;
  const std::string top = world.dir() + "/auto";
  make_dirs(top + "/here");
  // As on a host whose mounts are shared: what the automounter mounts arrives in the container's mount namespace.
  REQUIRE(::mount(top.c_str(), top.c_str(), nullptr, MS_BIND, nullptr) == 0);
  REQUIRE(::mount(nullptr, top.c_str(), nullptr, MS_SHARED, nullptr) == 0);
  const pid_t server = serve_automount(top + "/here");
  if (server < 0) {
    ::umount2(top.c_str(), MNT_DETACH);
    CAISSON_SKIP("this kernel has no autofs");
  }
  Bundle bundle = world.bundle();
  if (GENERATE(false, true)) with_user_namespace(bundle);
  bundle.mount("/v", "bind", top + "/here", {"rbind", "rprivate"}).probe({"--read", "/v/found"});
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 0);
  if (ran.code == 0) CHECK(Json(ran.out).str("/read/~1v~1found") == "found\n");
  while (::umount2((top + "/here").c_str(), MNT_DETACH) == 0) {
  }
  ::umount2(top.c_str(), MNT_DETACH);
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  world.nothing_left();
}

TEST_CASE("a source below the rootfs has the mounts that were made before it", "[mounts][bind]") {
  World world;
  Bundle bundle = world.bundle();
  make_dirs(bundle.rootfs + "/image");
  spit(bundle.rootfs + "/image/file", "of the image\n");
  make_dirs(world.dir() + "/volume");
  spit(world.dir() + "/volume/file", "of the volume\n");
  spit(world.dir() + "/secret", "of the host\n");
  REQUIRE(::symlink((world.dir() + "/secret").c_str(), (bundle.rootfs + "/image/escape").c_str()) == 0);
  if (GENERATE(false, true)) with_user_namespace(bundle);
  bundle.mount("/covered", "bind", world.dir() + "/volume", {"bind"});
  bundle.mount("/a", "bind", bundle.rootfs + "/covered", {"rbind"});
  bundle.mount("/b", "bind", bundle.rootfs + "/image", {"rbind", "ro"});
  SECTION("and is found as the container finds it") {
    const Json report = world.report(
        bundle, {"--read", "/a/file", "--read", "/b/file", "--try-create", "/b/x", "--try-open", "/covered/file"});
    CHECK(report.str("/read/~1a~1file") == "of the volume\n");
    CHECK(report.str("/read/~1b~1file") == "of the image\n");
    CHECK(report.str("/create/~1b~1x") == "EROFS");
  }
  SECTION("a symlink of the image does not lead out of it") {
    bundle.mount("/c", "bind", bundle.rootfs + "/image/escape", {"bind"});
    const Ran ran = world.run(bundle);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "bind mount source stat"));
    CHECK(contains(ran.err, "[config: /mounts/9]"));
  }
  world.nothing_left();
}

TEST_CASE("an id-mapped source below the rootfs", "[mounts][bind][idmap]") {
  World world;
  Bundle bundle = world.bundle();
  make_dirs(bundle.rootfs + "/image");
  spit(bundle.rootfs + "/image/file", "x\n");
  REQUIRE(::chown((bundle.rootfs + "/image/file").c_str(), 1000, 1000) == 0);
  const bool user = GENERATE(false, true);
  if (user) with_user_namespace(bundle);
  bundle.mount("/a", "bind", bundle.rootfs + "/image", {"bind", "idmap=uids=@1000-7-1;gids=@1000-8-1"});
  if (!user) {
    // The mount before it is part of the tree, which the container's own process opens then.
    bundle.mount("/image/below", "tmpfs", "tmpfs", {});
    bundle.mount("/b", "bind", bundle.rootfs + "/image", {"rbind", "idmap=uids=@1000-9-1;gids=@1000-8-1"});
  }
  const Json report = world.report(bundle, {"--stat", "/a/file", "--stat", "/b/file"});
  CHECK(report.num("/stat/~1a~1file/uid") == 7);
  CHECK(report.num("/stat/~1a~1file/gid") == 8);
  if (!user) CHECK(report.num("/stat/~1b~1file/uid") == 9);
  world.nothing_left();
}

TEST_CASE("a destination that begins with the host's path of the rootfs", "[mounts]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.mount(bundle.rootfs + "/data", "tmpfs", "tmpfs", {"size=64k"});
  CHECK(mount_at(world.report(bundle), "/data").str("/type") == "tmpfs");
}

TEST_CASE("file systems of joined namespaces, with a new user namespace", "[mounts][namespaces][user]") {
  World world;
  Bundle first = world.bundle("first");
  first.probe({"--quiet", "--hold"});
  world.started(first);
  const std::string ns = "/proc/" + std::to_string(world.pid(first)) + "/ns/";
  Bundle second = world.bundle("second");
  with_user_namespace(second);
  SECTION("mqueue of a joined IPC namespace") {
    second.add_namespace("ipc", ns + "ipc");
    CHECK(mount_at(world.report(second), "/dev/mqueue").str("/type") == "mqueue");
  }
  SECTION("proc of a joined PID namespace") {
    second.add_namespace("pid", ns + "pid").probe({"--list", "/proc"});
    const Ran ran = world.run(second);
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    const Json report(ran.out);
    CHECK(mount_at(report, "/proc").str("/type") == "proc");
    CHECK(report.num("/pid") > 1);
    std::size_t processes = 0;
    for (const auto& name : report.strings("/list/~1proc"))
      processes += name.find_first_not_of("0123456789") == std::string::npos;
    CHECK(processes == 2);
  }
  SECTION("sysfs of a joined network namespace") {
    second.add_namespace("network", ns + "net").probe({"--list", "/sys/class/net"});
    const Json report = world.report(second, {"--list", "/sys/class/net"});
    CHECK(report.strings("/list/~1sys~1class~1net") == std::vector<std::string>{"lo"});
  }
  CHECK(world.remove(first, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a user's container without a cgroup sees the caller's cgroups and cannot write to them",
          "[mounts][cgroup][rootless]") {
  World world;
  Bundle bundle = world.bundle();
  for_user(world, bundle).mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime"});
  world.give_to(kUser);
  const Json report =
      world.report(bundle, {"--list", "/sys/fs/cgroup", "--try-create", "/sys/fs/cgroup/x"}, as_user(world));
  CHECK(report.size("/list/~1sys~1fs~1cgroup") > 0);
  CHECK(report.str("/create/~1sys~1fs~1cgroup~1x") == "EROFS");
  CHECK(has_option(mount_at(report, "/sys/fs/cgroup").str("/options"), "ro"));
  for (std::size_t i = 0; i < report.size("/mounts"); ++i) {
    const Json mount = report.at("/mounts/" + std::to_string(i));
    INFO(mount.str("/target"));
    if (mount.str("/target").starts_with("/sys/fs/cgroup")) CHECK(has_option(mount.str("/options"), "ro"));
  }
  world.nothing_left();
}

TEST_CASE("proc and sysfs that the caller's container covers in part", "[mounts][nested]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.remove("/linux/cgroupsPath").remove("/linux/resources");
  const bool user = GENERATE(false, true);
  const bool network = GENERATE(false, true);
  if (user) {
    const char* map = R"([{"containerID":0,"hostID":0,"size":1}])";
    bundle.add_namespace("user").set("/linux/uidMappings", map).set("/linux/gidMappings", map);
  }
  if (!network) bundle.without_namespace("network");
  bundle.probe({"--list", "/proc/fs", "--list", "/sys/firmware", "--list", "/sys/class", "--list", "/proc/1",
                "--try-create", "/sys/fs/cgroup/x"});
  make_dirs(world.dir() + "/run");
  bundle.write();
  world.give_to(kUser);
  const std::string out = shell(
      world,
      "set -e; cat >" + world.dir() +
          "/inner.sh <<'X'\nmount -t tmpfs -o ro,size=4k masked /sys/firmware\nmount -t tmpfs -o ro,size=4k masked "
          "/proc/fs\ncd " +
          bundle.dir + "\nexec setpriv --reuid 4242 --regid 4242 --clear-groups env -i XDG_RUNTIME_DIR=" + world.dir() +
          "/run PATH=\"$PATH\" unshare -Ur -m \"$1\" --debug --log " + world.dir() + "/run/log run " + bundle.id +
          "\nX\nunshare -m -p -f --mount-proc sh " + world.dir() + "/inner.sh \"$1\"");
  REQUIRE(Json::valid(out));
  const Json report(out);
  INFO("user namespace " << user << ", network namespace " << network);
  CHECK(mount_at(report, "/sys").str("/type") == "sysfs");
  CHECK(has_option(mount_at(report, "/sys").str("/options"), "ro"));
  CHECK(report.size("/list/~1sys~1class") > 3);
  CHECK(report.size("/list/~1sys~1firmware") == 0);
  CHECK(report.size("/list/~1proc~1fs") == 0);
  CHECK(report.size("/list/~1proc~11") > 3);
  CHECK(report.str("/create/~1sys~1fs~1cgroup~1x") == "EROFS");
  CHECK(contains(slurp(world.dir() + "/run/log"), "the kernel refuses a new sysfs here"));
  world.nothing_left();
}

TEST_CASE("more binds in a user namespace than the soft limit of open files allows", "[mounts][bind][user]") {
  World world;
  Bundle bundle = world.bundle();
  with_user_namespace(bundle);
  make_dirs(world.dir() + "/data");
  constexpr int kBinds = 150;
  for (int i = 0; i < kBinds; ++i) bundle.mount("/m/" + std::to_string(i), "bind", world.dir() + "/data", {"bind"});
  spit(world.dir() + "/hook.sh", "#!/bin/sh\nulimit -Sn >" + world.dir() + "/hook.out\n", 0755);
  bundle.set("/hooks/createRuntime", "[{\"path\":\"" + world.dir() + "/hook.sh\"}]");
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_max < 1000) CAISSON_SKIP("the hard limit of open files is too low");
  bundle.probe({}).write();
  const Json report(shell(
      world, "ulimit -Sn 100 && exec \"$1\" --root " + world.root() + " run --bundle " + bundle.dir + " " + bundle.id));
  CHECK(mount_at(report, "/m/" + std::to_string(kBinds - 1)).has("/target"));
  CHECK(report.text("/rlimits/RLIMIT_NOFILE") == "[100," + std::to_string(limit.rlim_max) + "]");
  CHECK(slurp(world.dir() + "/hook.out") == "100\n");
  world.nothing_left();
}

TEST_CASE("a mapping in the option, as podman passes it on", "[mounts][idmap][user]") {
  World world;
  Bundle bundle = world.bundle();
  with_user_namespace(bundle);
  make_dirs(world.dir() + "/data");
  spit(world.dir() + "/data/file", "x\n");
  REQUIRE(::chown((world.dir() + "/data/file").c_str(), 1000, 1001) == 0);
  bundle.mount("/relative", "bind", world.dir() + "/data", {"bind", "idmap=uids=@1000-0-1;gids=@1001-5-1"});
  bundle.mount("/absolute", "bind", world.dir() + "/data", {"rbind", "ridmap=uids=1000-100007-1;gids=1001-100008-1"});
  const Json report = world.report(bundle, {"--stat", "/relative/file", "--stat", "/absolute/file"});
  CHECK(report.num("/stat/~1relative~1file/uid") == 0);
  CHECK(report.num("/stat/~1relative~1file/gid") == 5);
  CHECK(report.num("/stat/~1absolute~1file/uid") == 7);
  CHECK(report.num("/stat/~1absolute~1file/gid") == 8);
  bundle.set("/mounts/6/options/1", "\"idmap=uids=@1000-70000-1\"");
  const Ran ran = world.run(bundle);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "id 70000 of the container, which is not mapped [config: /mounts/6/options/1]"));
  world.nothing_left();
}
