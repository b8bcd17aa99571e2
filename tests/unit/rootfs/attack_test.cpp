// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include <catch2/catch.hpp>

#include "rootfs/device_nodes.hpp"
#include "world.hpp"

using namespace caisson::test;
namespace config = caisson::config;
namespace rootfs = caisson::rootfs;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A place outside of every rootfs, and whether anything was put there.
struct Outside {
  explicit Outside(const World& of) : world(of) {
    world.directory("outside");
    world.file("outside/sentinel", "untouched");
  }
  bool untouched() const {
    std::error_code error;
    int count = 0;
    for (auto at = std::filesystem::directory_iterator(world.path("outside"), error); !error && at != end(at);
         at.increment(error))
      ++count;
    return count == 1 && world.read("outside/sentinel") == "untouched";
  }
  std::string from_rootfs() const { return world.path("outside"); }
  const World& world;
};

}  // namespace

TEST_CASE("a mountpoint that is a symlink out of the rootfs", "[rootfs][attack]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Outside outside(world);
  world.directory("source");
  world.file("source/f", "volume");
  Scenario s(world);
  const std::string target = GENERATE(std::string("absolute"), std::string("relative"), std::string("dangling"));
  if (target == "absolute") world.link("rootfs/data", outside.from_rootfs());
  if (target == "relative") world.link("rootfs/data", "../../../../../../../../.." + outside.from_rootfs());
  if (target == "dangling") world.link("rootfs/data", outside.from_rootfs() + "/new");
  s.mount({"/data/x", "", "source", {"bind"}, {}, {}});
  s.inside = [&](const AskHost&) { return text_of_file("/data/x/f"); };
  s.host_check = [&] {
    for (const auto& line : all_mounts())
      if (has(line.point, "outside")) return "mounted on the host at " + line.point;
    return std::string();
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "volume");
  CHECK(outside.untouched());
}

TEST_CASE("symlinks in the middle, in circles and through /proc", "[rootfs][attack]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Outside outside(world);
  world.directory("source");
  Scenario s(world);
  SECTION("a circle") {
    world.link("rootfs/a", "b/x");
    world.link("rootfs/b", "a/x");
    s.mount({"/a/c", "", "source", {"bind"}, {}, {}});
    CHECK(has(run(world, s).error, "Too many levels of symbolic links"));
  }
  SECTION("a chain that dangles is completed inside") {
    world.link("rootfs/a", "/b/c");
    world.link("rootfs/b", "../../d");
    s.mount({"/a/e", "", "source", {"bind"}, {}, {}});
    s.inside = [](const AskHost&) { return mount_at("/d/c/e").point; };
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "/d/c/e");
  }
  SECTION("a magic link leads nowhere") {
    world.link("rootfs/a", "/proc/1/root");
    s.mount({"/a/tmp/x", "", "source", {"bind"}, {}, {}});
    CHECK(has(run(world, s).error, "Too many levels of symbolic links"));
  }
  SECTION("a symlink to /proc does not get round the rule") {
    world.link("rootfs/a", "/proc");
    world.file("f", "");
    s.mount({"/a/version", "", "f", {"bind"}, {}, {}});
    CHECK(has(run(world, s).error, "'/a/version' cannot be mounted because it is inside /proc"));
    s.spec.mounts.back() = {"/a/self/attr", "tmpfs", "tmpfs", {}, {}, {}};
    CHECK(has(run(world, s).error, "cannot be mounted because it is inside /proc"));
    s.spec.mounts.back() = {"/a", "tmpfs", "tmpfs", {}, {}, {}};
    CHECK(has(run(world, s).error, "cannot be mounted because it is inside /proc"));
  }
  SECTION("a symlink to the root does not get round the rule") {
    world.link("rootfs/a", "../..");
    s.mount({"/a", "tmpfs", "tmpfs", {}, {}, {}});
    CHECK(has(run(world, s).error, "on the top of rootfs"));
  }
  CHECK(outside.untouched());
}

TEST_CASE("/proc and /sys must be ordinary directories", "[rootfs][attack]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("rootfs/elsewhere");
  ::rmdir(world.path("rootfs/proc").c_str());
  Scenario s(world);
  SECTION("a symlink") {
    world.link("rootfs/proc", "/elsewhere");
    CHECK(has(run(world, s).error, "filesystem 'proc' must be mounted on ordinary directory"));
  }
  SECTION("a file") {
    world.file("rootfs/proc", "");
    CHECK(has(run(world, s).error, "filesystem 'proc' must be mounted on ordinary directory"));
  }
  SECTION("a symlink above it") {
    world.link("rootfs/up", "/elsewhere");
    s.spec.mounts = {{"/up/proc", "proc", "proc", {}, {}, {}}};
    CHECK(has(run(world, s).error, "filesystem 'proc' must be mounted on ordinary directory"));
  }
  SECTION("sysfs") {
    world.link("rootfs/sys", "/elsewhere");
    s.spec.mounts = {{"/sys", "sysfs", "sysfs", {}, {}, {}}};
    CHECK(has(run(world, s).error, "filesystem 'sysfs' must be mounted on ordinary directory"));
  }
  SECTION("missing is made") {
    s.inside = [](const AskHost&) { return mount_at("/proc").type; };
    CHECK(run(world, s).text == "proc");
  }
}

