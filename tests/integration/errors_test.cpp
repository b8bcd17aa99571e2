// SPDX-License-Identifier: Apache-2.0
// Bad input: a clear error, exit code 1, and nothing left behind.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/world.hpp"

using namespace caisson::testing;

TEST_CASE("a config that is no JSON names line and column", "[errors]") {
  World world;
  Bundle bundle = world.bundle();
  const std::pair<const char*, const char*> cases[] = {
      {"{\n  \"ociVersion\": \"1.3.0\",\n  \"process\": oops\n}", "line 3, column 14"},
      {"", "line 1"},
      {"{\"a\":1", "line 1"},
      {"{} trailing", "line 1"},
      {"null", "config cannot be null"},
  };
  for (const auto& [text, what] : cases) {
    spit(bundle.dir + "/config.json", text);
    const Ran ran = world.call({"create", "--bundle", bundle.dir, bundle.id});
    INFO(text << ": " << ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, what));
    world.nothing_left();
  }
}

TEST_CASE("nothing that an image or a config chose reaches the terminal as a control character", "[errors][security]") {
  // ESC, BEL, DEL and U+009B, which begins the same sequences as ESC [.
  const std::string evil =
      "\x1b]0;owned\a\x7f\xc2\x9b"
      "2J";
  const std::string spelt = R"(\u001b]0;owned\u0007\u007f\u009b2J)";
  const auto is_printable = [](const std::string& text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto c = static_cast<unsigned char>(text[i]);
      const bool c1 = c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
      if ((c < 0x20 && c != '\n') || c == 0x7f || c1) return false;
    }
    return true;
  };
  World world;
  Bundle bundle = world.bundle();
  spit(bundle.rootfs + "/script", "#!/no/" + evil + "\n", 0755);
  struct Case {
    const char* what;
    const char* pointer;
    std::string json;
  };
  const Case cases[] = {
      {"a #! line", "/process/args", R"(["/script"])"},
      {"a program's name", "/process/args", R"(["/)" + spelt + R"("])"},
      {"a user's directory", "/process/cwd", R"("/proc/)" + spelt + R"(")"},
      {"a hook's output", "/hooks",
       R"({"createRuntime":[{"path":"/bin/sh","args":["sh","-c","printf '\\033]0;owned\\a\\177\\302\\2332J' >&2; exit 3"]}]})"},
      {"a hook's name", "/hooks", R"({"createRuntime":[{"path":"/no/)" + spelt + R"("}]})"},
      {"a mount's source", "/mounts/0/source", R"("/no/)" + spelt + R"(")"},
      {"a value of a list", "/linux/namespaces/0/type", R"(")" + spelt + R"(")"},
  };
  for (const auto& one : cases) {
    Bundle wrong = bundle;
    wrong.set(one.pointer, one.json);
    if (std::string(one.pointer) == "/mounts/0/source") wrong.set("/mounts/0/options", R"(["rbind"])");
    for (const char* format : {"text", "json"}) {
      spit(world.dir() + "/log", "");
      wrong.write();
      const Ran ran =
          world.call({"--log", world.dir() + "/log", "--log-format", format, "run", "--bundle", wrong.dir, wrong.id});
      const std::string log = slurp(world.dir() + "/log");
      INFO(one.what << ", " << format << ": " << ran.err << log);
      CHECK(ran.code == 1);
      CHECK(contains(ran.err, spelt));
      CHECK(is_printable(ran.err));
      CHECK(contains(log, "u001b]0;owned"));
      CHECK(is_printable(log));
    }
  }
  world.nothing_left();
}

