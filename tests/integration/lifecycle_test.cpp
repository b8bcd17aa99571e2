// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "integration/support/world.hpp"

using namespace caisson::testing;

TEST_CASE("run gives the exit code of the process and leaves nothing", "[lifecycle]") {
  World world;
  Bundle bundle = world.bundle();
  for (const int code : {0, 1, 42, 255}) {
    bundle.probe({"--quiet", "--print", "hello", "--exit", std::to_string(code)});
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    CHECK(ran.code == code);
    CHECK(ran.out == "hello\n");
    CHECK(ran.err.empty());
    world.nothing_left();
  }
}

TEST_CASE("a process killed by a signal gives 128 + the signal", "[lifecycle]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--exec", "/probe", "--quiet", "--kill", "9"});
  // As PID 1 a process cannot kill itself by SIGKILL: without a PID namespace of its own it can.
  bundle.without_namespace("pid");
  CHECK(world.run(bundle).code == 128 + SIGKILL);
  world.nothing_left();
}

TEST_CASE("stdin, stdout and stderr are the caller's", "[lifecycle]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--cat", "--error", "complaint"});
  How how;
  how.input = std::string(200000, 'x') + "\nend\n";
  const Ran ran = world.run(bundle, {}, how);
  CHECK(ran.code == 0);
  CHECK(ran.out == how.input);
  CHECK(ran.err == "complaint\n");
}

TEST_CASE("create, start, kill, delete: each state in its turn", "[lifecycle]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--print", "running", "--hold"});
  const Ran created = world.create(bundle);
  INFO(created.err);
  REQUIRE(created.code == 0);
  CHECK(created.out.empty());
  CHECK(world.status(bundle) == "created");
  CHECK(slurp(created.out_path).empty());  // nothing of the user's has run yet
  const int pid = world.pid(bundle);
  CHECK(alive(pid));

  const Ran started = world.call({"start", bundle.id});
  INFO(started.err);
  CHECK(started.code == 0);
  CHECK(eventually([&] { return slurp(created.out_path) == "running\n"; }));
  CHECK(world.status(bundle) == "running");
  CHECK(world.pid(bundle) == pid);

  CHECK(world.kill(bundle, "TERM").code == 0);
  CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
  CHECK(world.pid(bundle) == 0);
  CHECK_FALSE(alive(pid));
  CHECK(world.remove(bundle).code == 0);
  CHECK(world.status(bundle).empty());
  world.nothing_left();
}

TEST_CASE("start is refused in any state but created", "[lifecycle]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  Ran ran = world.call({"start", bundle.id});
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "cannot start an already running container"));
  CHECK(world.kill(bundle, "KILL").code == 0);
  CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
  ran = world.call({"start", bundle.id});
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "cannot start a container that has stopped"));
  CHECK(world.remove(bundle).code == 0);
  ran = world.call({"start", bundle.id});
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "container does not exist"));
  world.nothing_left();
}

TEST_CASE("an id can be used once", "[lifecycle]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  const int pid = world.pid(bundle);
  for (const char* command : {"create", "run"}) {
    const Ran ran = world.call({command, "--bundle", bundle.dir, bundle.id});
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "container with given ID already exists"));
  }
  CHECK(world.status(bundle) == "running");  // the first one did not notice
  CHECK(world.pid(bundle) == pid);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("delete takes a created container, refuses a running one, and takes all with --force",
          "[lifecycle][delete]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  SECTION("created") {
    REQUIRE(world.create(bundle).code == 0);
    const int pid = world.pid(bundle);
    CHECK(world.remove(bundle).code == 0);
    CHECK_FALSE(alive(pid));
  }
  SECTION("running") {
    world.started(bundle);
    const Ran ran = world.remove(bundle);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "that is not stopped: running"));
    CHECK(world.status(bundle) == "running");
    CHECK(world.remove(bundle, true).code == 0);
  }
  SECTION("paused, by force") {
    world.started(bundle);
    REQUIRE(world.call({"pause", bundle.id}).code == 0);
    CHECK(world.remove(bundle, true).code == 0);
  }
  SECTION("a missing one is an error, and none with --force") {
    const Ran ran = world.remove(bundle);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "container does not exist"));
    CHECK(world.remove(bundle, true).code == 0);
  }
  world.nothing_left();
}

