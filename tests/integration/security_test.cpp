// SPDX-License-Identifier: Apache-2.0
// Attacks on runtimes that have happened, one test each.
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>

#include "integration/support/mounts.hpp"
#include "integration/support/world.hpp"

using namespace caisson::testing;

namespace {

Bundle holding(World& world) {
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  return bundle;
}

}  // namespace

TEST_CASE("CVE-2016-9962: the joining process cannot be traced or read from inside", "[security]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  // Looks again and again at the descriptors of every process but itself.
  bundle.args({"/bin/sh", "-c",
               "while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] || ls -l $p/fd; done 2>/dev/null; done"});
  const Ran files = world.started(bundle);
  for (int i = 0; i < 30; ++i) CHECK(world.call({"exec", bundle.id, "/bin/true"}).code == 0);
  CHECK(world.remove(bundle, true).code == 0);
  const std::string seen = slurp(files.out_path);
  CHECK_FALSE(contains(seen, world.root()));
  CHECK_FALSE(contains(seen, "/sys/fs/cgroup"));
  CHECK_FALSE(contains(seen, "socket:"));
  world.nothing_left();
}

TEST_CASE("CVE-2019-5736: the container cannot write to the runtime", "[security]") {
  World world;
  const std::string before = slurp(Places::get().caisson);
  Bundle bundle = holding(world);
  REQUIRE(::symlink("/proc/self/exe", (bundle.rootfs + "/self").c_str()) == 0);
  spit(bundle.rootfs + "/script", "#!/proc/self/exe\n", 0755);
  SECTION("as the first process") {
    bundle.args({"/self", "--version"});
    world.run(bundle);
    bundle.args({"/script"});
    world.run(bundle);
  }
  SECTION("through exec, while a process of the container opens it for writing") {
    for (const char* set : {"bounding", "effective", "permitted"})
      bundle.set(std::string("/process/capabilities/") + set + "/-", "\"CAP_DAC_OVERRIDE\"");
    bundle = world.busybox_bundle();
    bundle.args(
        {"/bin/sh", "-c",
         "while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] || { echo overwritten >$p/exe; }; done 2>/dev/null; done"});
    world.started(bundle);
    REQUIRE(::symlink("/proc/self/exe", (bundle.rootfs + "/self").c_str()) == 0);
    for (int i = 0; i < 30; ++i) world.call({"exec", bundle.id, "/self", "--version"});
    CHECK(world.remove(bundle, true).code == 0);
  }
  SECTION("init's own image while it waits for start") {
    REQUIRE(world.create(bundle).code == 0);
    // What the container would reach through /proc/1/exe.
    const std::string init = "/proc/" + std::to_string(world.pid(bundle));
    const std::string exe = init + "/exe";
    CHECK(slurp(init + "/cmdline").starts_with(std::string("caisson\0init\0", 13)));
    CHECK(slurp(init + "/environ").empty());
    CHECK(::open(exe.c_str(), O_WRONLY | O_CLOEXEC) < 0);
    CHECK((errno == ETXTBSY || errno == EROFS || errno == EPERM || errno == EACCES));
    CHECK(world.remove(bundle).code == 0);
  }
  CHECK(slurp(Places::get().caisson) == before);
  world.nothing_left();
}

