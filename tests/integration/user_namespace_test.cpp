// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/world.hpp"

using namespace caisson::testing;

namespace {

/// A container of its own user namespace, with 0 ... 65535 at 100000 of the host.
Bundle inside(World& world, uid_t uid) {
  Bundle bundle = world.bundle();
  const char* maps = R"([{"containerID":0,"hostID":100000,"size":65536}])";
  bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
  bundle.set("/process/user", R"({"uid":)" + std::to_string(uid) + R"(,"gid":)" + std::to_string(uid) + "}");
  REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
  return bundle;
}

/// What comes out of a pipe by now, or in time.
std::string first_line(int fd) {
  std::string text;
  for (pollfd ready{fd, POLLIN, 0}; text.find('\n') == std::string::npos && ::poll(&ready, 1, 10'000) == 1;) {
    char buffer[65536];
    const ssize_t size = ::read(fd, buffer, sizeof buffer);
    if (size <= 0) break;
    text.append(buffer, static_cast<std::size_t>(size));
  }
  return text.substr(0, text.find('\n'));
}

constexpr const char* kOpened[] = {"/write/~1dev~1stdout", "/write/~1dev~1stderr"};

uid_t owner(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_uid : static_cast<uid_t>(-1);
}

}  // namespace

TEST_CASE("a user namespace's process opens /dev/stdout and /dev/stderr anew, be they pipes or files",
          "[user][streams]") {
  World world;
  const auto uid = GENERATE(0U, 33U, 65535U);
  const bool pipes = GENERATE(true, false);
  INFO("uid " << uid << ", pipes " << pipes);
  Bundle bundle = inside(world, uid);
  bundle.probe({"--try-write", "/dev/stdout", "--try-write", "/dev/stderr"});
  int out[2] = {-1, -1};
  int err[2] = {-1, -1};
  How how;
  if (pipes) {
    REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(err, O_CLOEXEC) == 0);
    how.descriptors = {{1, out[1]}, {2, err[1]}};
  }
  const auto check = [&](const Ran& ran) {
    INFO("code " << ran.code << ": " << ran.err);
    CHECK(ran.code == 0);
    const Json report(pipes ? first_line(out[0]) : ran.out);
    for (const char* answer : kOpened) CHECK(report.str(answer) == "ok");
  };
  check(world.run(bundle, {}, how));
  if (!pipes) how.descriptors.clear();
  // A detached one, one that is created, and one that joins: each with streams of its own.
  bundle.probe({"--try-write", "/dev/stdout", "--try-write", "/dev/stderr", "--hold"});
  const Ran detached = world.run(bundle, {"--detach"}, how);
  CHECK(detached.code == 0);
  const auto printed = [&](const Ran& ran) {
    if (pipes) return first_line(out[0]);
    REQUIRE(eventually([&] { return contains(slurp(ran.out_path), "\n"); }));
    return slurp(ran.out_path);
  };
  const Json first(printed(detached));
  for (const char* answer : kOpened) CHECK(first.str(answer) == "ok");
  check(world.call({"exec", bundle.id, "/probe", "--try-write", "/dev/stdout", "--try-write", "/dev/stderr"}, how));
  CHECK(world.remove(bundle, true).code == 0);
  const Ran created = world.started(bundle, {}, how);
  const Json report(printed(created));
  for (const char* answer : kOpened) CHECK(report.str(answer) == "ok");
  CHECK(world.remove(bundle, true).code == 0);
  for (const int fd : {out[0], out[1], err[0], err[1]})
    if (fd >= 0) ::close(fd);
  world.nothing_left();
}

TEST_CASE("of the caller's streams, devices and files that are only read keep their owner",
          "[user][streams][security]") {
  World world;
  const bool user_namespace = GENERATE(true, false);
  Bundle bundle = inside(world, 33);
  if (!user_namespace) bundle.without_namespace("user").remove("/linux/uidMappings").remove("/linux/gidMappings");
  bundle.probe({"--quiet"});
  const std::string read = world.dir() + "/read", zero = world.dir() + "/zero", null = world.dir() + "/null";
  spit(read, "for the container to read");
  REQUIRE(::mknod(zero.c_str(), S_IFCHR | 0666, makedev(1, 5)) == 0);
  REQUIRE(::mknod(null.c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
  How how;
  how.descriptors = {{0, ::open(read.c_str(), O_RDONLY | O_CLOEXEC)},
                     {1, ::open(zero.c_str(), O_RDWR | O_CLOEXEC)},
                     {2, ::open(null.c_str(), O_RDWR | O_CLOEXEC)}};
  CHECK(world.run(bundle, {}, how).code == 0);
  for (const auto& [number, fd] : how.descriptors) ::close(fd);
  for (const auto& path : {read, zero, null}) CHECK(owner(path) == 0);
}

TEST_CASE("streams on a file system that refuses a new owner do not stop a container", "[user][streams]") {
  World world;
  Bundle bundle = inside(world, 33);
  bundle.probe({"--quiet"});
  How how;
  // procfs: EPERM.
  how.descriptors = {{1, ::open("/proc/self/comm", O_RDWR | O_CLOEXEC)}};
  const Ran ran = world.run(bundle, {}, how);
  INFO(ran.err);
  CHECK(ran.code == 0);
  ::close(how.descriptors[1]);
}

TEST_CASE("where id 0 is not mapped, the first mapped id sets the container up", "[user]") {
  World world;
  Bundle bundle = world.bundle();
  const char* maps = R"([{"containerID":1000,"hostID":101000,"size":10},{"containerID":5,"hostID":100005,"size":1}])";
  bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
  bundle.set("/process/user", R"({"uid":1002,"gid":1003})");
  REQUIRE(::chown(bundle.rootfs.c_str(), 101000, 101000) == 0);
  const Json report = world.report(bundle, {"--try-write", "/dev/null", "--try-create", "/dev/made"});
  CHECK(report.text("/ids/uid") == "[1002,1002,1002,1002]");
  CHECK(report.text("/ids/gid") == "[1003,1003,1003,1003]");
  CHECK(report.text("/ids/groups") == "[]");
  CHECK(report.str("/write/~1dev~1null") == "ok");
  CHECK(report.str("/capabilities/effective") == "0000000000000000");
  CHECK(report.str("/capabilities/ambient") == "0000000000000000");
  CHECK(report.str("/capabilities/inheritable") == "0000000000000000");
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK(world.exec_report(bundle).text("/ids/uid") == "[1002,1002,1002,1002]");
  CHECK(world.exec_report(bundle, {"--user", "5:5"}).text("/ids/uid") == "[5,5,5,5]");
  const Ran unmapped = world.call({"exec", "--user", "0:0", bundle.id, "/probe"});
  CHECK(unmapped.code == 255);
  CHECK(contains(unmapped.err, "cannot setuid to unmapped uid 0 in user namespace"));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a user namespace that maps nothing is refused by name", "[user][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.add_namespace("user");
  const Ran ran = world.run(bundle);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "no namespace path to join nor mappings to apply specified"));
  world.nothing_left();
}
