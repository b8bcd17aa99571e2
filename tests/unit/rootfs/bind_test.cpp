// SPDX-License-Identifier: Apache-2.0
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

TEST_CASE("binds of files and directories make their mountpoints", "[rootfs][bind]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("dir");
  world.file("dir/f", "in dir");
  world.file("file", "alone");
  Scenario s(world);
  s.mount({"/new/deep/dir", "", "dir", {"bind"}, {}, {}})
      .mount({"/new/file", "bind", world.path("file"), {"rbind", "ro"}, {}, {}})
      .mount({"/etc/marker", "", "file", {"bind"}, {}, {}})
      .mount({"/var/../typed", "bind", "dir", {}, {}, {}});
  s.inside = [](const AskHost&) {
    return text_of_file("/new/deep/dir/f") + "," + text_of_file("/new/file") + "," + text_of_file("/etc/marker") + "," +
           text_of_file("/typed/f") + "," + try_write("/new/file") + "," + look("/new/deep");
  };
  ::umask(077);
  const Outcome outcome = run(world, s);
  ::umask(022);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "in dir,alone,alone,in dir,EROFS,d 0755 0:0");
  struct stat st {};
  REQUIRE(::stat(world.path("rootfs/new/file").c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0644);
  CHECK(world.read("rootfs/etc/marker") == "inside");
}

TEST_CASE("bind and rbind differ in what is mounted below the source", "[rootfs][bind]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("tree");
  world.directory("tree/sub");
  Scenario s(world);
  s.host_setup = [&] {
    ::mount("tmpfs", world.path("tree/sub").c_str(), "tmpfs", 0, nullptr);
    world.file("tree/sub/below", "mounted");
  };
  s.mount({"/one", "", "tree", {"bind"}, {}, {}}).mount({"/all", "", "tree", {"rbind"}, {}, {}});
  s.inside = [](const AskHost&) { return look("/one/sub/below") + "," + text_of_file("/all/sub/below"); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "none,mounted");
}

TEST_CASE("mounts below the rootfs come along", "[rootfs][bind]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.host_setup = [&] {
    ::mount("tmpfs", world.path("rootfs/tmp").c_str(), "tmpfs", MS_NOSUID, nullptr);
    world.file("rootfs/tmp/there", "yes");
  };
  s.inside = [](const AskHost&) { return text_of_file("/tmp/there") + brief("/tmp"); };
  CHECK(run(world, s).text == "yesrw,nosuid,relatime|");
}

TEST_CASE("what cannot be bound", "[rootfs][bind]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("dir");
  world.file("file", "x");
  Scenario s(world);
  SECTION("the source is missing") {
    s.mount({"/x", "", "absent", {"bind"}, {}, {}});
    const std::string error = run(world, s).error;
    CHECK(error == "error mounting '" + world.path("absent") +
                       "' to rootfs at '/x': bind mount source stat: open_tree('" + world.path("absent") +
                       "'): No such file or directory [config: /mounts/1]");
  }
  SECTION("a directory onto a file") {
    s.mount({"/etc/marker", "", "dir", {"bind"}, {}, {}});
    CHECK(has(run(world, s).error, "the source is a directory, the mountpoint is none: Not a directory"));
  }
  SECTION("a file onto a directory") {
    s.mount({"/etc", "", "file", {"bind"}, {}, {}});
    CHECK(has(run(world, s).error, "the source is no directory, the mountpoint is one: Not a directory"));
  }
  SECTION("a path through a file") {
    s.mount({"/etc/marker/x", "", "dir", {"bind"}, {}, {}});
    CHECK(has(run(world, s).error, "Not a directory"));
  }
  SECTION("a new file system onto a file") {
    s.mount({"/etc/marker", "tmpfs", "tmpfs", {}, {}, {}});
    CHECK(has(run(world, s).error, "Not a directory"));
  }
  SECTION("something else onto /proc") {
    s.mount({"/proc", "", "dir", {"bind"}, {}, {}});
    CHECK(has(run(world, s).error, "'/proc' cannot be mounted because it is not of type proc"));
  }
  SECTION("the mountpoint cannot be made on a read-only file system") {
    s.host_setup = [&] { ::mount("tmpfs", world.path("rootfs/tmp").c_str(), "tmpfs", MS_RDONLY, nullptr); };
    s.mount({"/tmp/x", "", "dir", {"bind"}, {}, {}});
    CHECK(has(run(world, s).error, "make the mountpoint: mkdir('/tmp/x'): Read-only file system"));
  }
}

