// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/world.hpp"

using namespace caisson::testing;

namespace {

/// A hook by the host's shell.
std::string shell_hook(const std::string& script) {
  Json entry;
  entry.set_string("/path", "/bin/sh").set_strings("/args", {"sh", "-c", script});
  return "[" + entry.text() + "]";
}

/// A hook that says in a file that it runs, and hangs.
std::string hanging_hook(const World& world) { return shell_hook(": >" + world.dir() + "/hangs; exec sleep 1000"); }

/// The hook of hanging_hook(), in the container.
const char* const kHangingInside = R"([{"path":"/probe","args":["hook","--quiet","--append","/hangs","x","--hold"]}])";

bool hangs(const World& world, const Bundle& bundle) {
  return eventually([&] { return exists(world.dir() + "/hangs") || exists(bundle.rootfs + "/hangs"); });
}

/// caisson with the world's root, for scripts.
std::string self(const World& world) { return Places::get().caisson + " --root " + world.root() + " "; }

struct Hanging {
  pid_t call = -1;
  Ran files;
};

/// `create`, or what else runs the hook, brought to where the hook of this stage hangs.
Hanging bring_to_hang(const World& world, Bundle& bundle, const std::string& stage) {
  const bool inside = stage == "startContainer";
  bundle.set("/hooks/" + stage, inside ? kHangingInside : hanging_hook(world)).set("/root/readonly", "false");
  bundle.probe({"--quiet", "--hold"}).write();
  Hanging hanging;
  if (stage == "startContainer" || stage == "poststart") {
    REQUIRE(world.create(bundle).code == 0);
    hanging.call = world.start_call({"start", bundle.id}, {}, hanging.files);
  } else {
    hanging.call = world.start_call({"create", "--bundle", bundle.dir, bundle.id}, {}, hanging.files);
  }
  REQUIRE(hangs(world, bundle));
  return hanging;
}

How soon() {
  How how;
  how.seconds = 9;
  return how;
}

}  // namespace

TEST_CASE("no command waits for a hook, and delete --force ends it", "[locks][hooks]") {
  World world;
  Bundle bundle = world.bundle();
  const auto stage =
      GENERATE(as<std::string>(), "prestart", "createRuntime", "createContainer", "startContainer", "poststart");
  INFO(stage);
  Hanging hanging = bring_to_hang(world, bundle, stage);
  const bool creating = stage != "startContainer" && stage != "poststart";
  CHECK(world.status(bundle) == (creating ? "creating" : "running"));
  CHECK(world.call({"list"}, soon()).code == 0);
  Ran ran = world.call({"update", "--pids-limit", "77", bundle.id}, soon());
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(cgroup_value("pids", "/" + world.mark() + "/" + bundle.id, "pids.max") == "77");
  for (const char* command : {"delete", "start"}) {
    ran = world.call({command, bundle.id}, soon());
    INFO(command << ": " << ran.err);
    CHECK(ran.code == 1);
  }
  ran = world.call({"pause", bundle.id}, soon());
  CHECK(ran.code == (creating ? 1 : 0));
  if (!creating) CHECK(world.call({"resume", bundle.id}, soon()).code == 0);
  ran = world.call({"exec", bundle.id, "/probe", "--quiet"}, soon());
  CHECK(ran.code == (creating ? 255 : 0));

  ran = world.call({"delete", "--force", bundle.id}, soon());
  INFO(ran.err);
  CHECK(ran.code == 0);
  // A poststart hook may outlive a container; a signal to the `start` that runs it ends both.
  if (stage == "poststart") ::kill(hanging.call, SIGTERM);
  const Ran ended = world.finish_call(hanging.call, hanging.files, 10);
  INFO(ended.err);
  CHECK(ended.code == 1);
  world.nothing_left();
}

