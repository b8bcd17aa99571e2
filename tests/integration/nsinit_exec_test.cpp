// SPDX-License-Identifier: Apache-2.0
// The same container from a second shell: state.json, joining, functions, and what a killed nsinit leaves to the next.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/nsinit.hpp"
#include "integration/support/terminal.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

/// Ends a started() container by its own wish.
void end(const World& world, pid_t pid, const Ran& files) {
  ::kill(pid, SIGTERM);
  CHECK(world.finish_call(pid, files, 10).code == 0);
}

std::string start_time(int pid) {
  const std::string stat = slurp("/proc/" + std::to_string(pid) + "/stat");
  std::string rest = stat.substr(stat.rfind(')') + 2);
  for (int field = 3; field < 22; ++field) rest.erase(0, rest.find(' ') + 1);
  return rest.substr(0, rest.find(' '));
}

}  // namespace

TEST_CASE("a second exec joins the container of the directory", "[nsinit][exec]") {
  World world;
  NsinitBox box(world);
  box.set("/user", "\"daemon\"");
  Ran files;
  const pid_t pid = box.started(files);
  const Json state(slurp(box.state_path()));
  const int init = static_cast<int>(state.num("/init_pid"));
  CHECK(alive(init));
  CHECK(state.str("/init_start_time") == start_time(init));
  CHECK(state.has("/network_state"));
  CHECK(contains(state.text("/cgroup_paths"), box.cgroup()));
  const Json report = box.report();
  CHECK(report.num("/pid") == 2);
  CHECK(report.num("/ids/uid/0") == 2);
  CHECK(report.text("/ids/groups") == "[4,10]");
  CHECK(contains(report.text("/env"), "HOME=/sbin"));
  for (const char* kind : {"ipc", "mnt", "net", "pid", "uts"}) {
    char target[64] = "";
    const auto path = "/proc/" + std::to_string(init) + "/ns/" + kind;
    REQUIRE(::readlink(path.c_str(), target, sizeof target - 1) > 0);
    CHECK(report.str(std::string("/namespaces/") + kind) == target);
  }
  CHECK(box.exec({"sh", "-c", "exit 7"}).code == 7);
  CHECK(box.exec({"sh", "-c", "kill -9 $$"}).code == 255);
  const Ran ps = box.exec({"ps"});
  CHECK(contains(ps.out, "/probe"));
  CHECK(contains(ps.out, " ps\n"));
  end(world, pid, files);
  box.nothing_left();
}

TEST_CASE("the exit code is the process' own, 255 for one that a signal ended", "[nsinit][exec]") {
  World world;
  NsinitBox box(world);
  CHECK(box.exec({"sh", "-c", "exit 42"}).code == 42);
  box.namespaces({"NEWNS", "NEWUTS", "NEWIPC", "NEWNET"}).write();
  CHECK(box.exec({"sh", "-c", "kill -9 $$"}).code == 255);
  box.nothing_left();
}

TEST_CASE("when the first process ends, those that joined end too", "[nsinit][exec]") {
  World world;
  NsinitBox box(world);
  SECTION("with a PID namespace") {}
  SECTION("without one") { box.namespaces({"NEWNS", "NEWUTS", "NEWIPC", "NEWNET"}); }
  Ran files, joined_files;
  const pid_t pid = box.started(files);
  const pid_t joined = box.started(joined_files);
  end(world, pid, files);
  CHECK(world.finish_call(joined, joined_files, 10).code == 255);
  box.nothing_left();
}

TEST_CASE("the functions of exec", "[nsinit][exec]") {
  World world;
  NsinitBox box(world);
  Ran files;
  const pid_t pid = box.started(files);
  CHECK(box.call({"exec", "--func", "mknod", "--", "/tmp/null", "c", "1", "3"}).code == 0);
  const Json report = box.report({"--stat", "/tmp/null"});
  CHECK(report.str("/stat/~1tmp~1null/rdev") == "1:3");
  CHECK(report.num("/stat/~1tmp~1null/mode") == 0666);
  CHECK_FALSE(exists(box.dir() + "/tmp/null"));
  const Ran again = box.call({"exec", "--func", "mknod", "/tmp/null", "c", "1", "3"});
  CHECK(again.code == 1);
  CHECK(contains(again.err, "mknod('/tmp/null'): File exists"));
  const Ran few = box.call({"exec", "--func", "mknod", "/tmp/null"});
  CHECK(few.code == 1);
  CHECK(contains(few.err, "expected mknod to have 4 arguments not 1"));
  const Ran ip = box.call({"exec", "--func", "ip"});
  CHECK(ip.code == 0);
  CHECK(ip.out.starts_with("NAME   MTU     MAC   FLAG          ADDRS\n"));
  CHECK(contains(ip.out, "lo     65536         up|loopback   127.0.0.1/8,::1/128\n"));
  end(world, pid, files);
  const Ran none = box.call({"exec", "--func", "ip"});
  CHECK(none.code == 1);
  CHECK(contains(none.err, "no container runs in"));
  box.nothing_left();
}