TEST_CASE("a value at fault is named by its pointer", "[errors]") {
  World world;
  struct Case {
    const char* pointer;
    const char* json;
    const char* where;
    const char* what;
  };
  const Case cases[] = {
      {"/ociVersion", "\"2.0.0\"", "/ociVersion", "2.0.0"},
      {"/ociVersion", "\"new\"", "/ociVersion", ""},
      {"/process/cwd", "\"\"", "/process/cwd", "property must not be empty"},
      {"/process/cwd", "\"relative\"", "/process/cwd", "must be an absolute path"},
      {"/process/cwd", "7", "/process/cwd", "string"},
      {"/process/cwd", "\"/proc/self/fd/77\"", "/process/cwd", ": make working directory '/proc/self/fd/77': mkdir("},
      {"/process/cwd", "\"/proc/self/fd/0\"", "/process/cwd",
       ": make working directory '/proc/self/fd/0': its symbolic links"},
      {"/process/args", "[]", "/process/args", "args must not be empty"},
      {"/process/args", "\"sh\"", "/process/args", "array"},
      {"/process/args/0", "null", "/process/args/0", ""},
      {"/process/args/0", "\"a\\u0000b\"", "/process/args/0", ""},
      {"/process/env/0", "\"NOEQUALS\"", "/process/env/0", "="},
      {"/process/env/0", "\"=x\"", "/process/env/0", ""},
      {"/process/user/uid", "-1", "/process/user/uid", ""},
      {"/process/user/uid", "4294967296", "/process/user/uid", ""},
      {"/process/rlimits", R"([{"type":"RLIMIT_TEA","soft":1,"hard":1}])", "/process/rlimits/0/type", "RLIMIT_TEA"},
      {"/process/rlimits", R"([{"type":"RLIMIT_CPU","soft":1,"hard":1},{"type":"RLIMIT_CPU","soft":1,"hard":1}])",
       "/process/rlimits/1", ""},
      {"/process/rlimits", R"([{"type":"RLIMIT_CPU","soft":2,"hard":1}])", "/process/rlimits/0", ""},
      {"/process/oomScoreAdj", "1001", "/process/oomScoreAdj", ""},
      {"/process/scheduler", R"({"policy":"SCHED_FIFO","nice":20})", "/process/scheduler/nice", ""},
      {"/process/scheduler", R"({"policy":"SCHED_TEA"})", "/process/scheduler/policy", "SCHED_TEA"},
      {"/process/ioPriority", R"({"class":"IOPRIO_CLASS_BE","priority":9})", "/process/ioPriority/priority", ""},
      {"/process/apparmorProfile", "\"strict\"", "/process/apparmorProfile", "apparmor"},
      {"/process/selinuxLabel", "\"system_u:system_r:container_t:s0\"", "/process/selinuxLabel", "selinux"},
      {"/root", "null", "/root", ""},
      {"/root/path", "\"no-such-rootfs\"", "/root/path", "no-such-rootfs"},
      {"/root/path", "\"config.json\"", "/root/path", ""},
      {"/hostname", "7", "/hostname", "string"},
      {"/mounts/0/destination", "7", "/mounts/0/destination", "string"},
      {"/linux/resources/pids", R"({"limit":"many"})", "/linux/resources/pids/limit", "integer"},
      {"/linux/personality", R"({"domain":"PLAN9"})", "/linux/personality/domain", "PLAN9"},
      {"/linux/netDevices", R"({"eth-none":{"name":"a/b"}})", "/linux/netDevices", ""},
      {"/linux/netDevices", R"({"no-such-if":{}})", "/linux/netDevices/no-such-if", "no-such-if"},
      {"/linux/intelRdt", R"({"closID":"x","l3CacheSchema":"L3:0=f"})", "/linux/intelRdt", ""},
      {"/linux/resources/rdma", R"({"mlx5_0":{"hcaHandles":3}})", "/linux/resources/rdma", ""},
      {"/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86","SCMP_ARCH_M68K"]})",
       "/linux/seccomp/architectures/1", "does not know architecture SCMP_ARCH_M68K"},
      {"/linux/devices", R"([{"path":"/dev/null","type":"c","major":1,"minor":5}])", "/linux/devices/0",
       "container's /dev/null is invalid"},
      {"/vm", R"({"kernel":{"path":"/k"}})", "/vm", ""},
  };
  for (const auto& each : cases) {
    Bundle bundle = world.bundle();
    bundle.probe({"--quiet"}).set(each.pointer, each.json);
    const Ran ran = world.run(bundle);
    INFO(each.pointer << " = " << each.json << ": " << ran.code << " " << ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, std::string("config: ") + each.where));
    CHECK(contains(ran.err, each.what));
  }
  world.nothing_left();
}

TEST_CASE("members that are not of the spec are ignored", "[config]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/future", R"({"x":1})").set("/process/future", "true").probe({"--quiet"});
  CHECK(world.run(bundle).code == 0);
}

TEST_CASE("bundles that cannot be", "[errors]") {
  World world;
  Bundle bundle = world.bundle();
  std::string dir = bundle.dir, what;
  bundle.write();
  SECTION("no directory") {
    dir = world.dir() + "/none";
    what = "none";
  }
  SECTION("no config") {
    ::unlink((bundle.dir + "/config.json").c_str());
    what = "JSON specification file";
  }
  SECTION("a rootfs that is a symbolic link") {
    REQUIRE(::rename(bundle.rootfs.c_str(), (bundle.dir + "/real").c_str()) == 0);
    REQUIRE(::symlink("real", bundle.rootfs.c_str()) == 0);
    what = "invalid rootfs";
  }
  SECTION("no process") {
    bundle.remove("/process").write();
    what = "process property must not be empty";
  }
  SECTION("no root") {
    bundle.remove("/root").write();
    what = "root must be specified";
  }
  const Ran ran = world.call({"create", "--bundle", dir, bundle.id});
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, what));
  world.nothing_left();
}

TEST_CASE("a bundle is the working directory by default, and --config another file", "[config]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--print", "here"}).write();
  How how;
  how.cwd = bundle.dir;
  CHECK(world.call({"run", bundle.id}, how).out == "here\n");
  REQUIRE(::rename((bundle.dir + "/config.json").c_str(), (world.dir() + "/other.json").c_str()) == 0);
  const Ran ran = world.call({"run", "--bundle", bundle.dir, "--config", world.dir() + "/other.json", bundle.id});
  INFO(ran.err);
  CHECK(ran.out == "here\n");
}