TEST_CASE("procfs bound at /proc is procfs", "[rootfs][bind]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.spec.mounts = {{"/proc", "", "/proc", {"rbind"}, {}, {}}};
  s.inside = [](const AskHost&) { return look("/proc/uptime").substr(0, 6); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "- 0444");
}

TEST_CASE("symlinks as sources and as mountpoints", "[rootfs][bind]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.file("real", "real text");
  world.link("pointer", "real");
  world.file("rootfs/etc/target", "target text");
  world.link("rootfs/etc/to-target", "target");
  Scenario s(world);
  SECTION("followed") {
    s.mount({"/etc/to-target", "", "pointer", {"bind"}, {}, {}});
    s.inside = [](const AskHost&) { return text_of_file("/etc/target") + "," + look("/etc/to-target"); };
    CHECK(run(world, s).text == "real text,l target");
  }
  SECTION("copy-symlink") {
    s.mount({"/made/deep/link", "", "pointer", {"bind", "copy-symlink"}, {}, {}})
        .mount({"/made/deep/link", "", "pointer", {"bind", "copy-symlink"}, {}, {}})
        .mount({"/made/plain", "", "real", {"bind", "copy-symlink"}, {}, {}});
    s.inside = [](const AskHost&) { return look("/made/deep/link") + "," + text_of_file("/made/plain"); };
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "l real,real text");
  }
  SECTION("copy-symlink onto something else") {
    s.mount({"/etc/marker", "", "pointer", {"bind", "copy-symlink"}, {}, {}});
    CHECK(has(run(world, s).error, "symlink('/etc/marker'): File exists"));
  }
  SECTION("dest-nofollow and src-nofollow mount on and of the links themselves") {
    s.mount({"/etc/to-target", "", "pointer", {"bind", "src-nofollow", "dest-nofollow"}, {}, {}});
    s.inside = [](const AskHost&) { return look("/etc/to-target") + "," + text_of_file("/etc/target"); };
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "l real,target text");
  }
}

TEST_CASE("a bind keeps the flags of its source, and clears only what is not locked", "[rootfs][bind][locked]") {
  CAISSON_NEEDS_ROOT();
  // Who opens the tree: the runtime with the host's privileges, with and without a user namespace for the container; or
  // the container's own process, for which the kernel has locked the flags of every mount of the host.
  enum class Opener { runtime_alone, runtime, container };
  struct Row {
    const char* option;
    const char* privileged;    ///< the mount's options when the host's privileges open the tree
    const char* unprivileged;  ///< in the user namespace of a container without them
  };
  const Row table[] = {
      {"rw", "ro,nosuid,nodev,noexec,noatime|", "ro,nosuid,nodev,noexec,noatime|"},
      {"rrw", "ro,nosuid,nodev,noexec,noatime|", "ro,nosuid,nodev,noexec,noatime|"},
      {"suid", "ro,nodev,noexec,noatime|", "ro,nosuid,nodev,noexec,noatime|"},
      {"rsuid", "ro,nodev,noexec,noatime|", "ro,nosuid,nodev,noexec,noatime|"},
      {"dev", "ro,nosuid,noexec,noatime|", "ro,nosuid,nodev,noexec,noatime|"},
      {"exec", "ro,nosuid,nodev,noatime|", "ro,nosuid,nodev,noexec,noatime|"},
      {"relatime", "ro,nosuid,nodev,noexec,relatime|", "ro,nosuid,nodev,noexec,noatime|"},
      {"rstrictatime", "ro,nosuid,nodev,noexec|", "ro,nosuid,nodev,noexec,noatime|"},
      {"nodiratime", "ro,nosuid,nodev,noexec,noatime,nodiratime|", "ro,nosuid,nodev,noexec,noatime|"},
      {"nosymfollow", "ro,nosuid,nodev,noexec,noatime,nosymfollow|", "ro,nosuid,nodev,noexec,noatime,nosymfollow|"},
  };
  for (const auto& row : table)
    for (const auto opener : {Opener::runtime_alone, Opener::runtime, Opener::container}) {
      World world;
      world.directory("src");
      Scenario s(world);
      s.host_setup = [&] {
        ::mount("tmpfs", world.path("src").c_str(), "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME,
                nullptr);
      };
      if (opener != Opener::runtime_alone) s.user_namespace(world);
      s.facts.privileged = opener != Opener::container;
      s.mount({"/v", "", "src", {"rbind", "rprivate", row.option}, {}, {}});
      s.inside = [](const AskHost&) { return brief("/v") + try_create("/v/x"); };
      INFO(row.option << ", opened by " << static_cast<int>(opener));
      const Outcome outcome = run(world, s);
      CHECK(outcome.error == "");
      CHECK(outcome.text == std::string(opener == Opener::container ? row.unprivileged : row.privileged) + "EROFS");
    }
}

