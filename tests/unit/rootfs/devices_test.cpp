// SPDX-License-Identifier: Apache-2.0
#include "rootfs/device_nodes.hpp"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "world.hpp"

using namespace caisson::test;
namespace config = caisson::config;
namespace rootfs = caisson::rootfs;
namespace plan = caisson::plan;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const config::Mount kDev{"/dev", "tmpfs", "tmpfs", {"nosuid", "mode=755"}, {}, {}};
const config::Mount kPts{"/dev/pts", "devpts", "devpts", {"newinstance", "ptmxmode=0666"}, {}, {}};

std::string look_at(std::initializer_list<const char*> paths) {
  std::string out;
  for (const char* path : paths) out += look(path) + "\n";
  return out;
}

}  // namespace

TEST_CASE("devices of the config, with owners and exact modes", "[rootfs][devices]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  const bool own_dev = GENERATE(true, false);
  if (own_dev) s.mount(kDev);
  s.spec.linux->devices = {
      {config::DeviceType::c, "/dev/fuse", 10, 229, 0612, 3, 4},
      {config::DeviceType::u, "/dev/net/tun", 10, 200, 04777, {}, {}},
      {config::DeviceType::b, "/disks/a/b", 8, 1, {}, {}, 6},
      {config::DeviceType::p, "/dev/fifo", {}, {}, 0640, 5, 5},
      {config::DeviceType::c, "/dev/null", 1, 3, 0600, 9, 9},
  };
  ::umask(077);
  s.inside = [](const AskHost&) {
    return look_at({"/dev/fuse", "/dev/net/tun", "/dev/net", "/disks/a/b", "/dev/fifo", "/dev/null", "/dev/zero"});
  };
  const Outcome outcome = run(world, s);
  ::umask(022);
  CHECK(outcome.error == "");
  CHECK(outcome.text ==
        "c 10:229 0612 3:4\nc 10:200 04777 0:0\nd 0755 0:0\nb 8:1 0666 0:6\np 0640 5:5\n"
        "c 1:3 0600 9:9\nc 1:5 0666 0:0\n");
}

TEST_CASE("the right nodes may be there already, and so may the links", "[rootfs][devices]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("rootfs/dev");
  REQUIRE(::mknod(world.path("rootfs/dev/null").c_str(), S_IFCHR | 0640, 0x0103) == 0);
  world.link("rootfs/dev/fd", "elsewhere");
  world.link("rootfs/dev/ptmx", "elsewhere");
  Scenario s(world);
  s.inside = [](const AskHost&) { return look_at({"/dev/null", "/dev/fd", "/dev/ptmx"}); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "c 1:3 0640 0:0\nl elsewhere\nl pts/ptmx\n");
}

TEST_CASE("a node of the image gets the owner and mode that the config names, its other names keep theirs",
          "[rootfs][devices]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("rootfs/nodes");
  REQUIRE(::mknod(world.path("rootfs/nodes/a").c_str(), S_IFCHR | 0640, 0x0103) == 0);
  REQUIRE(::link(world.path("rootfs/nodes/a").c_str(), world.path("rootfs/nodes/b").c_str()) == 0);
  Scenario s(world);
  s.spec.linux->devices = {{config::DeviceType::c, "/nodes/a", 1, 3, 0666, 5, 6},
                           {config::DeviceType::c, "/nodes/b", 1, 3, {}, {}, {}}};
  s.inside = [](const AskHost&) { return look_at({"/nodes/a", "/nodes/b"}); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "c 1:3 0666 5:6\nc 1:3 0640 0:0\n");
}

