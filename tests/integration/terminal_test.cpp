// SPDX-License-Identifier: Apache-2.0
#include "integration/support/terminal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>

#include <catch2/catch.hpp>

#include "integration/support/world.hpp"

using namespace caisson::testing;

TEST_CASE("a shell on a terminal: echo, size, job control, its end", "[terminal]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.set("/process/terminal", "true").args({"/bin/sh", "-i"}).env("PS1", "ready> ");
  bundle.write();
  Terminal terminal(world, {"run", "--bundle", bundle.dir, bundle.id}, 30, 100);
  REQUIRE(terminal.appears("ready> "));

  terminal.type("tty; stty size\n");
  CHECK(terminal.appears("/dev/pts/0"));
  CHECK(terminal.appears("30 100"));
  REQUIRE(terminal.appears("ready> "));

  terminal.resize(44, 132);
  terminal.type("sleep 0.2; stty size\n");
  CHECK(terminal.appears("44 132"));
  REQUIRE(terminal.appears("ready> "));

  // Ctrl-C ends the command and not the shell: the shell is a session leader with a controlling terminal.
  // What speaks is in the foreground already.
  terminal.type("sh -c 'echo begun; exec sleep 1000'\n");
  REQUIRE(terminal.appears("begun\r\n"));
  terminal.type("\x03");
  REQUIRE(terminal.appears("ready> "));

  // Ctrl-Z stops it, jobs shows it, it goes on in the background.
  terminal.type("sh -c 'echo again; exec sleep 1000'\n");
  REQUIRE(terminal.appears("again\r\n"));
  terminal.type("\x1a");
  CHECK(terminal.appears("Stopped"));
  REQUIRE(terminal.appears("ready> "));  // what is typed before its prompt the shell may throw away
  terminal.type("bg; jobs\n");
  CHECK(terminal.appears("Running"));
  REQUIRE(terminal.appears("ready> "));
  terminal.type("kill %1; echo done-$((40 + 2))\n");
  CHECK(terminal.appears("done-42"));

  terminal.type("exit 7\n");
  CHECK(terminal.wait() == 7);
  world.nothing_left();
}

TEST_CASE("the size follows while a program runs", "[terminal]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/terminal", "true").probe({"--quiet", "--wait-winch"});
  bundle.write();
  Terminal terminal(world, {"run", "--bundle", bundle.dir, bundle.id});
  REQUIRE(terminal.appears("waiting"));
  terminal.resize(10, 20);
  CHECK(terminal.appears("10 20"));
  CHECK(terminal.wait() == 0);
}

TEST_CASE("the terminal belongs to the user and is the console", "[terminal]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/terminal", "true")
      .set("/process/user", R"({"uid":1000,"gid":1000})")
      .probe({"--try-open", "/dev/tty"});
  bundle.write();
  Terminal terminal(world, {"run", "--bundle", bundle.dir, bundle.id}, 25, 81);
  CHECK(terminal.wait() == 0);
  const Json report(terminal.seen().substr(0, terminal.seen().find('\n')));
  CHECK(report.num("/tty/uid") == 1000);
  CHECK(report.num("/tty/rows") == 25);
  CHECK(report.num("/tty/columns") == 81);
  CHECK(report.flag("/tty/foreground"));
  CHECK(report.str("/open/~1dev~1tty") == "ok");
  CHECK(contains(report.str("/fds/0"), "/dev/pts/"));
  CHECK(report.str("/devices/~1dev~1console/type") == "char");
  CHECK(report.num("/devices/~1dev~1console/uid") == 1000);
}

TEST_CASE("exec --tty beside the container's own terminal", "[terminal][exec]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  Terminal terminal(world, {"exec", "--tty", bundle.id, "/bin/sh", "-c", "tty; stty size; exit 5"}, 21, 77);
  CHECK(terminal.appears("/dev/pts/0"));
  CHECK(terminal.appears("21 77"));
  CHECK(terminal.wait() == 5);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("much output comes through whole", "[terminal]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.set("/process/terminal", "true");
  bundle.args(
      {"/bin/sh", "-c",
       "i=0; while [ $i -lt 5000 ]; do echo line-$i-of-many-lines-that-fill-the-buffer; i=$((i+1)); done; echo the-end"});
  bundle.write();
  Terminal terminal(world, {"run", "--bundle", bundle.dir, bundle.id});
  CHECK(terminal.appears("line-4999-of", 30));
  CHECK(terminal.appears("the-end"));
  CHECK(terminal.wait() == 0);
}

TEST_CASE("the caller's terminal is as before when run ends", "[terminal]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/terminal", "true").probe({"--quiet", "--print", "on", "--hold"});
  bundle.write();
  Terminal terminal(world, {"run", "--bundle", bundle.dir, bundle.id});
  REQUIRE(terminal.appears("on"));
  termios during{}, after{};
  REQUIRE(::tcgetattr(terminal.master(), &during) == 0);
  CHECK((during.c_lflag & ICANON) == 0);  // raw while it runs
  // Forwarded, but lost while the probe has no handler for it yet.
  int code = -1;
  CHECK(eventually([&] {
    ::kill(terminal.pid(), SIGTERM);
    return (code = terminal.wait(0.2)) != -1;
  }));
  CHECK(code == 0);
  REQUIRE(::tcgetattr(terminal.master(), &after) == 0);
  CHECK((after.c_lflag & ICANON) != 0);
  CHECK((after.c_lflag & ECHO) != 0);
  world.nothing_left();
}

