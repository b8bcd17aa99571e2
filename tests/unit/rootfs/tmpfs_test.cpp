// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include <catch2/catch.hpp>

#include "world.hpp"

using namespace caisson::test;
namespace config = caisson::config;

TEST_CASE("a tmpfs takes the mode of the directory it covers", "[rootfs][tmpfs]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("rootfs/a", 01750);
  world.directory("rootfs/b", 0700);
  Scenario s(world);
  s.mount({"/a", "tmpfs", "tmpfs", {}, {}, {}})
      .mount({"/b", "tmpfs", "tmpfs", {"mode=711"}, {}, {}})
      .mount({"/new", "tmpfs", "tmpfs", {}, {}, {}});
  s.inside = [](const AskHost&) { return look("/a") + ", " + look("/b") + ", " + look("/new"); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "d 01750 0:0, d 0711 0:0, d 01777 0:0");
}

TEST_CASE("a read-only tmpfs still gets mountpoints", "[rootfs][tmpfs]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("src");
  Scenario s(world);
  s.mount({"/run", "tmpfs", "tmpfs", {"ro"}, {}, {}}).mount({"/run/made/here", "", "src", {"bind"}, {}, {}});
  s.mount({"/dev", "tmpfs", "tmpfs", {"ro", "mode=755"}, {}, {}});
  s.inside = [](const AskHost&) {
    return look("/run/made/here") + " " + try_create("/run/x") + " " + try_create("/run/made/here/x") + " " +
           look("/dev/null") + " " + try_create("/dev/x");
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "d 0755 0:0 EROFS  c 1:3 0666 0:0 EROFS");
}

TEST_CASE("tmpcopyup", "[rootfs][tmpfs]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("rootfs/var", 0750);
  world.directory("rootfs/var/sub", 02711);
  world.file("rootfs/var/sub/file", std::string(300000, 'z'), 04755);
  world.file("rootfs/var/empty", "", 0);
  world.link("rootfs/var/link", "/etc/shadow");
  REQUIRE(::mkfifo(world.path("rootfs/var/fifo").c_str(), 0600) == 0);
  REQUIRE(::mknod(world.path("rootfs/var/device").c_str(), S_IFCHR | 0644, 0x0103) == 0);
  REQUIRE(::lchown(world.path("rootfs/var/empty").c_str(), 3, 4) == 0);
  REQUIRE(::lchown(world.path("rootfs/var/link").c_str(), 5, 6) == 0);
  const struct timespec times[2] = {{1000, 0}, {2000, 5}};
  REQUIRE(::utimensat(AT_FDCWD, world.path("rootfs/var/sub").c_str(), times, 0) == 0);

  Scenario s(world);
  s.mount({"/var", "tmpfs", "tmpfs", {"tmpcopyup", "nosuid"}, {}, {}})
      .mount({"/absent", "tmpfs", "tmpfs", {"tmpcopyup"}, {}, {}});
  s.inside = [](const AskHost&) {
    struct stat st {
    }, link{};
    ::stat("/var/sub", &st);
    ::lstat("/var/link", &link);
    std::string out;
    for (const char* path :
         {"/var", "/var/sub", "/var/sub/file", "/var/empty", "/var/link", "/var/fifo", "/var/device", "/absent"})
      out += look(path) + "\n";
    out += std::to_string(st.st_mtim.tv_sec) + "." + std::to_string(st.st_mtim.tv_nsec) + " " +
           std::to_string(link.st_uid) + " " + mount_at("/var").type + " " + try_create("/var/x");
    return out + (text_of_file("/var/sub/file") == std::string(300000, 'z') ? " same" : " different");
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text ==
        "d 0750 0:0\nd 02711 0:0\n- 04755 0:0 300000\n- 00 3:4 0\nl /etc/shadow\np 0600 0:0\nc 1:3 0644 0:0\n"
        "d 01777 0:0\n2000.5 5 tmpfs  same");
  CHECK_FALSE(world.exists("rootfs/var/x"));
}