TEST_CASE("a device below a symlink of the image is made where that leads inside the root", "[rootfs][devices]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("rootfs/run");
  world.directory("rootfs/var");
  world.link("rootfs/var/run", "/run");
  world.link("rootfs/var/dangling", "../made/later");
  world.link("rootfs/out", "/../../../../../../tmp");
  world.link("rootfs/kernel", "/proc/sys/kernel");
  Scenario s(world);
  s.mount(kDev);
  if (GENERATE(false, true)) s.user_namespace(world);
  SECTION("absolute, missing and leading out of the root") {
    s.spec.linux->devices = {{config::DeviceType::p, "/var/run/gadget/a", {}, {}, 0640, {}, {}},
                             {config::DeviceType::p, "/var/dangling/b", {}, {}, 0640, {}, {}},
                             {config::DeviceType::p, "/out/caisson-c", {}, {}, 0640, {}, {}}};
    if ((s.namespaces & CLONE_NEWUSER) == 0)
      s.spec.linux->devices.push_back({config::DeviceType::c, "/var/run/d", 1, 3, 0640, {}, {}});
    s.inside = [](const AskHost&) { return look_at({"/run/gadget/a", "/made/later/b", "/tmp/caisson-c", "/run/d"}); };
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "p 0640 0:0\np 0640 0:0\np 0640 0:0\n" +
                              std::string((s.namespaces & CLONE_NEWUSER) == 0 ? "c 1:3 0640 0:0\n" : "none\n"));
    CHECK(look("/tmp/caisson-c") == "none");
  }
  SECTION("nothing is made or covered in /proc") {
    s.spec.linux->devices = {{config::DeviceType::c, "/kernel/core_pattern", 1, 3, {}, {}, {}}};
    const std::string error = run(world, s).error;
    CHECK(has(error, "'/kernel' leads to a place inside /proc"));
    CHECK(has(error, "[config: /linux/devices/0]"));
  }
}

TEST_CASE("a mount at /dev/ptmx stays", "[rootfs][devices]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.link("rootfs/dev-by-link", "dev");
  Scenario s(world);
  if (GENERATE(false, true)) s.user_namespace(world);
  s.mount(kDev).mount(kPts);
  s.mount({GENERATE("/dev/ptmx", "/dev-by-link/ptmx"), "", "/dev/ptmx", {"bind"}, {}, {}});
  s.inside = [](const AskHost&) { return look("/dev/ptmx").substr(0, 5); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "c 5:2");
}

TEST_CASE("where only the host's node can be had, its owner and mode must be those of the config",
          "[rootfs][devices][userns]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.user_namespace(world).mount(kDev);
  s.facts.privileged = false;
  const std::string path = world.path("node");
  REQUIRE(::mknod(path.c_str(), S_IFCHR | 0640, 0x0103) == 0);
  ::chmod(path.c_str(), 0640);
  config::Device device{config::DeviceType::c, path, 1, 3, {}, {}, {}};
  std::string error;
  SECTION("nothing named, or what it has") {
    device.file_mode = 0640;
    if (GENERATE(false, true)) {
      REQUIRE(::chown(path.c_str(), 100007, 100008) == 0);
      device.uid = 7;
      device.gid = 8;
    }
  }
  SECTION("ids that cannot be mapped become the overflow ids") {
    device.uid = 0;
    device.gid = 5;
  }
  SECTION("another mode") {
    device.file_mode = 0600;
    error = "mode 0600: mknod is not permitted, and the host's node has 0640 [config: /linux/devices/0/fileMode]";
  }
  SECTION("another owner that is mapped") {
    REQUIRE(::chown(path.c_str(), 100007, 0) == 0);
    device.uid = 8;
    error = "the uid 8: mknod is not permitted, and the host's node has 7 [config: /linux/devices/0/uid]";
  }
  SECTION("another group that is mapped") {
    REQUIRE(::chown(path.c_str(), 0, 100007) == 0);
    device.gid = 8;
    error = "the gid 8: mknod is not permitted, and the host's node has 7 [config: /linux/devices/0/gid]";
  }
  s.spec.linux->devices = {device};
  s.inside = [&](const AskHost&) { return look(path).substr(0, 10); };
  const Outcome outcome = run(world, s);
  INFO(outcome.error);
  CHECK(has(outcome.error, error));
  CHECK(outcome.error.empty() == error.empty());
  if (error.empty()) CHECK(outcome.text == "c 1:3 0640");
}

TEST_CASE("a /dev of the host is left alone", "[rootfs][devices]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("hostdev");
  Scenario s(world);
  s.mount({"/dev", "", "hostdev", {"rbind"}, {}, {}});
  s.spec.linux->devices = {{config::DeviceType::c, "/dev/fuse", 10, 229, {}, {}, {}}};
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK_FALSE(world.exists("hostdev/null"));
  CHECK_FALSE(world.exists("hostdev/fuse"));
  CHECK_FALSE(world.exists("hostdev/ptmx"));
}