TEST_CASE("pause stops every process and resume lets them go on", "[lifecycle][pause]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--trap", "10", "--hold"});
  const Ran files = world.started(bundle);
  REQUIRE(world.call({"pause", bundle.id}).code == 0);
  CHECK(world.status(bundle) == "paused");
  CHECK(world.kill(bundle, "USR1").code == 0);
  CHECK_FALSE(eventually([&] { return contains(slurp(files.out_path), "signal 10"); }, 0.3));

  Ran ran = world.call({"pause", bundle.id});
  CHECK(ran.code == 1);
  ran = world.call({"exec", bundle.id, "/probe", "--quiet"});
  CHECK(ran.code == 255);
  CHECK(contains(ran.err, "cannot exec in a paused container"));
  ran = world.call({"exec", "--ignore-paused", "--detach", bundle.id, "/probe", "--quiet"});
  CHECK(ran.code == 255);
  CHECK(contains(ran.err, "cannot detach from a process in a paused container"));

  REQUIRE(world.call({"resume", bundle.id}).code == 0);
  CHECK(world.status(bundle) == "running");
  CHECK(eventually([&] { return contains(slurp(files.out_path), "signal 10"); }));
  ran = world.call({"resume", bundle.id});
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "container not paused"));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a created container can be paused and is created again after it", "[lifecycle][pause]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  REQUIRE(world.create(bundle).code == 0);
  CHECK(world.call({"pause", bundle.id}).code == 0);
  CHECK(world.status(bundle) == "paused");
  CHECK(world.call({"resume", bundle.id}).code == 0);
  CHECK(world.status(bundle) == "created");
  CHECK(world.remove(bundle).code == 0);
  world.nothing_left();
}

TEST_CASE("exec --ignore-paused waits in the frozen cgroup until resume", "[lifecycle][pause][exec]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  REQUIRE(world.call({"pause", bundle.id}).code == 0);
  Ran files;
  const pid_t call =
      world.start_call({"exec", "--ignore-paused", bundle.id, "/probe", "--quiet", "--print", "in"}, {}, files);
  CHECK_FALSE(eventually([&] { return contains(slurp(files.out_path), "in"); }, 0.3));
  CHECK(world.call({"resume", bundle.id}).code == 0);
  const Ran ran = world.finish_call(call, files, 10);
  CHECK(ran.code == 0);
  CHECK(ran.out == "in\n");
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("run --keep leaves a stopped container behind", "[lifecycle]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--exit", "7"});
  CHECK(world.run(bundle, {"--keep"}).code == 7);
  CHECK(world.status(bundle) == "stopped");
  CHECK(world.remove(bundle).code == 0);
  world.nothing_left();
}