TEST_CASE("tmpcopyup keeps file capabilities, the owner of the top directory and holes", "[rootfs][tmpfs]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("rootfs/var", 02750);
  REQUIRE(::chown(world.path("rootfs/var").c_str(), 7, 8) == 0);
  ::chmod(world.path("rootfs/var").c_str(), 02750);
  // VFS_CAP_REVISION_2 with CAP_NET_RAW permitted and effective: capabilities(7), "File capability extended attribute".
  const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};
  world.file("rootfs/var/ping", "program", 0755);
  world.directory("rootfs/var/sub");
  world.file("rootfs/var/sub/owned", "program", 04755);
  REQUIRE(::chown(world.path("rootfs/var/sub/owned").c_str(), 3, 4) == 0);
  ::chmod(world.path("rootfs/var/sub/owned").c_str(), 04755);
  for (const char* name : {"rootfs/var/ping", "rootfs/var/sub/owned"})
    REQUIRE(::setxattr(world.path(name).c_str(), "security.capability", capability, sizeof capability, 0) == 0);
  world.file("rootfs/var/sparse", "");
  const int sparse = ::open(world.path("rootfs/var/sparse").c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(::pwrite(sparse, "begin", 5, 0) == 5);
  REQUIRE(::pwrite(sparse, "middle", 6, 64 << 20) == 6);
  REQUIRE(::ftruncate(sparse, 256 << 20) == 0);
  ::close(sparse);

  Scenario s(world);
  std::string owner = "7:8";
  SECTION("of the image") { s.mount({"/var", "tmpfs", "tmpfs", {"tmpcopyup", "size=1m"}, {}, {}}); }
  SECTION("but for what the options name") {
    s.mount({"/var", "tmpfs", "tmpfs", {"tmpcopyup", "size=1m", "uid=9", "mode=2750"}, {}, {}});
    owner = "9:8";
  }
  s.inside = [&](const AskHost&) {
    std::string out = look("/var");
    for (const char* name : {"/var/ping", "/var/sub/owned"}) {
      unsigned char found[32] = {};
      const ssize_t size = ::getxattr(name, "security.capability", found, sizeof found);
      out += size == 20 && std::equal(found, found + 20, capability) ? " same" : " other";
    }
    struct stat st {};
    ::stat("/var/sparse", &st);
    std::string text(6, '.');
    const int fd = ::open("/var/sparse", O_RDONLY | O_CLOEXEC);
    (void)!::pread(fd, text.data(), text.size(), 64 << 20);
    ::close(fd);
    return out + " " + look("/var/sub/owned") + " " + text + " " + std::to_string(st.st_size >> 20) + "M" +
           (st.st_blocks < 1024 ? " sparse" : " full");
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "d 02750 " + owner + " same same - 04755 3:4 7 middle 256M sparse");
}

TEST_CASE("a tmpfs with ids of its own", "[rootfs][tmpfs][idmap]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("rootfs/a", 01750);
  Scenario s(world);
  s.inside = [](const AskHost&) {
    std::string out = look("/a") + try_create("/a/x");
    return out + " " + look("/a/x");
  };
  SECTION("of the container's user namespace") {
    s.user_namespace(world).mount({"/a", "tmpfs", "tmpfs", {"idmap"}, {}, {}});
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "d 01750 0:0 - 0644 0:0 0");
  }
  SECTION("of its own") {
    s.mount({"/a", "tmpfs", "tmpfs", {"idmap=uids=0-5-1#5-0-1;gids=0-6-1#6-0-1", "mode=711"}, {}, {}});
    const Outcome outcome = run(world, s);
    CHECK(outcome.error == "");
    CHECK(outcome.text == "d 0711 5:6 - 0644 0:0 0");
  }
}

TEST_CASE("tmpcopyup keeps hard links and sockets", "[rootfs][tmpfs]") {
  CAISSON_NEEDS_ROOT();
  World world;
  world.directory("rootfs/var");
  world.directory("rootfs/var/sub");
  world.file("rootfs/var/one", "text");
  world.file("rootfs/outer", "text");
  const auto link = [&](const char* from, const char* to) {
    REQUIRE(::link(world.path(from).c_str(), world.path(to).c_str()) == 0);
  };
  link("rootfs/var/one", "rootfs/var/sub/two");
  link("rootfs/var/one", "rootfs/var/sub/three");
  link("rootfs/outer", "rootfs/var/outer");  // its other name is not copied
  REQUIRE(::mknod(world.path("rootfs/var/socket").c_str(), S_IFSOCK | 0640, 0) == 0);
  REQUIRE(::chown(world.path("rootfs/var/socket").c_str(), 7, 8) == 0);

  Scenario s(world);
  s.mount({"/var", "tmpfs", "tmpfs", {"tmpcopyup"}, {}, {}});
  s.inside = [](const AskHost&) {
    struct stat one {
    }, two{}, three{}, outer{}, socket{};
    ::stat("/var/one", &one);
    ::stat("/var/sub/two", &two);
    ::stat("/var/sub/three", &three);
    ::stat("/var/outer", &outer);
    ::stat("/var/socket", &socket);
    return std::to_string(one.st_nlink) +
           (one.st_ino == two.st_ino && one.st_ino == three.st_ino ? " same " : " split ") +
           text_of_file("/var/sub/two") + " " + std::to_string(outer.st_nlink) +
           (S_ISSOCK(socket.st_mode) ? " socket " : " none ") + std::to_string(socket.st_mode & 07777) + " " +
           std::to_string(socket.st_uid) + ":" + std::to_string(socket.st_gid);
  };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "3 same text 1 socket 416 7:8");
}

TEST_CASE("tmpcopyup of a read-only tmpfs", "[rootfs][tmpfs]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.mount({"/etc", "tmpfs", "tmpfs", {"tmpcopyup", "ro"}, {}, {}});
  s.inside = [](const AskHost&) { return text_of_file("/etc/marker") + try_create("/etc/x"); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "insideEROFS");
}
