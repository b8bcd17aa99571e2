// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/mounts.hpp"
#include "integration/support/world.hpp"

using namespace caisson::testing;

using Strings = std::vector<std::string>;

namespace {

/// A container that runs and waits.
Bundle holding(World& world) {
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  return bundle;
}

}  // namespace

TEST_CASE("exec in a container that is just dying says so, or dies with it", "[exec]") {
  World world;
  Bundle bundle = world.bundle();
  // Much to tear down, so that its end takes a while.
  bundle.probe({"--quiet", "--allocate", "64", "--fork", "20", "--print", "up", "--hold"});
  for (int round = 0; round < 8; ++round) {
    const Ran started = world.started(bundle);
    REQUIRE(eventually([&] { return contains(slurp(started.out_path), "up"); }));
    CHECK(world.kill(bundle, "KILL").code == 0);
    const Ran ran = world.call({"exec", bundle.id, "/probe", "--quiet", "--hold"});
    INFO("round " << round << ", code " << ran.code << ": " << ran.err);
    const bool refused = ran.code == 255 && contains(ran.err, "cannot exec in a stopped container");
    CHECK((refused || ran.code == 137));
    REQUIRE(eventually([&] { return world.status(bundle) == "stopped"; }));
    CHECK(world.remove(bundle).code == 0);
  }
  world.nothing_left();
}