TEST_CASE("run --detach returns at once and the container lives on", "[lifecycle]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--print", "up", "--hold"});
  const Ran ran = world.run(bundle, {"--detach", "--pid-file", world.dir() + "/pid"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(eventually([&] { return slurp(ran.out_path) == "up\n"; }));
  CHECK(world.status(bundle) == "running");
  CHECK(slurp(world.dir() + "/pid") == std::to_string(world.pid(bundle)));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("the pid file holds digits alone", "[lifecycle][compat]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  const std::string file = world.dir() + "/pid";
  REQUIRE(world.create(bundle, {"--pid-file", file}).code == 0);
  CHECK(slurp(file) == std::to_string(world.pid(bundle)));
  const Ran ran = world.call({"exec", "--detach", "--pid-file", file + "2", bundle.id, "/probe", "--quiet", "--hold"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  const std::string text = slurp(file + "2");
  CHECK(text.find_first_not_of("0123456789") == std::string::npos);
  CHECK(alive(std::atoi(text.c_str())));
  CHECK(world.remove(bundle, true).code == 0);
  CHECK(eventually([&] { return !alive(std::atoi(text.c_str())); }));
  world.nothing_left();
}

TEST_CASE("no pid file is left by a create that fails", "[lifecycle][compat]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.args({"/does/not/exist"});
  CHECK(world.create(bundle, {"--pid-file", world.dir() + "/pid"}).code == 1);
  CHECK_FALSE(exists(world.dir() + "/pid"));
  world.nothing_left();
}

TEST_CASE("a pid file that cannot be made is refused before anything runs", "[lifecycle][errors]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string sign = bundle.rootfs + "/sign";
  bundle.args({"/probe", "--quiet", "--try-create", "/sign"}).set("/root/readonly", "false");
  for (const auto& file : {world.dir() + "/nowhere/pid", world.dir()}) {
    INFO(file);
    const Ran ran = world.run(bundle, {"--pid-file", file});
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "pid file"));
    CHECK_FALSE(exists(sign));
  }
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  const Ran ran = world.call(
      {"exec", "--pid-file", world.dir() + "/nowhere/pid", bundle.id, "/probe", "--quiet", "--try-create", "/sign"});
  CHECK(ran.code == 255);
  CHECK_FALSE(exists(sign));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a container without a PID namespace takes its processes along when it is killed or deleted",
          "[lifecycle][kill]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.without_namespace("pid").probe({"--quiet", "--fork", "3", "--orphan", "1000", "--print", "ready", "--hold"});
  const Ran files = world.started(bundle);
  REQUIRE(eventually([&] { return contains(slurp(files.out_path), "ready"); }));
  CHECK(Json(world.call({"ps", "--format", "json", bundle.id}).out).size("") == 5);
  SECTION("by kill") {
    CHECK(world.kill(bundle, "KILL").code == 0);
    CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
    CHECK(world.remove(bundle).code == 0);
  }
  SECTION("by delete --force") { CHECK(world.remove(bundle, true).code == 0); }
  SECTION("init ends by itself, the others stay: delete ends them") {
    CHECK(world.kill(bundle, "TERM").code == 0);
    CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
    CHECK(world.remove(bundle).code == 0);
  }
  world.nothing_left();
}

TEST_CASE("kill takes names and numbers, and says what it does not know", "[lifecycle][kill]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--trap", "10", "--trap", "12", "--print", "ready", "--hold"});
  const Ran files = world.started(bundle);
  REQUIRE(eventually([&] { return contains(slurp(files.out_path), "ready"); }));
  for (const char* name : {"SIGUSR1", "usr2", "10", "UsR2"}) CHECK(world.kill(bundle, name).code == 0);
  CHECK(eventually(
      [&] { return contains(slurp(files.out_path), "signal 10") && contains(slurp(files.out_path), "signal 12"); }));
  for (const char* name : {"NOPE", "SIG", "0x9", "99999"}) {
    const Ran ran = world.kill(bundle, name);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "unknown signal"));
  }
  CHECK(world.call({"kill", bundle.id}).code == 0);  // SIGTERM
  CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
  const Ran ran = world.kill(bundle, "TERM");
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "container not running"));
  CHECK(world.call({"kill", "--all", bundle.id, "TERM"}).code == 0);
  CHECK(world.remove(bundle).code == 0);
  world.nothing_left();
}

TEST_CASE("a container that has been killed can be deleted at once", "[lifecycle][kill]") {
  World world;
  for (int round = 0; round < 20; ++round) {
    Bundle bundle = world.bundle();
    bundle.probe({"--quiet", "--hold"});
    world.started(bundle);
    // Some more to clear away than the probe alone has.
    for (int i = 0; i < 3; ++i)
      REQUIRE(world.call({"exec", "--detach", bundle.id, "/probe", "--quiet", "--hold"}).code == 0);
    REQUIRE(world.call({"kill", bundle.id, "KILL"}).code == 0);
    const Ran ran = world.remove(bundle);
    INFO(round << ": " << ran.err);
    REQUIRE(ran.code == 0);
  }
  world.nothing_left();
}

TEST_CASE("a created container can be killed", "[lifecycle][kill]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  REQUIRE(world.create(bundle).code == 0);
  CHECK(world.kill(bundle, "KILL").code == 0);
  CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
  CHECK(world.remove(bundle).code == 0);
  world.nothing_left();
}