TEST_CASE("run with a terminal, but none on the caller's side", "[terminal]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/terminal", "true").probe({"--quiet", "--print", "text"});
  const Ran ran = world.run(bundle);
  INFO(ran.code << ": " << ran.err);
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "text"));
  world.nothing_left();
}

TEST_CASE("input that has ended stays ended: run with a terminal never waits for more of it", "[terminal]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.set("/process/terminal", "true");
  How how;
  std::string script;
  SECTION("read once") { script = "cat"; }
  SECTION("read twice") { script = "cat; cat"; }
  SECTION("read late") { script = "sleep 1; cat"; }
  SECTION("a last line without a newline") {
    how.input = "hello";
    script = "cat; echo; cat";
  }
  SECTION("a shell that reads commands") { script = "sh -i"; }
  SECTION("a shell that reads commands from a file") {
    how.input = "echo first\necho hello\n";
    script = "sh -i";
  }
  SECTION("a program that changes the mode") { script = "stty -icanon; stty icanon; cat"; }
  SECTION("a program that reads keys") { script = "stty -icanon min 1; head -c 1 >/dev/null"; }
  bundle.args({"/bin/sh", "-c", script});
  for (int round = 0; round < 4; ++round) {
    const Ran ran = world.run(bundle, {}, how);
    INFO("round " << round << ": code " << ran.code << ", " << ran.err << ran.out);
    REQUIRE(ran.code >= 0);
    if (!how.input.empty()) CHECK(contains(ran.out, "hello"));
    CHECK_FALSE(contains(ran.out, "\r"));
  }
  world.nothing_left();
}

TEST_CASE("a program that throws its input away still reads the end of it", "[terminal]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/terminal", "true").probe({"--quiet", "--flush-input", "--cat", "--print", "done"});
  for (int round = 0; round < 4; ++round) {
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    CHECK(contains(ran.out, "done\n"));
  }
  world.nothing_left();
}

TEST_CASE("from a terminal into a file go newlines, without carriage returns", "[terminal]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.set("/process/terminal", "true").args({"/bin/sh", "-c", "echo one; echo two"}).write();
  const std::string out = world.dir() + "/redirected";
  // A shell on a terminal redirects its command's output.
  Terminal terminal(world, {"run", "--bundle", bundle.dir, bundle.id}, 24, 80, out);
  CHECK(terminal.wait() == 0);
  CHECK(slurp(out) == "one\ntwo\n");
  world.nothing_left();
}

TEST_CASE("more input than the terminal holds, to a program that echoes it", "[terminal]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.set("/process/terminal", "true").args({"/bin/sh", "-c", "stty -echo; cat; echo end"});
  std::string text;
  for (int i = 0; i < 40000; ++i) text += "line " + std::to_string(i) + "\n";
  How how;
  how.input = text;
  const Ran ran = world.run(bundle, {}, how);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(std::ranges::count(ran.out, '\n') >= 40001);
  CHECK(contains(ran.out, "line 39999\nend"));
  // With echo the terminal's two directions need each other.
  bundle.args({"/bin/cat"});
  const Ran echoed = world.run(bundle, {}, how);
  CHECK(echoed.code == 0);
  CHECK(contains(echoed.out, "line 39999\n"));
  world.nothing_left();
}

TEST_CASE("output that nobody takes does not hold up signals", "[terminal][kill]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.set("/process/terminal", "true");
  bundle.args({"/bin/sh", "-c", "trap 'kill $P; exit 5' TERM; yes & P=$!; touch /ready; wait"});
  bundle.write();
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  How how;
  how.descriptors = {{1, ends[1]}};
  Ran files;
  const pid_t running = world.start_call({"run", "--bundle", bundle.dir, bundle.id}, how, files);
  ::close(ends[1]);
  REQUIRE(eventually([&] { return exists(bundle.rootfs + "/ready"); }));
  // The pipe is full once nothing more comes into it.
  int held = -1, before = -2;
  REQUIRE(eventually([&] {
    before = held;
    ::ioctl(ends[0], FIONREAD, &held);
    return held > 0 && held == before;
  }));
  ::kill(running, SIGTERM);
  CHECK(eventually([&] { return world.status(bundle) != "running"; }));
  // What it wrote last has nobody to go to: a second signal is for caisson itself.
  ::kill(running, SIGTERM);
  CHECK(world.finish_call(running, files, 10).code == 5);
  ::close(ends[0]);
  world.nothing_left();
}