TEST_CASE("kill KILL ends a creation whose hook hangs, other signals are refused", "[locks][hooks][kill]") {
  World world;
  Bundle bundle = world.bundle();
  const auto stage = GENERATE(as<std::string>(), "prestart", "createRuntime", "createContainer");
  INFO(stage);
  bundle.set("/hooks/poststop", shell_hook("echo gone >" + world.dir() + "/poststop"));
  Hanging hanging = bring_to_hang(world, bundle, stage);
  const Ran refused = world.call({"kill", bundle.id, "TERM"}, soon());
  CHECK(refused.code == 1);
  CHECK(contains(refused.err, "it is being created"));
  CHECK(world.call({"kill", bundle.id, "KILL"}, soon()).code == 0);
  const Ran ended = world.finish_call(hanging.call, hanging.files, 10);
  INFO(ended.err);
  CHECK(ended.code == 1);
  CHECK(contains(ended.err, "killed by signal 9"));
  CHECK(slurp(world.dir() + "/poststop") == "gone\n");
  world.nothing_left();
}

TEST_CASE("a hook's own commands about its container do not hang", "[locks][hooks]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  SECTION("poststart: update, pause, resume and exec") {
    bundle.set("/hooks/poststart", shell_hook("set -e; I=" + bundle.id + "; C='" + self(world) +
                                              "'; $C update --pids-limit 66 $I; $C pause $I; $C resume $I; "
                                              "$C exec $I /probe --quiet; $C state $I >" +
                                              world.dir() + "/seen"));
    bundle.write();
    REQUIRE(world.create(bundle).code == 0);
    const Ran ran = world.call({"start", bundle.id}, soon());
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(Json(slurp(world.dir() + "/seen")).str("/status") == "running");
    CHECK(cgroup_value("pids", "/" + world.mark() + "/" + bundle.id, "pids.max") == "66");
    CHECK(world.remove(bundle, true).code == 0);
  }
  SECTION("the same by run --detach") {
    bundle.set("/hooks/poststart", shell_hook(self(world) + "pause " + bundle.id));
    CHECK(world.run(bundle, {"--detach"}, soon()).code == 0);
    CHECK(world.status(bundle) == "paused");
    CHECK(world.remove(bundle, true).code == 0);
  }
  SECTION("createRuntime: state and update, and delete --force of itself") {
    bundle.set("/hooks/createRuntime", shell_hook(self(world) + "state " + bundle.id + " >" + world.dir() + "/seen; " +
                                                  self(world) + "delete --force " + bundle.id + "; sleep 1000"));
    const Ran ran = world.run(bundle, {}, soon());
    INFO(ran.err);
    CHECK(ran.code == 1);
    CHECK(Json(slurp(world.dir() + "/seen")).str("/status") == "creating");
  }
  world.nothing_left();
}

TEST_CASE("run in the foreground hears signals while any hook hangs", "[locks][hooks][kill]") {
  World world;
  Bundle bundle = world.bundle();
  const auto stage = GENERATE(as<std::string>(), "prestart", "createRuntime", "createContainer", "startContainer",
                              "poststart", "poststop");
  const auto signal = GENERATE(SIGTERM, SIGHUP);
  INFO(stage << " " << signal);
  bundle.set("/hooks/" + stage, stage == "startContainer" ? kHangingInside : hanging_hook(world));
  bundle.set("/root/readonly", "false");
  if (stage == "poststop")
    bundle.probe({"--quiet"});
  else
    bundle.probe({"--quiet", "--hold"});
  bundle.write();
  Ran files;
  const pid_t call = world.start_call({"run", "--bundle", bundle.dir, bundle.id}, {}, files);
  REQUIRE(hangs(world, bundle));
  ::kill(call, signal);
  const Ran ran = world.finish_call(call, files, 9);
  INFO(ran.err);
  CHECK(ran.code == (stage == "poststop" ? 0 : 1));
  CHECK(contains(ran.err, "interrupted by SIG"));
  world.nothing_left();
}

TEST_CASE("a second signal ends a poststop hook that hangs after a failed create", "[locks][hooks][kill]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/hooks/createRuntime", R"([{"path":"/bin/false"}])").set("/hooks/poststop", hanging_hook(world));
  bundle.probe({"--quiet"}).write();
  Ran files;
  const pid_t call = world.start_call({"create", "--bundle", bundle.dir, bundle.id}, {}, files);
  REQUIRE(hangs(world, bundle));
  ::kill(call, SIGTERM);
  const Ran ran = world.finish_call(call, files, 9);
  INFO(ran.err);
  CHECK(ran.code == 1);
  world.nothing_left();
}