TEST_CASE("start says so when the process never came to its program", "[lifecycle][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/hooks/startContainer", R"([{"path":"/probe","args":["hook","--quiet","--hold"]}])");
  bundle.probe({"--quiet"}).write();
  REQUIRE(world.create(bundle).code == 0);
  const int pid = world.pid(bundle);
  Ran files;
  const pid_t starting = world.start_call({"start", bundle.id}, {}, files);
  REQUIRE(eventually([&] {
    return names_in("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid)).size() > 0 &&
           !trimmed(slurp("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children")).empty();
  }));
  ::kill(pid, SIGKILL);
  const Ran started = world.finish_call(starting, files, 10);
  CHECK(started.code == 1);
  CHECK(contains(started.err, "container process is already dead"));
  CHECK(world.status(bundle) == "stopped");
  CHECK(world.remove(bundle).code == 0);
  world.nothing_left();
}

TEST_CASE("a record that cannot be read is not thrown away by a plain delete", "[lifecycle][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  const std::string file = world.root() + "/" + bundle.id + "/state.json";
  const std::string record = slurp(file);
  spit(file, "{");
  const Ran ran = world.remove(bundle);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "invalid JSON"));
  spit(file, record);
  CHECK(world.status(bundle) == "running");
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("kill KILL reaches all in a PID namespace that was joined", "[lifecycle][kill]") {
  World world;
  Bundle holder = world.bundle("holder"), bundle = world.bundle();
  holder.probe({"--quiet", "--hold"});
  world.started(holder);
  bundle.without_namespace("pid").probe({"--quiet", "--fork", "3", "--print", "ready", "--hold"});
  bundle.add_namespace("pid", "/proc/" + std::to_string(world.pid(holder)) + "/ns/pid");
  const Ran started = world.started(bundle);
  REQUIRE(eventually([&] { return contains(slurp(started.out_path), "ready"); }));
  const std::string procs = cgroup_dir("pids", "/" + world.mark() + "/" + bundle.id) + "/cgroup.procs";
  CHECK(std::ranges::count(slurp(procs), '\n') == 4);
  CHECK(world.kill(bundle, "KILL").code == 0);
  CHECK(eventually([&] { return slurp(procs).empty(); }));
  CHECK(world.remove(bundle, true).code == 0);
  CHECK(world.status(holder) == "running");
  CHECK(world.remove(holder, true).code == 0);
  world.nothing_left();
}

TEST_CASE("run forwards signals to the process", "[lifecycle][kill]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--trap", "10", "--print", "ready", "--hold"});
  bundle.write();
  Ran files;
  const pid_t call = world.start_call({"run", "--bundle", bundle.dir, bundle.id}, {}, files);
  REQUIRE(eventually([&] { return contains(slurp(files.out_path), "ready"); }));
  ::kill(call, SIGUSR1);
  CHECK(eventually([&] { return contains(slurp(files.out_path), "signal 10"); }));
  ::kill(call, SIGTERM);
  CHECK(world.finish_call(call, files, 10).code == 0);
  world.nothing_left();
}

TEST_CASE("the runtime in the foreground is known by its own command line", "[lifecycle]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--print", "up", "--hold"}).write();
  const auto shows = [](pid_t call, const char* command) {
    return eventually([&] { return contains(slurp("/proc/" + std::to_string(call) + "/cmdline"), command); });
  };
  Ran files;
  const pid_t run = world.start_call({"run", "--bundle", bundle.dir, bundle.id}, {}, files);
  REQUIRE(eventually([&] { return contains(slurp(files.out_path), "up"); }));
  CHECK(shows(run, bundle.id.c_str()));
  Ran others;
  const pid_t exec = world.start_call({"exec", bundle.id, "/probe", "--quiet", "--print", "in", "--hold"}, {}, others);
  REQUIRE(eventually([&] { return contains(slurp(others.out_path), "in"); }));
  CHECK(shows(exec, bundle.id.c_str()));
  CHECK(world.remove(bundle, true).code == 0);
  world.finish_call(run, files, 10);
  world.finish_call(exec, others, 10);
  world.nothing_left();
}