TEST_CASE("a command that makes a process runs from its first instructions in a program that nobody can write to",
          "[security]") {
#if !defined(CAISSON_HAS_EARLY_SWAP)
  CAISSON_SKIP("a program of this build is exchanged before the clone, which other tests look at");
#endif
  World world;
  const Bundle bundle = world.bundle();
  // What it waits for is the first thing that it reads.
  const std::string config = bundle.dir + "/pipe.json";
  REQUIRE(::mkfifo(config.c_str(), 0600) == 0);
  Ran files;
  const pid_t runtime = world.start_call({"create", "--config", config, "--bundle", bundle.dir, bundle.id}, {}, files);
  int writer = -1;
  REQUIRE(eventually([&] { return (writer = ::open(config.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0; }));
  const std::string dir = "/proc/" + std::to_string(runtime);
  char program[4096];
  const ssize_t size = ::readlink((dir + "/exe").c_str(), program, sizeof program);
  CHECK(size > 0);
  CHECK(std::string(program, static_cast<std::size_t>(std::max(size, ssize_t{0}))) != Places::get().caisson);
  CHECK_FALSE(contains(slurp(dir + "/maps"), Places::get().caisson));
  // To people it is what it was.
  CHECK(slurp(dir + "/cmdline").ends_with("--bundle" + std::string(1, '\0') + bundle.dir + '\0' + bundle.id + '\0'));
  CHECK_FALSE(slurp(dir + "/environ").empty());
  ::close(writer);
  const Ran ran = world.finish_call(runtime, files, 10);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "invalid JSON"));
  world.nothing_left();
}

TEST_CASE("CVE-2019-16884, CVE-2023-28642: nothing but procfs comes to /proc", "[security][mounts]") {
  World world;
  Bundle bundle = world.bundle();
  SECTION("tmpfs on /proc") {
    bundle.set("/mounts/0", R"({"destination":"/proc","type":"tmpfs","source":"tmpfs"})");
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "cannot be mounted because it is not of type proc"));
  }
  SECTION("a bind on /proc") {
    make_dirs(world.dir() + "/fake");
    bundle.set("/mounts/0",
               R"({"destination":"/proc","type":"bind","source":")" + world.dir() + R"(/fake","options":["bind"]})");
    CHECK(world.run(bundle).code == 1);
  }
  SECTION("a mount inside /proc") {
    bundle.mount("/proc/sys/kernel", "tmpfs", "tmpfs", {});
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "cannot be mounted because it is inside /proc"));
  }
  SECTION("but these may be covered") {
    spit(world.dir() + "/meminfo", "fake\n");
    bundle.mount("/proc/meminfo", "bind", world.dir() + "/meminfo", {"bind"});
    CHECK(world.report(bundle, {"--read", "/proc/meminfo"}).str("/read/~1proc~1meminfo") == "fake\n");
  }
  world.nothing_left();
}

TEST_CASE("CVE-2019-18837: /dev and other targets that are links to the host's", "[security][mounts]") {
  World world;
  const std::string outside = world.dir() + "/outside";
  make_dirs(outside);
  Bundle bundle = world.bundle();
  REQUIRE(::symlink(outside.c_str(), (bundle.rootfs + "/dev").c_str()) == 0);
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(names_in(outside).empty());
  world.nothing_left();
}

TEST_CASE("CVE-2019-19921, CVE-2023-27561: /proc and /sys must be directories", "[security][mounts]") {
  World world;
  for (const char* name : {"proc", "sys"}) {
    Bundle bundle = world.bundle();
    make_dirs(bundle.rootfs + "/elsewhere");
    REQUIRE(::symlink("elsewhere", (bundle.rootfs + "/" + name).c_str()) == 0);
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "must be mounted on ordinary directory"));
  }
  world.nothing_left();
}

TEST_CASE("CVE-2021-30465: a target that is exchanged for a link while it is mounted", "[security][mounts]") {
  World world;
  // A volume that another container flips: "target" is a directory, then a link to the host's /.
  const std::string volume = world.dir() + "/volume", outside = world.dir() + "/outside";
  make_dirs(volume + "/target");
  make_dirs(outside);
  REQUIRE(::symlink((std::string("../../../../../../../..") + outside).c_str(), (volume + "/link").c_str()) == 0);
  const pid_t flipper = ::fork();
  if (flipper == 0) {
    const int dir = ::open(volume.c_str(), O_RDONLY | O_DIRECTORY);
    for (;;) ::syscall(SYS_renameat2, dir, "target", dir, "link", RENAME_EXCHANGE);
  }
  for (int i = 0; i < 40; ++i) {
    Bundle bundle = world.bundle();
    bundle.mount("/volume", "bind", volume, {"bind"}).mount("/volume/target", "tmpfs", "tmpfs", {});
    bundle.mount("/volume/target/deep", "tmpfs", "tmpfs", {}).probe({"--quiet"});
    world.run(bundle);  // it may fail, but never outside the rootfs
  }
  ::kill(flipper, SIGKILL);
  ::waitpid(flipper, nullptr, 0);
  CHECK(names_in(outside).empty());
  CHECK_FALSE(contains(slurp("/proc/self/mountinfo"), outside));
  world.nothing_left();
}