TEST_CASE("init that is killed from outside while it is created is named so", "[locks][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet"});
  const std::string kill_init = "kill -9 $(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/')";
  bundle.set("/hooks/createRuntime", shell_hook(kill_init));
  for (const char* command : {"create", "run"}) {
    const Ran ran = world.call({command, "--bundle", (bundle.write(), bundle.dir), bundle.id}, soon());
    INFO(ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "container init was killed by signal 9"));
    world.nothing_left();
  }
}

TEST_CASE("a lock that somebody holds for ever is waited for ten seconds and named", "[locks][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  const int dir = ::open((world.root() + "/" + bundle.id).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(dir >= 0);
  REQUIRE(::flock(dir, LOCK_EX) == 0);
  Ran ran = world.call({"pause", bundle.id});
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "timed out after 10 s waiting for the lock of container " + bundle.id));
  CHECK(contains(ran.err, "process " + std::to_string(::getpid()) + " holds it"));
  CHECK(world.status(bundle) == "running");
  // Those who only look, and signals, do not wait.
  CHECK(world.call({"list"}, soon()).code == 0);
  CHECK(world.call({"kill", bundle.id, "KILL"}, soon()).code == 0);
  ran = world.remove(bundle, true);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "timed out after 10 s"));
  ::close(dir);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("two starts at a time: one starts it, the other says that it runs", "[locks]") {
  World world;
  for (int round = 0; round < 10; ++round) {
    Bundle bundle = world.bundle();
    bundle.probe({"--quiet", "--hold"});
    REQUIRE(world.create(bundle).code == 0);
    Ran one, two;
    const pid_t first = world.start_call({"start", bundle.id}, {}, one);
    const pid_t second = world.start_call({"start", bundle.id}, {}, two);
    one = world.finish_call(first, one, 10);
    two = world.finish_call(second, two, 10);
    INFO(one.err << two.err);
    CHECK(one.code + two.code == 1);
    CHECK(contains(one.err + two.err, "cannot start an already running container"));
    CHECK(world.status(bundle) == "running");
    CHECK(world.remove(bundle, true).code == 0);
  }
  world.nothing_left();
}

TEST_CASE("delete of a stopped container spares who else is in its cgroup", "[locks][delete]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK(world.kill(bundle, "KILL").code == 0);
  REQUIRE(eventually([&] { return world.status(bundle) == "stopped"; }));
  const std::string path = "/" + world.mark() + "/" + bundle.id;
  const auto force = GENERATE(false, true);
  SECTION("a process that was moved there") {
    const pid_t stranger = ::fork();
    if (stranger == 0) {
      ::pause();
      ::_exit(0);
    }
    const auto controller = GENERATE(as<std::string>(), "freezer", "memory", "pids");
    const std::string dir = cgroup_dir(controller, path);
    spit(dir + "/cgroup.procs", std::to_string(stranger));
    const Ran ran = world.remove(bundle, force);
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(alive(stranger));
    CHECK(contains(ran.err, "'" + dir + "'"));
    CHECK(contains(ran.err, std::to_string(stranger)));
    CHECK(world.status(bundle).empty());
    ::kill(stranger, SIGKILL);
    ::waitpid(stranger, nullptr, 0);
    CHECK(eventually([&] { return ::rmdir(dir.c_str()) == 0; }));
  }
  SECTION("another container with the same cgroupsPath") {
    Bundle other = world.bundle("other");
    other.probe({"--quiet", "--hold"}).set("/linux/cgroupsPath", "\"" + path + "\"");
    world.started(other);
    const int pid = world.pid(other);
    CHECK(world.remove(bundle, force).code == 0);
    CHECK(alive(pid));
    CHECK(world.status(other) == "running");
    CHECK(world.remove(other, true).code == 0);
  }
  // The first container's record went before the last user of the directory above.
  for (const auto& hierarchy : names_in("/sys/fs/cgroup"))
    ::rmdir(("/sys/fs/cgroup/" + hierarchy + "/" + world.mark()).c_str());
  ::rmdir(("/sys/fs/cgroup/" + world.mark()).c_str());
  world.nothing_left();
}