TEST_CASE("create and run that are killed at any moment leave what delete --force removes", "[errors][crash]") {
  World world;
  const char* const command = GENERATE("create", "run");
  for (const int delay : {0, 300, 700, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 7000, 10000}) {
    Bundle bundle = world.bundle();
    // A directory of cgroups that is there for this one alone.
    const std::string above = "/" + world.mark() + "/above-" + std::to_string(delay);
    bundle.set("/linux/cgroupsPath", "\"" + above + "/" + bundle.id + "\"");
    bundle.probe({"--quiet", "--hold"}).write();
    Ran files;
    const pid_t call = world.start_call({command, "--bundle", bundle.dir, bundle.id}, {}, files);
    ::usleep(static_cast<useconds_t>(delay));
    ::kill(call, SIGKILL);
    world.finish_call(call, files, 10);
    const Ran ran = world.remove(bundle, true);
    INFO(command << " killed after " << delay << " us; delete: " << ran.err);
    CHECK(ran.code == 0);
    world.nothing_left();
    // And the id can be used again.
    bundle.probe({"--quiet"});
    CHECK(world.run(bundle).code == 0);
  }
  world.nothing_left();
}

TEST_CASE("a runtime that is killed in the foreground leaves what delete --force removes", "[errors][crash]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--print", "up", "--hold"}).write();
  Ran files;
  const pid_t call = world.start_call({"run", "--bundle", bundle.dir, bundle.id}, {}, files);
  REQUIRE(eventually([&] { return contains(slurp(files.out_path), "up"); }));
  ::kill(call, SIGKILL);
  world.finish_call(call, files, 10);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("run that is told to end at any moment does so, and leaves nothing", "[errors][signals]") {
  World world;
  const int first = GENERATE(SIGTERM, SIGUSR1);
  for (const int delay : {0, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 5000, 7000}) {
    Bundle bundle = world.bundle();
    // Once it runs, the signal is the process' own.
    bundle.probe({"--quiet", "--hold"}).write();
    Ran files;
    const pid_t call = world.start_call({"run", "--bundle", bundle.dir, bundle.id}, {}, files);
    // Not while it still is a copy of this program, which has handlers of its own.
    while (slurp("/proc/" + std::to_string(call) + "/comm") != "caisson\n") {
    }
    ::usleep(static_cast<useconds_t>(delay));
    ::kill(call, first);
    // The first process of a PID namespace is spared by a signal that it has no handler for yet.
    const bool ended = eventually([&] {
      ::kill(call, SIGTERM);
      siginfo_t info{};
      return ::waitid(P_PID, static_cast<id_t>(call), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == call;
    });
    const Ran ran = world.finish_call(call, files, 10);
    INFO("told after " << delay << " us: " << ran.code << " " << ran.err);
    CHECK(ended);
    if (ran.code == 1) CHECK(contains(ran.err, "interrupted by SIG"));
    world.nothing_left();
  }
}

TEST_CASE("what has yet to come to its program is no container to enter", "[errors][exec]") {
  World world;
  Bundle bundle = world.bundle();
  // By another name than init's, it would be known to have come to it.
  bundle.probe({"--quiet", "--rename", "caisson", "--print", "ready", "--hold"});
  const Ran started = world.run(bundle, {"--detach"});
  REQUIRE(started.code == 0);
  CHECK(eventually([&] { return slurp(started.out_path) == "ready\n"; }));
  CHECK(world.status(bundle) == "running");
  // Init holds the lock of the saved config until its execve.
  const int config = ::open((world.root() + "/" + bundle.id + "/config.json").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(config >= 0);
  REQUIRE(::flock(config, LOCK_EX) == 0);
  const int creator = ::open((world.root() + "/" + bundle.id).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(creator >= 0);
  REQUIRE(::flock(creator, LOCK_EX) == 0);
  CHECK(world.status(bundle) == "creating");
  ::close(creator);
  const Ran ran = world.call({"exec", bundle.id, "/probe", "--quiet"});
  CHECK(ran.code == 255);
  CHECK(contains(ran.err, "cannot exec in a container that is being created"));
  // It would be lost.
  CHECK(contains(world.call({"kill", bundle.id, "TERM"}).err, "container not running"));
  ::close(config);
  CHECK(world.status(bundle) == "running");
  CHECK(world.call({"exec", bundle.id, "/probe", "--quiet"}).code == 0);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("init killed while created", "[errors][crash]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  REQUIRE(world.create(bundle).code == 0);
  ::kill(world.pid(bundle), SIGKILL);
  CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
  const Ran ran = world.call({"start", bundle.id});
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "cannot start a container that has stopped"));
  CHECK(world.remove(bundle).code == 0);
  world.nothing_left();
}