TEST_CASE("a stale state.json is recognised, said and replaced", "[nsinit][exec]") {
  World world;
  NsinitBox box(world);
  SECTION("its process is dead") {
    const pid_t dead = ::fork();
    if (dead == 0) ::_exit(0);
    ::waitpid(dead, nullptr, 0);
    spit(box.state_path(), R"({"init_pid":)" + std::to_string(dead) + R"(,"init_start_time":"1"})");
  }
  SECTION("its pid is somebody else's") { spit(box.state_path(), R"({"init_pid":1,"init_start_time":"999999999"})"); }
  SECTION("it names a process that is no container of this directory") {
    // Whoever writes to the directory, the container itself perhaps, must not choose what is joined.
    spit(box.state_path(), R"({"init_pid":1,"init_start_time":")" + start_time(1) + R"("})");
  }
  SECTION("it is no JSON") { spit(box.state_path(), "{"); }
  const Ran ran = box.exec({"sh", "-c", "echo $$"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "1\n");
  CHECK(contains(ran.err, "state.json' is stale"));
  box.nothing_left();
}

TEST_CASE("a killed nsinit takes its container along; the next clears what is left", "[nsinit][exec]") {
  World world;
  NsinitBox box(world);
  SECTION("as root") {}
  SECTION("as a user without privileges") { box.set("/user", "\"daemon\""); }
  Ran files;
  const pid_t pid = box.started(files);
  const int init = static_cast<int>(Json(slurp(box.state_path())).num("/init_pid"));
  ::kill(pid, SIGKILL);
  CHECK(world.finish_call(pid, files, 10).code == 137);
  CHECK(eventually([&] { return !alive(init); }));
  CHECK(exists(box.state_path()));
  const Ran ran = box.exec({"sh", "-c", "echo $$"});
  INFO(ran.err);
  CHECK(ran.out == "1\n");
  CHECK(contains(ran.err, "state.json' is stale: its process " + std::to_string(init) + " has ended"));
  box.nothing_left();
}

TEST_CASE("killed at any moment, nsinit leaves nothing that the next does not clear", "[nsinit][exec]") {
  World world;
  NsinitBox box(world);
  for (int moment = 0; moment < 40; ++moment) {
    Ran files;
    const pid_t pid = box.start({"/probe", "--quiet", "--print", "up", "--hold"}, files);
    // The moments are spread over a creation, which takes some milliseconds.
    ::usleep(static_cast<useconds_t>(moment * 250));
    ::kill(pid, SIGKILL);
    world.finish_call(pid, files, 10);
    // At once: what it started may be about to die, and must not be joined.
    const Ran ran = box.exec({"sh", "-c", "echo $$"});
    INFO("moment " << moment << ": " << ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out == "1\n");
    box.nothing_left();
  }
}

TEST_CASE("a container whose first process has just been killed is not joined, but made anew", "[nsinit][exec]") {
  World world;
  NsinitBox box(world);
  SECTION("as it is") {}
  SECTION("frozen") { box.set("/cgroups/freezer", "\"THAWED\""); }
  const bool frozen = box.config.has("/cgroups/freezer");
  for (int round = 0; round < 8; ++round) {
    Ran files;
    // Much to tear down, so that its end takes a while.
    const pid_t pid =
        box.started(files, {"/probe", "--quiet", "--allocate", "64", "--fork", "20", "--print", "up", "--hold"});
    const int init = static_cast<int>(Json(slurp(box.state_path())).num("/init_pid"));
    if (frozen) CHECK(box.call({"pause"}).code == 0);
    ::kill(init, SIGKILL);
    const Ran ran = box.exec({"sh", "-c", "echo $$"});
    INFO("round " << round << ": " << ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out == "1\n");
    CHECK(world.finish_call(pid, files, 10).code == 255);
    box.nothing_left();
  }
}

TEST_CASE("a frozen container whose nsinit was killed is cleared by the next", "[nsinit][exec]") {
  World world;
  const NsinitBox box(world);
  Ran files;
  const pid_t pid = box.started(files);
  CHECK(box.call({"pause"}).code == 0);
  ::kill(pid, SIGKILL);
  CHECK(world.finish_call(pid, files, 10).code == 137);
  // On cgroup v1 it has its SIGKILL, and cannot die of it.
  const Ran ran = box.exec({"sh", "-c", "echo $$"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "1\n");
  CHECK(contains(ran.err, "state.json' is stale"));
  box.nothing_left();
}

TEST_CASE("two at once: one starts the container, the other joins it", "[nsinit][exec]") {
  World world;
  NsinitBox box(world);
  box.write();
  for (int round = 0; round < 10; ++round) {
    Ran first_files, second_files;
    const std::vector<std::string> command{"sh", "-c", "echo $$; while [ ! -e /tmp/end ]; do sleep 0.01; done"};
    const pid_t first = box.start(command, first_files);
    const pid_t second = box.start(command, second_files);
    CHECK(eventually([&] { return !slurp(first_files.out_path).empty() && !slurp(second_files.out_path).empty(); }));
    const std::string pids = slurp(first_files.out_path) + slurp(second_files.out_path);
    INFO(pids << slurp(first_files.err_path) << slurp(second_files.err_path));
    CHECK(contains(pids, "1\n"));
    CHECK(pids != "1\n1\n");
    box.exec({"touch", "/tmp/end"});
    world.finish_call(first, first_files, 10);
    world.finish_call(second, second_files, 10);
    box.nothing_left();
  }
}

TEST_CASE("signals of nsinit are the container's", "[nsinit][exec]") {
  World world;
  NsinitBox box(world);
  Ran files;
  const pid_t pid = box.started(files, {"/probe", "--quiet", "--trap", "10", "--print", "up", "--hold"});
  ::kill(pid, SIGUSR1);
  CHECK(eventually([&] { return contains(slurp(files.out_path), "signal 10"); }));
  end(world, pid, files);
  box.nothing_left();
}

TEST_CASE("two shells on one container, in tmux", "[nsinit][exec][tmux]") {
  if (std::system("command -v tmux >/dev/null") != 0) CAISSON_SKIP("no tmux");
  World world;
  NsinitBox box(world);
  box.set("/tty", "true").write();
  const std::string socket = world.dir() + "/tmux";
  const auto tmux = [&](const std::string& words) {
    return std::system(("cd " + box.dir() + " && CAISSON_TEST=" + world.mark() + " tmux -S " + socket +
                        " -f /dev/null " + words + " >/dev/null 2>&1")
                           .c_str());
  };
  const std::string nsinit = Places::get().caisson + " --root " + world.root() + " nsinit exec sh";
  const auto screen = [&](const char* pane) {
    tmux(std::string("capture-pane -p -t ") + pane + " > /dev/null; tmux -S " + socket + " capture-pane -p -t " + pane +
         " > " + world.dir() + "/screen; true");
    return slurp(world.dir() + "/screen");
  };
  REQUIRE(tmux("new-session -d -s s -x 80 -y 24 -n one '" + nsinit + "'") == 0);
  REQUIRE(eventually([&] { return exists(box.state_path()); }));
  tmux("send-keys -t s:one 'echo one=$$; tty' Enter");
  CHECK(eventually([&] { return contains(screen("s:one"), "one=1") && contains(screen("s:one"), "/dev/"); }));
  REQUIRE(tmux("new-window -d -t s -n two '" + nsinit + "'") == 0);
  tmux("send-keys -t s:two 'ps; echo from-two > /tmp/word' Enter");
  CHECK(eventually([&] {
    const std::string two = screen("s:two");
    return contains(two, "1 root     sh") && contains(two, " ps");
  }));
  tmux("send-keys -t s:one 'cat /tmp/word' Enter");
  CHECK(eventually([&] { return contains(screen("s:one"), "from-two\n"); }));
  // The first shell's end is the second one's.
  tmux("send-keys -t s:one 'exit' Enter");
  CHECK(eventually([&] { return tmux("has-session -t s") != 0; }));
  tmux("kill-server");
  box.nothing_left();
}