TEST_CASE("exec joins every namespace and the cgroup of the container", "[exec]") {
  World world;
  Bundle bundle = holding(world);
  world.started(bundle);
  const Json report = world.exec_report(bundle, {}, {"--read", "/proc/1/cgroup"});
  const std::string ns = "/proc/" + std::to_string(world.pid(bundle)) + "/ns/";
  for (const char* kind : {"pid", "net", "ipc", "uts", "mnt", "cgroup"}) {
    char text[64] = "";
    REQUIRE(::readlink((ns + kind).c_str(), text, sizeof text - 1) > 0);
    CHECK(report.str(std::string("/namespaces/") + kind) == text);
  }
  CHECK(report.str("/cgroup") == report.str("/read/~1proc~11~1cgroup"));
  CHECK(report.num("/pid") > 1);
  CHECK(report.num("/sid") == report.num("/pid"));
  CHECK(report.keys("/fds") == Strings{"0", "1", "2"});
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("exec gives the exit code and the streams of its process", "[exec]") {
  World world;
  Bundle bundle = holding(world);
  world.started(bundle);
  How how;
  how.input = "to be copied\n";
  Ran ran = world.call({"exec", bundle.id, "/probe", "--quiet", "--cat", "--error", "complaint", "--exit", "42"}, how);
  CHECK(ran.code == 42);
  CHECK(ran.out == "to be copied\n");
  CHECK(ran.err == "complaint\n");
  ran = world.call({"exec", bundle.id, "/probe", "--quiet", "--kill", "9"});
  CHECK(ran.code == 137);
  CHECK(world.status(bundle) == "running");
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("exec takes the config's process and changes it by its flags", "[exec]") {
  World world;
  Bundle bundle = holding(world);
  bundle.set("/process/user", R"({"uid":1000,"gid":1001,"additionalGids":[5],"umask":63})")
      .remove("/process/capabilities");
  bundle.set_cwd("/tmp").env("FROM", "config").set("/process/noNewPrivileges", "false");
  bundle.set("/process/rlimits", R"([{"type":"RLIMIT_NOFILE","soft":100,"hard":200}])")
      .set("/process/oomScoreAdj", "300");
  world.started(bundle);
  SECTION("without flags") {
    const Json report = world.exec_report(bundle);
    CHECK(report.text("/ids/uid") == "[1000,1000,1000,1000]");
    CHECK(report.text("/ids/gid") == "[1001,1001,1001,1001]");
    CHECK(report.text("/ids/groups") == "[5]");
    CHECK(report.num("/ids/umask") == 077);
    CHECK(report.str("/cwd") == "/tmp");
    CHECK(report.text("/rlimits/RLIMIT_NOFILE") == "[100,200]");
    CHECK(report.num("/oom_score_adj") == 300);
    CHECK(contains(report.text("/env"), "FROM=config"));
    CHECK(report.str("/argv/0") == "/probe");
  }
  SECTION("--user UID keeps the gid") {
    CHECK(world.exec_report(bundle, {"--user", "7"}).text("/ids/gid") == "[1001,1001,1001,1001]");
  }
  SECTION("--user UID:GID, --additional-gids, --cwd, --env, --no-new-privs") {
    const Json report = world.exec_report(bundle, {"-u", "7:8", "-g", "20", "--additional-gids", "21", "--cwd", "/proc",
                                                   "-e", "A=1", "--env=B=2", "--no-new-privs"});
    CHECK(report.text("/ids/uid") == "[7,7,7,7]");
    CHECK(report.text("/ids/gid") == "[8,8,8,8]");
    CHECK(contains(report.text("/ids/groups"), "20,21"));
    CHECK(report.str("/cwd") == "/proc");
    CHECK(contains(report.text("/env"), "A=1"));
    CHECK(contains(report.text("/env"), "B=2"));
    CHECK(contains(report.text("/env"), "FROM=config"));
    CHECK(report.num("/no_new_privs") == 1);
  }
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("exec --cap adds to bounding, effective and permitted, never to inheritable",
          "[exec][capabilities][security]") {
  World world;
  Bundle bundle = holding(world);
  bundle.set("/process/capabilities", R"({"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"permitted":["CAP_KILL"]})");
  world.started(bundle);
  const Json report = world.exec_report(bundle, {"--cap", "CAP_NET_RAW", "-c", "CAP_CHOWN"});
  CHECK(report.str("/capabilities/bounding") == "0000000000002021");
  CHECK(report.str("/capabilities/effective") == "0000000000002021");
  CHECK(report.str("/capabilities/inheritable") == "0000000000000000");
  CHECK(report.str("/capabilities/ambient") == "0000000000000000");
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("exec --process takes a whole process object and nothing else", "[exec]") {
  World world;
  Bundle bundle = holding(world);
  bundle.env("FROM", "config").set("/process/user/umask", "63");
  world.started(bundle);
  spit(world.dir() + "/process.json",
       R"({"args":["/probe"],"cwd":"/dev","env":["ONLY=this","HOME=/h"],"user":{"uid":5,"gid":6},
    "capabilities":{"bounding":["CAP_KILL"]},"noNewPrivileges":true,"scheduler":{"policy":"SCHED_BATCH","nice":3},
    "ioPriority":{"class":"IOPRIO_CLASS_BE","priority":1},"oomScoreAdj":200,
    "rlimits":[{"type":"RLIMIT_NOFILE","soft":50,"hard":60}]})");
  for (const Strings& args : {Strings{"exec", "--process", world.dir() + "/process.json", bundle.id},
                              Strings{"exec", "-p", world.dir() + "/process.json", bundle.id}}) {
    const Ran ran = world.call(args);
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    const Json report(ran.out);
    CHECK(report.strings("/env") == Strings{"ONLY=this", "HOME=/h"});
    CHECK(report.str("/cwd") == "/dev");
    CHECK(report.text("/ids/uid") == "[5,5,5,5]");
    CHECK(report.num("/ids/umask") == 022);
    CHECK(report.str("/capabilities/bounding") == "0000000000000020");
    CHECK(report.num("/no_new_privs") == 1);
    CHECK(report.num("/scheduler/policy") == 3);
    CHECK(report.num("/scheduler/nice") == 3);
    CHECK(report.num("/ioprio/priority") == 1);
    CHECK(report.num("/oom_score_adj") == 200);
    CHECK(report.text("/rlimits/RLIMIT_NOFILE") == "[50,60]");
  }
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("exec --detach returns and its process stays in the container", "[exec]") {
  World world;
  Bundle bundle = holding(world);
  world.started(bundle);
  const Ran ran = world.call(
      {"exec", "-d", "--pid-file", world.dir() + "/pid", bundle.id, "/probe", "--quiet", "--print", "in", "--hold"});
  CHECK(ran.code == 0);
  CHECK(eventually([&] { return slurp(ran.out_path) == "in\n"; }));
  CHECK(contains(world.call({"ps", "-f", "json", bundle.id}).out, slurp(world.dir() + "/pid")));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("exec into a created container", "[exec]") {
  World world;
  Bundle bundle = holding(world);
  REQUIRE(world.create(bundle).code == 0);
  CHECK(world.exec_report(bundle).str("/hostname") == "box");
  CHECK(world.status(bundle) == "created");
  CHECK(world.remove(bundle).code == 0);
  world.nothing_left();
}

TEST_CASE("where the kernel does not let our image be changed, our binary is executed anew", "[exec][run]") {
  World world;
  const How how{.same_image = true};
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--exit", "3"});
  CHECK(world.run(bundle, {}, how).code == 3);
  Bundle stays = holding(world);
  world.started(stays);
  const Ran ran = world.call({"exec", stays.id, "/probe", "--quiet", "--exit", "4"}, how);
  INFO(ran.err);
  CHECK(ran.code == 4);
  CHECK(ran.err.empty());
  CHECK(world.remove(stays, true).code == 0);
  world.nothing_left();
}

TEST_CASE("exec --process without capabilities has the container's", "[exec][capabilities]") {
  World world;
  Bundle bundle = holding(world);
  bundle.set("/process/capabilities", R"({"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"permitted":["CAP_KILL"]})");
  world.started(bundle);
  spit(world.dir() + "/process.json", R"({"args":["/probe"],"cwd":"/","user":{"uid":0,"gid":0}})");
  const Ran ran = world.call({"exec", "--process", world.dir() + "/process.json", bundle.id});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(Json(ran.out).str("/capabilities/bounding") == "0000000000000020");
  CHECK(Json(ran.out).str("/capabilities/permitted") == "0000000000000020");
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("exec in a user namespace", "[exec][user]") {
  World world;
  Bundle bundle = holding(world);
  const char* maps = R"([{"containerID":0,"hostID":100000,"size":65536}])";
  bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
  REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
  world.started(bundle);
  const Json report = world.exec_report(bundle, {"--user", "5:6"});
  CHECK(report.text("/ids/uid") == "[5,5,5,5]");
  CHECK(contains(report.str("/ids/uid_map"), "100000"));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("exec --cgroup puts the process into a cgroup below the container's", "[exec][cgroup]") {
  World world;
  Bundle bundle = holding(world);
  world.started(bundle);
  const std::string path = "/" + world.mark() + "/" + bundle.id;
  const std::string below = cgroup_dir("pids", path) + "/below";
  REQUIRE(::mkdir(below.c_str(), 0755) == 0);
  const std::string flag = cgroup_v2() ? "below" : "pids:below";
  const Ran ran = world.call({"exec", "--detach", "--cgroup", flag, "--pid-file", world.dir() + "/pid", bundle.id,
                              "/probe", "--quiet", "--hold"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(trimmed(slurp(below + "/cgroup.procs")) == slurp(world.dir() + "/pid"));
  const Ran bad =
      world.call({"exec", "--cgroup", cgroup_v2() ? "../.." : "pids:../..", bundle.id, "/probe", "--quiet"});
  CHECK(bad.code == 255);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a failed exec is 255 with one line, and the container goes on", "[exec][errors]") {
  World world;
  Bundle bundle = holding(world);
  world.started(bundle);
  const std::pair<Strings, const char*> cases[] = {
      {{"exec", bundle.id, "nowhere"}, "executable file not found in $PATH"},
      {{"exec", bundle.id, "/no/where"}, "no such file or directory"},
      // podman and docker end with 126 for this phrase.
      {{"exec", bundle.id, "/proc"}, "permission denied: it is a directory"},
      {{"exec", bundle.id}, ""},
      {{"exec", "--process", "/no/file", bundle.id}, "/no/file"},
      {{"exec", "--user", "name", bundle.id, "/probe"}, "name"},
      {{"exec", "--env", "NOEQUALS", bundle.id, "/probe"}, "NOEQUALS"},
      {{"exec", "--cwd", "relative", bundle.id, "/probe"}, "relative"},
      {{"exec", world.mark() + "-none", "/probe"}, "container does not exist"},
  };
  for (const auto& [args, what] : cases) {
    const Ran ran = world.call(args);
    INFO(Json().set_strings("/args", args).text() << ": " << ran.err);
    CHECK(ran.code == 255);
    CHECK(contains(ran.err, what));
  }
  CHECK(world.status(bundle) == "running");
  CHECK(world.kill(bundle, "KILL").code == 0);
  REQUIRE(eventually([&] { return world.status(bundle) == "stopped"; }));
  const Ran ran = world.call({"exec", bundle.id, "/probe"});
  CHECK(ran.code == 255);
  CHECK(contains(ran.err, "cannot exec in a stopped container"));
  CHECK(world.remove(bundle).code == 0);
  world.nothing_left();
}

TEST_CASE("many execs at once", "[exec][load]") {
  World world;
  Bundle bundle = holding(world);
  world.started(bundle);
  std::vector<std::pair<pid_t, Ran>> calls(20);
  for (std::size_t i = 0; i < calls.size(); ++i)
    calls[i].first =
        world.start_call({"exec", bundle.id, "/probe", "--quiet", "--print", std::to_string(i)}, {}, calls[i].second);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Ran ran = world.finish_call(calls[i].first, calls[i].second, 30);
    CHECK(ran.code == 0);
    CHECK(ran.out == std::to_string(i) + "\n");
  }
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("execCPUAffinity is for exec", "[exec]") {
  World world;
  Bundle bundle = holding(world);
  world.started(bundle);
  spit(world.dir() + "/process.json",
       R"({"args":["/probe"],"cwd":"/","user":{"uid":0,"gid":0},"execCPUAffinity":{"initial":"0","final":"0"}})");
  const Ran ran = world.call({"exec", "-p", world.dir() + "/process.json", bundle.id});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(Json(ran.out).text("/affinity") == "[0]");
  CHECK(world.remove(bundle, true).code == 0);
}
