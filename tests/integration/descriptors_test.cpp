// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/terminal.hpp"
#include "integration/support/world.hpp"

using namespace caisson::testing;

using Strings = std::vector<std::string>;

TEST_CASE("--preserve-fds hands over exactly so many descriptors", "[descriptors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({});
  const int file = ::open(world.dir().c_str(), O_RDONLY | O_CLOEXEC);
  How how;
  how.descriptors = {{3, file}, {4, file}, {5, file}, {9, file}};
  SECTION("none unless asked") {
    const Ran ran = world.run(bundle, {}, how);
    REQUIRE(ran.code == 0);
    CHECK(Json(ran.out).keys("/fds") == Strings{"0", "1", "2"});
  }
  SECTION("two") {
    const Ran ran = world.run(bundle, {"--preserve-fds", "2"}, how);
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    CHECK(Json(ran.out).keys("/fds") == Strings{"0", "1", "2", "3", "4"});
    CHECK(Json(ran.out).str("/fds/3") == world.dir());
  }
  SECTION("more than there are") {
    const Ran ran = world.run(bundle, {"--preserve-fds", "5"}, how);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "unable to stat preserved-fd"));
  }
  SECTION("not the runtime's own in the place of those that are missing") {
    how.descriptors = {{5, file}};
    Ran ran = world.run(bundle, {"--preserve-fds", "3"}, how);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "unable to stat preserved-fd 0 (of 3): Bad file descriptor"));
    how.descriptors = {};
    how.env = {"LISTEN_FDS=1"};
    ran = world.run(bundle, {}, how);
    CHECK(ran.code == 1);
    bundle.probe({"--quiet", "--hold"});
    world.started(bundle);
    how.env = {};
    ran = world.call({"exec", "--preserve-fds", "1", bundle.id, "/probe"}, how);
    CHECK(ran.code == 255);
    CHECK(contains(ran.err, "unable to stat preserved-fd 0 (of 1): Bad file descriptor"));
    CHECK(world.remove(bundle, true).code == 0);
  }
  SECTION("in exec") {
    bundle.probe({"--quiet", "--hold"});
    world.started(bundle);
    const Ran ran = world.call({"exec", "--preserve-fds", "1", bundle.id, "/probe"}, how);
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(Json(ran.out).keys("/fds") == Strings{"0", "1", "2", "3"});
    CHECK(world.remove(bundle, true).code == 0);
  }
  ::close(file);
  world.nothing_left();
}

TEST_CASE("LISTEN_FDS passes on, with the container's own pid", "[descriptors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({});
  bundle.set("/process/env", R"(["LISTEN_PID=77","PATH=/bin","LISTEN_FDS=9"])");
  const int file = ::open(world.dir().c_str(), O_RDONLY | O_CLOEXEC);
  How how;
  how.descriptors = {{3, file}, {4, file}};
  how.env = {"LISTEN_FDS=1", "LISTEN_PID=self"};
  const Ran ran = world.run(bundle, {"--preserve-fds", "1"}, how);
  ::close(file);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const Json report(ran.out);
  CHECK(report.keys("/fds") == Strings{"0", "1", "2", "3", "4"});
  CHECK(report.text("/env") == R"(["PATH=/bin","HOME=/","LISTEN_FDS=1","LISTEN_PID=1"])");
}

TEST_CASE("LISTEN_PID is the process' own pid, in exec and without a PID namespace too", "[descriptors][exec]") {
  World world;
  Bundle bundle = world.bundle();
  const int file = ::open(world.dir().c_str(), O_RDONLY | O_CLOEXEC);
  How how;
  how.descriptors = {{3, file}};
  how.env = {"LISTEN_FDS=1", "LISTEN_PID=self"};
  const auto listen_pid = [](const Ran& ran) {
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    const Json report(ran.out);
    CHECK(contains(report.text("/env"), "LISTEN_PID=" + std::to_string(report.num("/pid")) + "\""));
    return report.num("/pid");
  };
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK(listen_pid(world.call({"exec", bundle.id, "/probe"}, how)) != 1);
  CHECK(world.remove(bundle, true).code == 0);
  Bundle shared = world.bundle("shared");
  shared.without_namespace("pid").probe({});
  CHECK(listen_pid(world.run(shared, {}, how)) != 1);
  ::close(file);
  world.nothing_left();
}

TEST_CASE("LISTEN_FDS that announces what is not there", "[descriptors][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({});
  const int file = ::open(world.dir().c_str(), O_RDONLY | O_CLOEXEC);
  How how;
  how.descriptors = {{3, file}, {4, file}};
  how.env = {"LISTEN_FDS=5", "LISTEN_PID=self"};
  Ran ran = world.run(bundle, {}, how);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "unable to stat preserved-fd 2 (of the 5 that LISTEN_FDS announces)"));
  // Another process' descriptors are nothing to us.
  how.env = {"LISTEN_FDS=5", "LISTEN_PID=1"};
  CHECK(world.run(bundle, {}, how).code == 0);
  for (const char* number : {"x", "-1", "5000"}) {
    how.env = {std::string("LISTEN_FDS=") + number, "LISTEN_PID=self"};
    ran = world.run(bundle, {}, how);
    CHECK(ran.code == 0);
    CHECK(contains(ran.err, "is no number of descriptors and is ignored"));
    CHECK_FALSE(contains(ran.out, "LISTEN_FDS"));
  }
  ::close(file);
  world.nothing_left();
}

