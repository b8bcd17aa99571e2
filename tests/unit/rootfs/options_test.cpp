// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "world.hpp"

using namespace caisson::test;
namespace config = caisson::config;
namespace plan = caisson::plan;

namespace {

struct Row {
  std::vector<std::string> options;
  const char* expected;  ///< brief()
};

std::vector<std::string> with(std::vector<std::string> first, const std::vector<std::string>& more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("attributes of a new file system, as the kernel shows them", "[rootfs][options]") {
  CAISSON_NEEDS_ROOT();
  World world;
  const Row table[] = {
      {{}, "rw,relatime|"},
      {{"nosuid"}, "rw,nosuid,relatime|"},
      {{"nosuid", "suid"}, "rw,relatime|"},
      {{"nodev"}, "rw,nodev,relatime|"},
      {{"noexec"}, "rw,noexec,relatime|"},
      {{"noatime"}, "rw,noatime|"},
      {{"noatime", "atime"}, "rw,relatime|"},
      {{"strictatime"}, "rw|"},
      {{"relatime"}, "rw,relatime|"},
      {{"nodiratime"}, "rw,nodiratime,relatime|"},
      {{"nosymfollow"}, "rw,relatime,nosymfollow|"},
      {{"rnosuid", "nodev"}, "rw,nosuid,nodev,relatime|"},
      {{"nosuid", "rsuid"}, "rw,relatime|"},
      {{"ro"}, "ro,relatime|"},
      {{"rro"}, "ro,relatime|"},
      {{"shared"}, "rw,relatime|shared"},
      {{"slave"}, "rw,relatime|"},
      {{"unbindable"}, "rw,relatime|unbindable"},
      {{"rshared", "nosuid"}, "rw,nosuid,relatime|shared"},
      {{"shared", "private"}, "rw,relatime|"},
      {{"shared", "slave", "shared"}, "rw,relatime|shared"},
  };
  Scenario s(world);
  std::string expected;
  for (std::size_t i = 0; i < std::size(table); ++i) {
    s.mount({"/m/" + std::to_string(i), "tmpfs", "tmpfs", table[i].options, {}, {}});
    expected += std::to_string(i) + " " + table[i].expected + "\n";
  }
  s.inside = [&](const AskHost&) {
    std::string out;
    for (std::size_t i = 0; i < std::size(table); ++i)
      out += std::to_string(i) + " " + brief("/m/" + std::to_string(i)) + "\n";
    return out;
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == expected);
}

TEST_CASE("attributes of a bind mount: what is not named stays as the source has it", "[rootfs][options]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("plain");
  world.directory("strict");
  const Row table[] = {
      {{}, "rw,nosuid,nodev,noatime|"},
      {{"ro"}, "ro,nosuid,nodev,noatime|"},
      {{"suid"}, "rw,nodev,noatime|"},
      {{"dev", "noexec"}, "rw,nosuid,noexec,noatime|"},
      {{"relatime"}, "rw,nosuid,nodev,relatime|"},
      {{"strictatime"}, "rw,nosuid,nodev|"},
      {{"nodiratime"}, "rw,nosuid,nodev,noatime,nodiratime|"},
      {{"nosymfollow"}, "rw,nosuid,nodev,noatime,nosymfollow|"},
      {{"ro", "rw"}, "rw,nosuid,nodev,noatime|"},
      {{"private"}, "rw,nosuid,nodev,noatime|"},
      {{"shared"}, "rw,nosuid,nodev,noatime|shared"},
      {{"unbindable", "ro"}, "ro,nosuid,nodev,noatime|unbindable"},
  };
  Scenario s(world);
  s.host_setup = [&] {
    ::mount("tmpfs", world.path("strict").c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOATIME, nullptr);
  };
  std::string expected;
  for (std::size_t i = 0; i < std::size(table); ++i) {
    s.mount({"/m/" + std::to_string(i), "none", "strict", with({"bind"}, table[i].options), {}, {}});
    expected += std::to_string(i) + " " + table[i].expected + "\n";
  }
  s.inside = [&](const AskHost&) {
    std::string out;
    for (std::size_t i = 0; i < std::size(table); ++i)
      out += std::to_string(i) + " " + brief("/m/" + std::to_string(i)) + "\n";
    return out;
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == expected);
}

TEST_CASE("recursive and plain attributes of a tree", "[rootfs][options]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("tree");
  Scenario s(world);
  s.host_setup = [&] {
    ::mount("tmpfs", world.path("tree").c_str(), "tmpfs", MS_NODEV, nullptr);
    world.directory("tree/sub");
    ::mount("tmpfs", world.path("tree/sub").c_str(), "tmpfs", MS_NOSUID, nullptr);
  };
  s.mount({"/a", "", "tree", {"rbind", "ro"}, {}, {}})
      .mount({"/b", "", "tree", {"rbind", "rro"}, {}, {}})
      .mount({"/c", "", "tree", {"rbind", "rro", "rsuid", "noexec", "rnoatime"}, {}, {}})
      .mount({"/d", "", "tree", {"bind", "rro"}, {}, {}})
      .mount({"/e", "", "tree", {"rbind", "ro", "rrw", "rslave", "shared"}, {}, {}});
  s.inside = [](const AskHost&) {
    std::string out;
    for (const char* path : {"/a", "/a/sub", "/b", "/b/sub", "/c", "/c/sub", "/d", "/d/sub", "/e", "/e/sub"})
      out += path + (" " + brief(path)) + " " + try_create(path + std::string("/x")) + "\n";
    return out;
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text ==
        "/a ro,nodev,relatime| EROFS\n"
        "/a/sub rw,nosuid,relatime| \n"
        "/b ro,nodev,relatime| EROFS\n"
        "/b/sub ro,nosuid,relatime| EROFS\n"
        "/c ro,nodev,noexec,noatime| EROFS\n"
        "/c/sub ro,noatime| EROFS\n"
        "/d ro,nodev,relatime| EROFS\n"
        "/d/sub | EROFS\n"
        "/e rw,nodev,relatime|shared \n"
        "/e/sub rw,nosuid,relatime| \n");
}

TEST_CASE("options of the superblock", "[rootfs][options]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.mount({"/a", "tmpfs", "first", {"size=64k", "mode=711", "uid=3,gid=4"}, {}, {}})
      .mount({"/b", "tmpfs", "second", {"sync", "dirsync", "lazytime", "mode=755"}, {}, {}})
      .mount({"/c", "tmpfs", "third", {"sync", "async", "silent", "mode=700"}, {}, {}});
  s.inside = [](const AskHost&) {
    const auto a = mount_at("/a"), b = mount_at("/b"), c = mount_at("/c");
    std::string out = a.source + " " + look("/a") + (a.super_has("size=64k") ? " 64k" : "") + "\n";
    out += b.source + (b.super_has("sync") ? " sync" : "") + (b.super_has("dirsync") ? " dirsync" : "") +
           (b.super_has("lazytime") ? " lazytime" : "") + "\n";
    out += c.source + " " + look("/c") + (c.super_has("sync") ? " sync" : "") + "\n";
    return out;
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "first d 0711 3:4 64k\nsecond sync dirsync lazytime\nthird d 0700 0:0\n");
}

TEST_CASE("what the kernel has against an option reaches the user", "[rootfs][options]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.mount({"/a", "tmpfs", "tmpfs", {"size=banana"}, {}, {}});
  CHECK(
      run(world, s).error ==
      "error mounting 'tmpfs' to rootfs at '/a': tmpfs: Bad value for 'size': fsconfig(size=banana): Invalid argument "
      "[config: /mounts/1]");
  s.spec.mounts.back() = {"/a", "nosuchfs", "x", {}, {}, {}};
  CHECK(has(run(world, s).error, "error mounting 'x' to rootfs at '/a': fsopen('nosuchfs'): No such device"));
}

TEST_CASE("an option value longer than fsconfig takes", "[rootfs][options]") {
  CAISSON_NEEDS_ROOT();
  World world;
  const std::string deep = "lower/" + std::string(200, 'x');
  for (const char* name : {"lower", "upper", "work"}) world.directory(name);
  world.directory(deep);
  world.directory(deep + "/" + std::string(200, 'y'));
  world.file(deep + "/" + std::string(200, 'y') + "/below", "lower");
  Scenario s(world);
  s.host_setup = [&] {
    // Overlay does not take an overlay as its upper layer, which the test's own place may be.
    ::mount("tmpfs", world.path("upper").c_str(), "tmpfs", 0, nullptr);
    world.directory("upper/u");
    world.directory("upper/w");
  };
  s.mount({"/o",
           "overlay",
           "overlay",
           {"lowerdir=" + world.path(deep) + "/" + std::string(200, 'y'), "upperdir=" + world.path("upper/u"),
            "workdir=" + world.path("upper/w"), "nosuid", "private"},
           {},
           {}});
  s.inside = [](const AskHost&) {
    return text_of_file("/o/below") + " " + try_create("/o/x") + " " + mount_at("/o").type + " " + brief("/o");
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "lower  overlay rw,nosuid,relatime|");
}

TEST_CASE("sources and options that fsconfig(2) cannot take", "[rootfs][options]") {
  CAISSON_NEEDS_ROOT();
  const std::string zeros(300, '0');  // what follows is an octal number

  const std::string name(300, 's');
  World world;
  world.file("rootfs/etc/kept", "kept");
  Scenario s(world);
  if (GENERATE(false, true)) s.user_namespace(world);
  s.mount({"/source", "tmpfs", name, {"size=64k", "nosuid", "noatime", "mode=711"}, {}, {}})
      .mount({"/option", "tmpfs", "short", {"size=" + zeros + "200000", "strictatime", "rprivate"}, {}, {}})
      .mount({"/etc", "tmpfs", name, {"tmpcopyup", "ro"}, {}, {}})
      .mount({"/remounted", "tmpfs", "tmpfs", {"size=64k", "nosuid", "nodev", "noatime"}, {}, {}})
      .mount({"/remounted", "", "", {"remount", "size=" + zeros + "400000", "noexec", "ro"}, {}, {}});
  s.inside = [&](const AskHost&) {
    std::string out;
    for (const char* path : {"/source", "/option", "/etc", "/remounted"}) {
      const auto line = mount_at(path);
      out += std::string(path) + (line.source == name ? " long " : " ") + brief(path) +
             (line.super_has("size=64k") ? " 64k" : "") + (line.super_has("size=128k") ? " 128k" : "") +
             (line.super_has("ro") ? " super-ro" : "") + "\n";
    }
    // Nothing of the way there is left.
    std::size_t at_root = 0;
    for (const auto& line : all_mounts()) at_root += line.point == "/";
    return out + look("/source") + " " + text_of_file("/etc/kept") + " " + std::to_string(at_root);
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text ==
        "/source long rw,nosuid,noatime| 64k\n/option rw| 64k\n/etc long ro,relatime|\n"
        "/remounted ro,nosuid,nodev,noexec,noatime| 128k\nd 0711 0:0 kept 1");
}

TEST_CASE("commas in the paths of an overlay", "[rootfs][options]") {
  CAISSON_NEEDS_ROOT();
  World world;
  for (const char* name : {"lower,1", "upper,1"}) world.directory(name);
  world.file("lower,1/below", "lower");
  Scenario s(world);
  s.host_setup = [&] {
    // Overlay does not take an overlay as its upper layer, which the test's own place may be.
    ::mount("tmpfs", world.path("upper,1").c_str(), "tmpfs", 0, nullptr);
    world.directory("upper,1/u");
    world.directory("upper,1/w");
  };
  s.mount({"/o",
           "overlay",
           "overlay",
           {"lowerdir=" + world.path("lower\\,1"), "upperdir=" + world.path("upper\\,1/u"),
            "workdir=" + world.path("upper\\,1/w")},
           {},
           {}});
  s.inside = [](const AskHost&) { return text_of_file("/o/below") + " " + try_create("/o/x"); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "lower ");
}

TEST_CASE("a remount needs a mount", "[rootfs][options]") {
  CAISSON_NEEDS_ROOT();
  const std::vector<std::string> table[] = {{"remount"},       {"remount", "bind"},    {"remount", "defaults"},
                                            {"remount", "ro"}, {"remount", "size=1m"}, {"remount", "rprivate"}};
  for (const auto& options : table) {
    World world;
    Scenario s(world);
    s.mount({"/etc", "", "", options, {}, {}});
    const std::string error = run(world, s).error;
    INFO(error);
    CHECK(has(error, "error remounting '/etc': nothing is mounted at '/etc' [config: /mounts/1]"));
  }
}

TEST_CASE("remount", "[rootfs][options]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.mount({"/a", "tmpfs", "tmpfs", {"size=64k", "nosuid"}, {}, {}})
      .mount({"/a", "", "", {"remount", "size=128k", "ro", "noexec", "sync"}, {}, {}})
      .mount({"/proc", "proc", "proc", {"remount", "bind", "nosuid"}, {}, {}});
  s.inside = [](const AskHost&) {
    const auto line = mount_at("/a");
    return brief("/a") + (line.super_has("size=128k") ? " 128k" : "") + (line.super_has("sync") ? " sync " : " ") +
           brief("/proc");
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "ro,nosuid,noexec,relatime| 128k sync rw,nosuid,relatime|");

  s.mount({"/etc", "", "", {"remount", "ro"}, {}, {}});
  CHECK(has(run(world, s).error, "error remounting '/etc'"));
}

TEST_CASE("flags that a more privileged namespace has set are locked", "[rootfs][options][userns]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("strict");
  Scenario s(world);
  s.user_namespace(world);
  s.facts.privileged = false;  // the container's own process opens the source, as below a rootless runtime
  s.host_setup = [&] {
    ::mount("tmpfs", world.path("strict").c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY | MS_NOATIME, nullptr);
  };
  s.mount({"/m", "", "strict", {"rbind"}, {}, {}});
  s.inside = [](const AskHost&) { return brief("/m"); };

  SECTION("they stay when they are not named") {
    s.spec.mounts.back().options = {"rbind", "noexec"};
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "ro,nosuid,nodev,noexec,noatime|");
  }
  SECTION("and cannot be cleared by a remount") {
    s.mount({});
    for (const char* option : {"rw", "suid", "dev", "relatime"}) {
      INFO(option);
      s.spec.mounts.back() = {"/m", "", "", {"remount", "bind", option}, {}, {}};
      const std::string error = run(world, s).error;
      CHECK(has(error, "cannot clear locked flags"));
      CHECK(has(error, "[config: /mounts/2]"));
    }
  }
}
