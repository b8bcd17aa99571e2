// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include <catch2/catch.hpp>

#include "world.hpp"

using namespace caisson::test;
namespace config = caisson::config;

namespace {

std::string outside_marker(const World& world) { return look(world.bundle()) + look("/etc/passwd"); }

}  // namespace

TEST_CASE("pivot_root leaves nothing of the host", "[rootfs][switch]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.before_switch = [] { (void)!::chdir("/usr"); };
  s.inside = [&](const AskHost&) {
    std::array<char, 100> cwd;
    std::string out = std::string(::getcwd(cwd.data(), cwd.size())) + " " + outside_marker(world);
    // Only mounts of the container are left, and its root is the namespace's.
    for (const auto& line : all_mounts()) out += " " + line.point;
    (void)!::chdir("../../../..");
    return out + " " + look("etc/marker").substr(0, 6);
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "/ nonenone / /proc - 0644");
}

TEST_CASE("without pivot_root", "[rootfs][switch]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.no_pivot = true;
  const bool shared = GENERATE(false, true);
  if (shared) {
    s.share_host = true;
    s.spec.linux->rootfs_propagation = "shared";
  }
  s.spec.linux->readonly_paths = {"/proc/sys"};
  s.spec.root->readonly = true;
  s.host_setup = [&] {
    world.directory("kernel");
    ::mount("proc", world.path("kernel").c_str(), "proc", 0, nullptr);
  };
  s.inside = [&](const AskHost&) {
    std::array<char, 100> cwd;
    std::string out = std::string(::getcwd(cwd.data(), cwd.size())) + " " + outside_marker(world) + " " +
                      text_of_file("/etc/marker") + " " + try_create("/x");
    // A proc of one's own, free of the container's masks, needs another whole one in the mount namespace.
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) < 0) return out + " unshare";
    out += ::mount("proc", "/tmp", "proc", 0, nullptr) < 0 ? " " + errno_name(errno) : " mounted";
    return out;
  };
  s.host_check = [&] {
    std::string out;
    for (const auto& line : all_mounts())
      if (line.type == "proc" && (line.point == "/proc" || line.point.starts_with(world.path(""))))
        out += " " + line.point;
    return out;
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "/ nonenone inside EROFS EPERM /proc " + world.path("kernel"));
}

TEST_CASE("without pivot_root in a user namespace, where the host's mounts are locked", "[rootfs][switch][userns]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.user_namespace(world);
  s.no_pivot = true;
  s.inside = [&](const AskHost&) { return outside_marker(world) + " " + text_of_file("/etc/marker"); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "nonenone inside");
}

TEST_CASE("without a mount namespace", "[rootfs][switch]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.namespaces = CLONE_NEWUTS;
  s.spec.mounts.clear();
  s.inside = [&](const AskHost&) {
    std::array<char, 100> cwd;
    return std::string(::getcwd(cwd.data(), cwd.size())) + " " + outside_marker(world) + " " + look("/dev/null");
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "/ nonenone c 1:3 0666 0:0");
}

TEST_CASE("a rootfs may be a mount of its own, and is not reached by a symlink", "[rootfs][switch]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  SECTION("a mount") {
    s.host_setup = [&] {
      ::mount("tmpfs", world.path("rootfs").c_str(), "tmpfs", 0, nullptr);
      for (const char* name : {"rootfs/proc", "rootfs/etc"}) world.directory(name);
      world.file("rootfs/etc/marker", "on tmpfs");
    };
    s.inside = [](const AskHost&) { return text_of_file("/etc/marker"); };
    CHECK(run(world, s).text == "on tmpfs");
  }
  SECTION("a symlink") {
    world.link("pointer", "rootfs");
    s.spec.root->path = "pointer";
    // The owner of the link would choose the container's root.
    CHECK(run(world, s).error == "open the rootfs: openat2('" + world.path("pointer") +
                                     "'): Too many levels of symbolic links [config: /root/path]");
  }
}

TEST_CASE("hooks see the mounts at the rootfs's own path", "[rootfs][switch]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.mount({"/data", "tmpfs", "tmpfs", {}, {}, {}});
  s.before_switch = [&] {
    world.file("rootfs/data/from-hook", "hook");
    ::mount("tmpfs", world.path("rootfs/tmp").c_str(), "tmpfs", MS_NOEXEC, nullptr);
  };
  s.inside = [](const AskHost&) { return text_of_file("/data/from-hook") + " " + brief("/tmp"); };
  CHECK(run(world, s).text == "hook rw,noexec,relatime|");
}