TEST_CASE("CVE-2021-43784: a mount source of 70 KiB", "[security]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.mount("/x", "bind", "/" + std::string(70000, 'a'), {"bind"});
  const Ran ran = world.run(bundle);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "/mounts/6"));
  world.nothing_left();
}

TEST_CASE("CVE-2024-21626: no working directory through a descriptor of the host", "[security]") {
  World world;
  Bundle bundle = holding(world);
  for (int fd = 3; fd <= 20; ++fd) {
    Bundle attacker = world.bundle();
    attacker.probe({"--quiet", "--print", "got in"}).set_cwd("/proc/self/fd/" + std::to_string(fd));
    const Ran ran = world.run(attacker);
    INFO(fd << ": " << ran.err);
    CHECK(ran.code != 0);
    CHECK(ran.out.empty());
  }
  world.started(bundle);
  for (int fd = 3; fd <= 20; ++fd) {
    const Ran ran = world.call(
        {"exec", "--cwd", "/proc/self/fd/" + std::to_string(fd), bundle.id, "/probe", "--quiet", "--print", "got in"});
    CHECK(ran.code == 255);
    CHECK(ran.out.empty());
  }
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("CVE-2024-45310: missing mount points are made inside only", "[security][mounts]") {
  World world;
  const std::string outside = world.dir() + "/outside";
  make_dirs(outside);
  Bundle bundle = world.bundle();
  REQUIRE(::symlink(outside.c_str(), (bundle.rootfs + "/way").c_str()) == 0);
  spit(world.dir() + "/file", "x\n");
  bundle.mount("/way/made/file", "bind", world.dir() + "/file", {"bind"}).mount("/way/dir", "tmpfs", "tmpfs", {});
  world.run(bundle);
  CHECK(names_in(outside).empty());
  world.nothing_left();
}

TEST_CASE("CVE-2025-31133: masking does not trust the container's /dev/null", "[security][masks]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string dev = world.dir() + "/dev";
  make_dirs(dev);
  REQUIRE(::symlink("/proc/sys/kernel/core_pattern", (dev + "/null").c_str()) == 0);
  bundle.mount("/dev", "bind", dev, {"bind"}).set("/linux/maskedPaths", R"(["/proc/loadavg"])");
  bundle.set("/mounts/1", R"({"destination":"/tmp","type":"tmpfs","source":"tmpfs"})");
  bundle.probe({"--stat", "/proc/loadavg", "--read", "/proc/loadavg"});
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  if (ran.code == 0) {
    CHECK(Json(ran.out).str("/stat/~1proc~1loadavg/rdev") == "1:3");
    CHECK(Json(ran.out).str("/read/~1proc~1loadavg").empty());
  }
  world.nothing_left();
}

TEST_CASE("CVE-2025-52565: a /dev/console that is a link", "[security][terminal]") {
  World world;
  Bundle bundle = world.bundle();
  make_dirs(bundle.rootfs + "/dev");
  spit(world.dir() + "/victim", "untouched\n");
  // /dev is a tmpfs here; a bound one can hold the link.
  const std::string dev = world.dir() + "/dev";
  make_dirs(dev + "/pts");
  REQUIRE(::symlink((world.dir() + "/victim").c_str(), (dev + "/console").c_str()) == 0);
  bundle.set("/mounts/1", R"({"destination":"/dev","type":"bind","source":")" + dev + R"(","options":["bind"]})");
  bundle.remove("/mounts/4").remove("/mounts/3").set("/process/terminal", "true").probe({"--quiet"});
  world.run(bundle);
  CHECK(slurp(world.dir() + "/victim") == "untouched\n");
  world.nothing_left();
}

TEST_CASE("CVE-2025-52881: writes meant for /proc do not go elsewhere", "[security][sysctl]") {
  World world;
  Bundle bundle = world.bundle();
  // A volume in place of what would be written to.
  make_dirs(world.dir() + "/fake/sys/net/ipv4");
  spit(world.dir() + "/fake/sys/net/ipv4/ip_forward", "before\n");
  bundle.mount("/proc/sys", "bind", world.dir() + "/fake/sys", {"bind"});
  bundle.set("/linux/sysctl", R"({"net.ipv4.ip_forward":"1"})");
  const Ran ran = world.run(bundle);
  CHECK(ran.code == 1);
  CHECK(slurp(world.dir() + "/fake/sys/net/ipv4/ip_forward") == "before\n");
  world.nothing_left();
}

TEST_CASE("a container cannot signal, see or reach the runtime's processes", "[security]") {
  World world;
  const Json report = world.report(world.bundle(), {"--list", "/proc", "--syscall", "62,-1,0"});
  for (const auto& name : report.strings("/list/~1proc"))
    if (name.find_first_not_of("0123456789") == std::string::npos) CHECK(name == "1");
}

TEST_CASE("what init holds while it waits for start cannot be changed", "[security][seccomp]") {
  World world;
  Bundle bundle = holding(world);
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["getcwd"],"action":"SCMP_ACT_ERRNO"}]})");
  REQUIRE(world.create(bundle).code == 0);
  const int pid = world.pid(bundle);
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  REQUIRE(pidfd >= 0);
  int memory_files = 0;
  for (const auto& name : names_in("/proc/" + std::to_string(pid) + "/fd")) {
    char target[4096]{};
    (void)!::readlink(("/proc/" + std::to_string(pid) + "/fd/" + name).c_str(), target, sizeof target - 1);
    if (!contains(target, "memfd:")) continue;
    INFO(target);
    ++memory_files;
    const int file = static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, std::atoi(name.c_str()), 0));
    REQUIRE(file >= 0);
    CHECK((::fcntl(file, F_GET_SEALS) & (F_SEAL_WRITE | F_SEAL_SEAL)) == (F_SEAL_WRITE | F_SEAL_SEAL));
    ::close(file);
  }
  CHECK(memory_files == 1);
  ::close(pidfd);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("init stays closed to others after it has become the user, whatever fs.suid_dumpable says", "[security]") {
  constexpr const char* kSetting = "/proc/sys/fs/suid_dumpable";
  World world;
  Bundle bundle = holding(world);
  bundle.set("/process/user", R"({"uid":1000,"gid":1000})");
  const std::string before = slurp(kSetting);
  const auto set = [&](const std::string& value) { std::ofstream(kSetting) << value; };
  set("1\n");
  const Ran created = world.create(bundle);
  set(before);
  REQUIRE(created.code == 0);
  // Its files in /proc are its own user's where it is dumpable. proc(5).
  struct stat info {};
  REQUIRE(::stat(("/proc/" + std::to_string(world.pid(bundle)) + "/environ").c_str(), &info) == 0);
  CHECK(info.st_uid == 0);
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("state of a container is for its owner alone", "[security]") {
  World world;
  Bundle bundle = holding(world);
  world.started(bundle);
  struct stat info {};
  for (const auto& name : names_in(world.root() + "/" + bundle.id)) {
    REQUIRE(::lstat((world.root() + "/" + bundle.id + "/" + name).c_str(), &info) == 0);
    INFO(name);
    if (S_ISREG(info.st_mode)) CHECK((info.st_mode & 022) == 0);
  }
  CHECK(world.remove(bundle, true).code == 0);
}
