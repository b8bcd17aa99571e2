// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include <catch2/catch.hpp>

#include "rootfs/device_nodes.hpp"
#include "world.hpp"

using namespace caisson::test;
namespace config = caisson::config;

namespace {

// The mounts of the usual bundle, but for its cgroups.
void usual(Scenario& s) {
  s.mount({"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}, {}, {}})
      .mount(
          {"/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}, {}, {}})
      .mount({"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}, {}, {}})
      .mount({"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}, {}, {}})
      .mount({"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}, {}, {}});
  s.spec.linux->masked_paths = {"/proc/version",     "/proc/uptime",       "/proc/absent", "/proc/fs",
                                "/proc/absent/deep", "/proc/version/deep", "/sys/kernel",  "/proc/fs"};
  s.spec.linux->readonly_paths = {"/proc/sys", "/proc/loadavg", "/proc/absent"};
}

}  // namespace

TEST_CASE("the usual bundle", "[rootfs]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  usual(s);
  s.spec.root->readonly = true;
  s.cwd = "/srv/deep";
  s.inside = [](const AskHost&) {
    std::string out;
    out += std::string("/ ") + (mount_at("/").has("ro") ? "ro" : "rw") + "\n";
    for (const char* path :
         {"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/proc/sys", "/proc/loadavg"})
      out += path + (" " + mount_at(path).type) + " " + brief(path) + "\n";
    for (const char* path : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
                             "/dev/ptmx", "/dev/fd", "/dev/stdin", "/dev/stderr", "/srv/deep"})
      out += path + (" " + look(path)) + "\n";
    out += "marker " + text_of_file("/etc/marker") + "\n";
    out += "root " + try_create("/x") + " dev " + try_create("/dev/x") + " sys " +
           try_write("/proc/sys/kernel/hostname") + " null " + try_write("/dev/null") + "\n";
    for (const char* path : {"/proc/version", "/proc/uptime"}) out += path + (" " + look(path)) + "\n";
    for (const char* path : {"/sys/kernel", "/proc/fs"})
      out += path + (" " + mount_at(path).type) + " " + brief(path) + " " + try_create(path + std::string("/x")) + "\n";
    std::array<char, 100> cwd;
    out += std::string("cwd ") + ::getcwd(cwd.data(), cwd.size());
    return out;
  };
  const Outcome outcome = run(world, s);
  REQUIRE(outcome.error == "");
  CHECK(outcome.text ==
        "/ ro\n"
        "/proc proc rw,relatime|\n"
        "/dev tmpfs rw,nosuid|\n"
        "/dev/pts devpts rw,nosuid,noexec,relatime|\n"
        "/dev/shm tmpfs rw,nosuid,nodev,noexec,relatime|\n"
        "/dev/mqueue mqueue rw,nosuid,nodev,noexec,relatime|\n"
        "/sys sysfs ro,nosuid,nodev,noexec,relatime|\n"
        "/proc/sys proc ro,relatime|\n"
        "/proc/loadavg proc ro,relatime|\n"
        "/dev/null c 1:3 0666 0:0\n"
        "/dev/zero c 1:5 0666 0:0\n"
        "/dev/full c 1:7 0666 0:0\n"
        "/dev/random c 1:8 0666 0:0\n"
        "/dev/urandom c 1:9 0666 0:0\n"
        "/dev/tty c 5:0 0666 0:0\n"
        "/dev/ptmx l pts/ptmx\n"
        "/dev/fd l /proc/self/fd\n"
        "/dev/stdin l /proc/self/fd/0\n"
        "/dev/stderr l /proc/self/fd/2\n"
        "/srv/deep d 0755 0:0\n"
        "marker inside\n"
        "root EROFS dev  sys EROFS null \n"
        "/proc/version c 1:3 0666 0:0\n"
        "/proc/uptime c 1:3 0666 0:0\n"
        "/sys/kernel tmpfs ro,nosuid,nodev,noexec,relatime| EROFS\n"
        "/proc/fs tmpfs ro,nosuid,nodev,noexec,relatime| EROFS\n"
        "cwd /");
  CHECK_FALSE(world.exists("rootfs/x"));
}

TEST_CASE("nothing of it shows on the host, nor stays open", "[rootfs]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  usual(s);
  s.share_host = GENERATE(false, true);
  s.inside = [](const AskHost&) {
    // Whatever descriptor is left must lie in the container's own tree, or be none of a directory.
    std::string out;
    for (int fd = 0; fd < 64; ++fd) {
      struct stat st {
      }, root{};
      if (::fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)) continue;
      ::stat("/", &root);
      if (st.st_dev != root.st_dev || st.st_ino != root.st_ino) out += "fd " + std::to_string(fd) + " ";
    }
    for (const auto& line : all_mounts())
      if (line.root.find("caisson-rootfs") == std::string::npos && line.point == "/") out += "a root that is not ours ";
    return out;
  };
  s.host_check = [&] {
    std::string out;
    for (const auto& line : all_mounts())
      if (line.point.find("caisson-rootfs") != std::string::npos) out += line.point + " ";
    return out;
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "");
}

TEST_CASE("a rootfs that is not there", "[rootfs]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.spec.root->path = "absent";
  CHECK(run(world, s).error ==
        "open the rootfs: openat2('" + world.path("absent") + "'): No such file or directory [config: /root/path]");
  world.file("file", "");
  s.spec.root->path = "file";
  CHECK(run(world, s).error ==
        "open the rootfs: openat2('" + world.path("file") + "'): Not a directory [config: /root/path]");
}

TEST_CASE("a working directory is made, and an existing file is left to the one who enters it", "[rootfs]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.link("rootfs/var", "/etc/gone");
  Scenario s(world);
  s.cwd = "/var/work";
  s.inside = [](const AskHost&) { return look("/etc/gone/work"); };
  CHECK(run(world, s).text == "d 0755 0:0");
}

TEST_CASE("a symlink that is put on the way to the rootfs after the check is refused", "[rootfs]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  const std::string rootfs = world.path("rootfs"), elsewhere = world.path("elsewhere");
  s.host_setup = [&] {
    REQUIRE(::rename(rootfs.c_str(), elsewhere.c_str()) == 0);
    REQUIRE(::symlink(elsewhere.c_str(), rootfs.c_str()) == 0);
  };
  s.inside = [](const AskHost&) { return std::string("it came in"); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.text.empty());
  CHECK(outcome.error.find("open the rootfs") != std::string::npos);
}
