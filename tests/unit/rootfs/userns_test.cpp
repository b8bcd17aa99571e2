// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "world.hpp"

using namespace caisson::test;
namespace config = caisson::config;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the usual mounts in a user namespace", "[rootfs][userns]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.user_namespace(world);
  s.facts.privileged = GENERATE(true, false);
  s.mount({"/dev", "tmpfs", "tmpfs", {"nosuid", "mode=755"}, {}, {}})
      .mount({"/dev/pts", "devpts", "devpts", {"newinstance", "ptmxmode=0666", "gid=5"}, {}, {}})
      .mount({"/dev/mqueue", "mqueue", "mqueue", {}, {}, {}})
      .mount({"/sys", "sysfs", "sysfs", {"ro"}, {}, {}});
  s.spec.root->readonly = true;
  s.spec.linux->masked_paths = {"/proc/version", "/proc/fs"};
  s.spec.linux->readonly_paths = {"/proc/sys"};
  s.inside = [](const AskHost&) {
    return text_of_file("/etc/marker") + " " + try_create("/x") + " " + look("/proc/version").substr(0, 5) + " " +
           try_create("/proc/fs/x") + " " + brief("/proc/sys").substr(0, 2) + " " + mount_at("/sys").type + " " +
           mount_at("/dev/mqueue").type;
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "inside EROFS c 1:3 EROFS ro sysfs mqueue");
}

TEST_CASE("sources that the container's root may not reach", "[rootfs][userns]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("secret", 0700);
  world.directory("secret/volume");
  world.file("secret/volume/f", "reached");
  Scenario s(world);
  s.user_namespace(world);
  s.mount({"/v", "", "secret/volume", {"bind", "ro"}, {}, {}});
  s.inside = [](const AskHost&) { return text_of_file("/v/f") + " " + brief("/v").substr(0, 2); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "reached ro");

  s.facts.privileged = false;
  CHECK(has(run(world, s).error, "Permission denied"));
}

TEST_CASE("a rootfs that the container's root may not reach", "[rootfs][userns]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("secret", 0700);
  Scenario s(world);
  s.user_namespace(world);
  REQUIRE(::rename(world.path("rootfs").c_str(), world.path("secret/rootfs").c_str()) == 0);
  s.spec.root->path = "secret/rootfs";
  const std::string command = "chown -hR 100000:100000 '" + world.path("secret/rootfs") + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  s.inside = [](const AskHost&) { return text_of_file("/etc/marker"); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "inside");
}

TEST_CASE("the host's sysfs stands in where one's own is refused", "[rootfs][userns]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.user_namespace(world);
  s.namespaces &= ~std::uint64_t{CLONE_NEWNET};
  s.mount({"/sys", "sysfs", "sysfs", {"ro", "nosuid", "nodev", "noexec"}, {}, {}});
  s.inside = [](const AskHost&) {
    // None of the host's cgroups may be left writable below it.
    return mount_at("/sys").type + " " + brief("/sys") + " " + try_create("/sys/fs/cgroup/x");
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "sysfs ro,nosuid,nodev,noexec,relatime| EROFS");
}

TEST_CASE("a whole /sys bound for an unprivileged user hides the cgroups", "[rootfs][userns]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.user_namespace(world);
  s.mount({"/sys", "", "/sys", {"rbind", "ro"}, {}, {}});
  s.inside = [](const AskHost&) { return mount_at("/sys/fs/cgroup").type + " " + try_create("/sys/fs/cgroup/x"); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "tmpfs EROFS");
}
