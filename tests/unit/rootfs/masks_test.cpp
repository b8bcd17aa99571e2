// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>

#include <catch2/catch.hpp>

#include "world.hpp"

using namespace caisson::test;
namespace config = caisson::config;

TEST_CASE("masked directories share one empty tmpfs, files the null device", "[rootfs][masks]") {
  CAISSON_NEEDS_ROOT();
  World world;
  for (const char* name : {"rootfs/a", "rootfs/a/inner", "rootfs/b"}) world.directory(name);
  world.file("rootfs/a/inner/secret", "secret");
  world.file("rootfs/b/secret", "secret");
  world.link("rootfs/to-b", "b");
  Scenario s(world);
  s.spec.linux->masked_paths = {"/a/inner/secret", "/a",       "/to-b/secret", "/a/inner", "/etc", "/b/",
                                "/absent",         "/tmp/../b"};
  s.inside = [](const AskHost&) {
    std::string out;
    for (const auto& line : all_mounts())
      if (line.type == "tmpfs") out += line.point + " ";
    return out + look("/a/inner") + " " + look("/b/secret") + " " + try_create("/a/x") + " " + try_create("/etc/x");
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "/a /etc /b none none EROFS EROFS");
  CHECK(world.read("rootfs/b/secret") == "secret");
}

TEST_CASE("read-only paths keep their other flags and leave what is mounted below alone", "[rootfs][masks]") {
  CAISSON_NEEDS_ROOT();
  World world;
  for (const char* name : {"rootfs/a", "rootfs/b"}) world.directory(name);
  world.file("rootfs/b/file", "");
  Scenario s(world);
  s.mount({"/a", "tmpfs", "tmpfs", {"nosuid", "noexec", "noatime"}, {}, {}})
      .mount({"/a/sub", "tmpfs", "tmpfs", {}, {}, {}})
      .mount({"/a/plain", "", "rootfs/b", {"bind"}, {}, {}});
  s.spec.linux->readonly_paths = {"/a", "/b/file", "/a"};
  s.inside = [](const AskHost&) {
    return brief("/a") + " " + try_create("/a/x") + " sub:" + try_create("/a/sub/x") + " " + try_write("/b/file") +
           " other:" + try_create("/b/other");
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "ro,nosuid,noexec,noatime| EROFS sub: EROFS other:");
}

TEST_CASE("a read-only root leaves volumes writable", "[rootfs][masks]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("volume");
  Scenario s(world);
  s.mount({"/data", "", "volume", {"bind"}, {}, {}});
  SECTION("by root.readonly") { s.spec.root->readonly = true; }
  SECTION("by readonlyPaths") { s.spec.linux->readonly_paths = {"/"}; }
  s.inside = [](const AskHost&) { return try_create("/x") + " " + try_create("/data/x") + " " + look("/data"); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "EROFS  d 0755 0:0");
  CHECK(world.exists("volume/x"));
}

TEST_CASE("masks in a user namespace", "[rootfs][masks][userns]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("rootfs/a");
  Scenario s(world);
  s.user_namespace(world);
  s.mount({"/dev", "tmpfs", "tmpfs", {"mode=755"}, {}, {}});
  s.spec.linux->masked_paths = {"/a", "/etc/marker"};
  s.inside = [](const AskHost&) { return try_create("/a/x") + " '" + text_of_file("/etc/marker") + "'"; };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "EROFS ''");
}