TEST_CASE("a rootfs whose /dev is a symlink", "[rootfs][attack]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Outside outside(world);
  Scenario s(world);
  SECTION("no /dev of its own: nothing is made anywhere") {
    world.link("rootfs/dev", "../../../../../.." + outside.from_rootfs());
    const std::string error = run(world, s).error;
    CHECK(has(error, "'/dev' must be an ordinary directory"));
    CHECK(error.ends_with("[config: /root/path]"));
  }
  SECTION("a /dev of its own is refused before anything is made for it") {
    world.link("rootfs/dev", "/inner/dev");
    s.mount({"/dev", "tmpfs", "tmpfs", {"mode=755"}, {}, {}});
    const std::string error = run(world, s).error;
    CHECK(has(error, "filesystem 'tmpfs' must be mounted on ordinary directory"));
    CHECK(error.ends_with("[config: /mounts/" + std::to_string(s.spec.mounts.size() - 1) + "]"));
    CHECK_FALSE(world.exists("rootfs/inner"));
  }
  SECTION("/dev/pts and /dev/shm") {
    world.directory("rootfs/dev");
    world.link("rootfs/dev/pts", outside.from_rootfs());
    world.link("rootfs/dev/shm", "/gone/shm");
    s.mount({"/dev/pts", "devpts", "devpts", {"newinstance"}, {}, {}})
        .mount({"/dev/shm", "tmpfs", "shm", {"mode=1777"}, {}, {}});
    s.inside = [&](const AskHost&) { return mount_at(outside.from_rootfs()).type + " " + mount_at("/gone/shm").type; };
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "devpts tmpfs");
  }
  CHECK(outside.untouched());
}

TEST_CASE("a device node that is something else already", "[rootfs][attack]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Outside outside(world);
  world.directory("rootfs/dev");
  Scenario s(world);
  SECTION("a symlink") {
    world.link("rootfs/dev/null", outside.from_rootfs() + "/sentinel");
    CHECK(has(run(world, s).error, "the rootfs's '/dev/null' is not the character device 1:3"));
  }
  SECTION("a file") {
    world.file("rootfs/dev/zero", "");
    CHECK(has(run(world, s).error, "the rootfs's '/dev/zero' is not the character device 1:5"));
  }
  SECTION("another device") {
    REQUIRE(::mknod(world.path("rootfs/dev/full").c_str(), S_IFCHR | 0600, 0x0103) == 0);
    CHECK(has(run(world, s).error, "the rootfs's '/dev/full' is not the character device 1:7"));
  }
  CHECK(outside.untouched());
}

TEST_CASE("masks do not trust a /dev/null that others made", "[rootfs][attack]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("dev");
  world.link("dev/null", "/proc/sys/kernel/core_pattern");
  Scenario s(world);
  s.mount({"/dev", "", "dev", {"bind"}, {}, {}});
  s.spec.linux->masked_paths = {"/proc/version"};
  std::string error = run(world, s).error;
  CHECK(has(error, "container's /dev/null is invalid"));
  CHECK(has(error, "[config: /linux/maskedPaths/0]"));

  ::unlink(world.path("dev/null").c_str());
  world.file("dev/null", "");
  error = run(world, s).error;
  CHECK(has(error, "container's /dev/null is invalid: it is not the character device 1:3"));
}

TEST_CASE("/dev/console is no symlink's target", "[rootfs][attack]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Outside outside(world);
  Scenario s(world);
  world.directory("rootfs/dev");
  world.link("rootfs/dev/console", "/etc/marker");
  s.before_finish = [](rootfs::RootDir& root) {
    const caisson::FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    auto mounted = rootfs::mount_console(root, null);
    (void)!::symlink(mounted ? "mounted" : mounted.error().message().c_str(), "/outcome");
  };
  s.inside = [](const AskHost&) { return look("/outcome"); };
  CHECK(has(run(world, s).text, "l mount '/dev/console': openat2('console'): Too many levels of symbolic links"));
}

// Two directories change places without end while containers are made whose mountpoint leads through them: one is a
// directory, the other a symlink out of the rootfs (CVE-2021-30465, CVE-2024-45310).
TEST_CASE("a mountpoint that is exchanged meanwhile", "[rootfs][attack]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Outside outside(world);
  world.directory("volume");
  world.directory("volume/a");
  world.link("volume/b", "../../../../../../../.." + outside.from_rootfs());
  world.directory("source");
  const pid_t racer = ::fork();
  if (racer == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::string a = world.path("volume/a"), b = world.path("volume/b");
    for (;;) ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
  }
  REQUIRE(racer > 0);
  int made = 0;
  for (int i = 0; i < 60; ++i) {
    Scenario s(world);
    s.mount({"/v", "", "volume", {"bind"}, {}, {}})
        .mount({"/v/a/deep/" + std::to_string(i), "", "source", {"bind"}, {}, {}})
        .mount({"/v/a/t", "tmpfs", "tmpfs", {}, {}, {}});
    s.host_check = [&] {
      for (const auto& line : all_mounts())
        if (has(line.point, "outside")) return "mounted at " + line.point;
      return std::string();
    };
    const Outcome outcome = run(world, s);
    INFO(outcome.error);
    // Losing the race may fail the container; it may never reach out of it.
    made += outcome.error.empty();
    REQUIRE(outcome.text == "");
    REQUIRE(outside.untouched());
  }
  ::kill(racer, SIGKILL);
  ::waitpid(racer, nullptr, 0);
  CHECK(made > 0);
}