TEST_CASE("closed stdin, stdout and stderr", "[descriptors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--report-to", "/report"});
  How how;
  how.closed_stdio = true;
  CHECK(world.run(bundle, {}, how).code == 0);
  for (const auto& name : Json(slurp(bundle.rootfs + "/report")).keys("/fds")) CHECK(std::stoi(name) < 3);
  world.nothing_left();
}

TEST_CASE("--console-socket receives the terminal", "[descriptors][terminal][compat]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/terminal", "true").set("/process/consoleSize", R"({"height":33,"width":111})");
  bundle.probe({"--echo-line", "--hold"});
  const Listener listener(world.dir() + "/console");
  bundle.write();
  Ran files;
  const pid_t creating = world.start_call(
      {"create", "--bundle", bundle.dir, "--console-socket", world.dir() + "/console", bundle.id}, {}, files);
  const Delivery delivery = listener.receive();
  const Ran created = world.finish_call(creating, files, 10);
  INFO(created.err);
  REQUIRE(created.code == 0);
  CHECK(delivery.descriptors == 1);
  CHECK_FALSE(delivery.text.empty());
  Terminal terminal(delivery.fd);
  REQUIRE(world.call({"start", bundle.id}).code == 0);
  REQUIRE(terminal.appears("\n"));
  const Json report(terminal.seen().substr(0, terminal.seen().find('\n')));
  CHECK(report.num("/tty/rows") == 33);
  CHECK(report.num("/tty/columns") == 111);
  CHECK(report.flag("/tty/controlling"));
  CHECK(report.str("/devices/~1dev~1console/type") == "char");
  terminal.type("hello\n");
  CHECK(terminal.appears("hello"));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("exec with --console-socket has a terminal of its own", "[descriptors][terminal][exec][compat]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  const Listener listener(world.dir() + "/console");
  Ran files;
  const pid_t call = world.start_call({"exec", "--tty", "--detach", "--console-socket", world.dir() + "/console",
                                       "--pid-file", world.dir() + "/pid", bundle.id, "/probe", "--echo-line"},
                                      {}, files);
  const Delivery delivery = listener.receive();
  const Ran ran = world.finish_call(call, files, 10);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(delivery.descriptors == 1);
  Terminal terminal(delivery.fd);
  REQUIRE(terminal.appears("\n"));
  CHECK(Json(terminal.seen().substr(0, terminal.seen().find('\n'))).flag("/tty/controlling"));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("--pidfd-socket receives the process", "[descriptors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  bundle.write();
  const Listener listener(world.dir() + "/pidfd");
  const auto pid_behind = [](int fd) {
    const std::string info = slurp("/proc/self/fdinfo/" + std::to_string(fd));
    const auto at = info.find("\nPid:");
    return at == std::string::npos ? 0 : std::atoi(info.c_str() + at + 5);
  };
  Ran files;
  pid_t call = world.start_call({"create", "--bundle", bundle.dir, "--pidfd-socket", world.dir() + "/pidfd", bundle.id},
                                {}, files);
  Delivery delivery = listener.receive();
  Ran ran = world.finish_call(call, files, 10);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(delivery.descriptors == 1);
  CHECK(delivery.text == "standard");
  CHECK(pid_behind(delivery.fd) == world.pid(bundle));
  ::close(delivery.fd);

  call = world.start_call({"exec", "--detach", "--pidfd-socket", world.dir() + "/pidfd", "--pid-file",
                           world.dir() + "/pid", bundle.id, "/probe", "--quiet", "--hold"},
                          {}, files);
  delivery = listener.receive();
  ran = world.finish_call(call, files, 10);
  CHECK(ran.code == 0);
  CHECK(delivery.text == "setns");
  CHECK(std::to_string(pid_behind(delivery.fd)) == slurp(world.dir() + "/pid"));
  ::close(delivery.fd);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("what terminals and sockets are asked for wrongly", "[descriptors][terminal][errors]") {
  World world;
  Bundle bundle = world.bundle();
  std::string what;
  Strings flags;
  SECTION("a terminal for create without a socket") {
    bundle.set("/process/terminal", "true");
    what = "cannot allocate tty if";
  }
  SECTION("a socket without a terminal") {
    flags = {"--console-socket", "/x"};
    what = "cannot use console socket if";
  }
  SECTION("a socket that is not there") {
    bundle.set("/process/terminal", "true");
    flags = {"--console-socket", world.dir() + "/none"};
    what = "none";
  }
  const Ran ran = world.create(bundle, flags);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, what));
  world.nothing_left();
}