TEST_CASE("devices of a user namespace are the host's, bound", "[rootfs][devices][userns]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.user_namespace(world).mount(kDev).mount(kPts);
  s.spec.linux->devices = {{config::DeviceType::p, "/dev/fifo", {}, {}, 0640, 1, 1}};
  s.inside = [](const AskHost&) {
    std::string out = look("/dev/null").substr(0, 5) + " " + look("/dev/tty").substr(0, 5) + " " + look("/dev/fifo") +
                      " write:" + try_write("/dev/null") + " " +
                      (mount_at("/dev/urandom").type.empty() ? "-" : "mounted");
    return out;
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "c 1:3 c 5:0 p 0640 1:1 write: mounted");

  SECTION("one that the host has not") {
    s.spec.linux->devices = {{config::DeviceType::c, "/dev/caisson-absent", 10, 229, {}, {}, {}}};
    const std::string error = run(world, s).error;
    CHECK(has(error, "make device '/dev/caisson-absent': bind mount source stat"));
    CHECK(has(error, "[config: /linux/devices/0]"));
  }
  SECTION("one that is another on the host") {
    s.spec.linux->devices = {{config::DeviceType::c, "/dev/zero", 1, 3, {}, {}, {}}};
    CHECK(has(run(world, s).error, "the host's '/dev/zero' is not the character device 1:3"));
  }
}

TEST_CASE("mknod that is not permitted falls back to the host's node", "[rootfs][devices]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.user_namespace(world).mount(kDev);
  // Planned as if mknod(2) were allowed.
  plan::DeviceNode node{.path = "/dev/x", .type = S_IFCHR, .major = 1, .minor = 3};
  s.before_finish = [&](rootfs::RootDir& root) {
    plan::RootfsPlan again;
    again.devices = {{.path = "/dev/null", .type = S_IFCHR, .major = 1, .minor = 3}};
    ::umount2("/dev/null", MNT_DETACH);
    ::unlink("/dev/null");
    std::vector<std::string> notes;
    auto made = rootfs::make_devices(root, again, {}, notes);
    // The host is out of reach by now, so the attempt itself is what can be seen.
    (void)!::symlink(made ? "made" : made.error().message().c_str(), "/outcome");
  };
  s.inside = [](const AskHost&) { return look("/outcome"); };
  CHECK(has(run(world, s).text, "bind mount source stat"));
}

TEST_CASE("/dev/console", "[rootfs][devices]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.spec.root->readonly = true;
  if (GENERATE(true, false)) s.mount(kDev);
  s.mount(kPts);
  std::string error;
  s.before_finish = [&](rootfs::RootDir& root) {
    const caisson::FileDescriptor master(::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    (void)::unlockpt(master.get());
    const caisson::FileDescriptor slave(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    auto mounted = rootfs::mount_console(root, slave);
    (void)!::symlink(mounted ? "mounted" : mounted.error().message().c_str(), "/outcome");
  };
  s.inside = [](const AskHost&) {
    return look("/outcome") + " " + look("/dev/console").substr(0, 7) + " " + mount_at("/dev/console").type;
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "l mounted c 136:0 devpts");
}

TEST_CASE("the host's /dev/null on the standard descriptors becomes the container's", "[rootfs][devices]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.mount(kDev);
  s.before_finish = [](rootfs::RootDir& root) {
    plan::RootfsPlan ours;
    ours.links = {{"/dev/fd", "/proc/self/fd", false}};
    auto done = rootfs::adopt_null(root, ours);
    (void)!::symlink(done ? "done" : done.error().message().c_str(), "/outcome");
  };
  s.before_switch = [] {
    for (int fd : {0, 2}) {
      const caisson::FileDescriptor null(::open("/dev/null", O_RDWR));
      ::dup3(null.get(), fd, 0);
    }
  };
  s.inside = [](const AskHost&) {
    struct stat zero {
    }, two{}, ours{};
    ::fstat(0, &zero);
    ::fstat(2, &two);
    ::stat("/dev/null", &ours);
    return look("/outcome") + (zero.st_dev == ours.st_dev && zero.st_ino == ours.st_ino ? " 0" : "") +
           (two.st_dev == ours.st_dev && two.st_ino == ours.st_ino ? " 2" : "") +
           ((::fcntl(0, F_GETFD) & FD_CLOEXEC) ? " cloexec" : "");
  };
  CHECK(run(world, s).text == "l done 0 2");
}