TEST_CASE("what may be added is added where another option is locked", "[rootfs][bind][locked]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("src");
  Scenario s(world);
  s.host_setup = [&] { ::mount("tmpfs", world.path("src").c_str(), "tmpfs", MS_NOSUID | MS_NOATIME, nullptr); };
  s.user_namespace(world);
  s.facts.privileged = false;
  s.mount({"/v", "", "src", {"rbind", "rprivate", "ro", "suid", "nodev", "rnoexec", "strictatime"}, {}, {}});
  s.inside = [](const AskHost&) { return brief("/v"); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "ro,nosuid,nodev,noexec,noatime|");
}

TEST_CASE("id-mapped binds", "[rootfs][bind][idmap]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("src");
  world.file("src/f", "x");
  REQUIRE(::chown(world.path("src/f").c_str(), 7, 8) == 0);
  Scenario s(world);
  s.host_setup = [&] {
    // Whatever the test runs on, tmpfs (6.3) may not be mapped by an older kernel: this stays on the test's own place.
    world.directory("src/sub");
  };
  s.inside = [](const AskHost&) {
    struct stat st {};
    ::stat("/m/f", &st);
    return std::to_string(st.st_uid) + ":" + std::to_string(st.st_gid) + " " + brief("/m").substr(0, 2);
  };
  SECTION("with a mapping of its own") {
    s.mount({"/m", "", "src", {"bind", "idmap", "ro"}, {{0, 1000, 10}}, {{0, 2000, 10}}});
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "1007:2008 ro");
  }
  SECTION("a mapping alone means idmap") {
    s.mount({"/m", "", "src", {"rbind"}, {{7, 3, 1}}, {{8, 4, 1}}});
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "3:4 rw");
  }
  SECTION("the container's own mapping") {
    s.user_namespace(world);
    s.mount({"/m", "", "src", {"rbind", "ridmap"}, {}, {}});
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "7:8 rw");
  }
  SECTION("a mapping in the option, relative to the container") {
    s.user_namespace(world);
    s.spec.linux->uid_mappings = s.spec.linux->gid_mappings = {{0, 100000, 65536}};
    s.mount({"/m", "", "src", {"rbind", "idmap=uids=@7-0-1;gids=8-100005-1"}, {}, {}});
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "0:5 rw");
  }
  SECTION("many with few mappings") {
    for (int i = 0; i < 30; ++i) s.mount({"/n" + std::to_string(i), "", "src", {"bind"}, {{7, 3, 1}}, {{8, 4, 1}}});
    s.mount({"/m", "", "src", {"bind"}, {{7, 9, 1}}, {{8, 9, 1}}});
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "9:9 rw");
  }
}
