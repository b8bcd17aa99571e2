// SPDX-License-Identifier: Apache-2.0
// Races that a hostile program in the container plays against each process that the runtime brings in. The program is
// tests/guest/attacker.cpp. Its two processes keep both processors of a small machine busy.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "integration/support/world.hpp"

using namespace caisson::testing;

namespace {

/// How often each attack is tried. CAISSON_TEST_ROUNDS sets another number: an emulated machine takes ten times as
/// long.
const int kRounds = [] {
  const char* const given = std::getenv("CAISSON_TEST_ROUNDS");
  return given != nullptr ? std::atoi(given) : 100;
}();

/// Where an attacker in `bundle` writes what it reached.
std::string report_of(const Bundle& bundle) { return bundle.rootfs + "/report"; }

/// A bundle whose root holds the attacker, and a script whose interpreter is the program that execve(2) finds in the
/// process: the runtime's.
Bundle hostile(World& world, const std::string& name) {
  Bundle bundle = world.bundle(name);
  install(Places::get().attacker, bundle.rootfs + "/attacker");
  spit(bundle.rootfs + "/script", "#!/proc/self/exe --version\n", 0755);
  return bundle;
}

void wait_until_ready(const Bundle& bundle) {
  INFO(report_of(bundle));
  REQUIRE(eventually([&] { return contains(slurp(report_of(bundle)), "ready"); }));
}

/// What an attacker writes when it reaches nothing.
void check_report(const Bundle& bundle) {
  const std::string reached = slurp(report_of(bundle));
  INFO(reached.substr(0, 2000));
  CHECK(reached == "ready\n");
}

/// Started, with its first process at work.
Bundle overwriting(World& world) {
  Bundle bundle = hostile(world, "attacker");
  bundle.args({"/attacker", "overwrite", "/report"});
  world.started(bundle);
  wait_until_ready(bundle);
  return bundle;
}

std::string pid_namespace_of(World& world, const Bundle& bundle) {
  return "/proc/" + std::to_string(world.pid(bundle)) + "/ns/pid";
}

Bundle with_ptrace(Bundle bundle) {
  for (const char* set : {"bounding", "effective", "permitted"})
    bundle.set(std::string("/process/capabilities/") + set, R"(["CAP_SYS_PTRACE", "CAP_KILL"])");
  return bundle;
}

}  // namespace

TEST_CASE("CVE-2019-5736: no process of the container makes the runtime's program writable", "[security][attack]") {
  World world;
  const std::string before = slurp(Places::get().caisson);
  How how;
  how.same_image = GENERATE(false, true);
  INFO((how.same_image ? "executed anew" : "in memory"));
  Bundle attacker = overwriting(world);
  SECTION("exec") {
    for (int i = 0; i < kRounds; ++i) CHECK(world.call({"exec", attacker.id, "/script"}, how).code == 0);
  }
  SECTION("exec of a process that it sees from its first moment") {
    CHECK(world.remove(attacker, true).code == 0);
    attacker = with_ptrace(hostile(world, "ptrace"));
    attacker.args({"/attacker", "overwrite", "/report"});
    world.started(attacker);
    wait_until_ready(attacker);
    for (int i = 0; i < kRounds; ++i) CHECK(world.call({"exec", attacker.id, "/script"}, how).code == 0);
  }
  SECTION("run in its PID namespace") {
    Bundle bundle = hostile(world, "second");
    bundle.add_namespace("pid", pid_namespace_of(world, attacker)).args({"/script"});
    for (int i = 0; i < (kRounds + 3) / 4; ++i) {
      const Ran ran = world.run(bundle, {}, how);
      INFO(ran.err);
      CHECK(ran.code == 0);
    }
  }
  SECTION("create and start in its PID namespace") {
    Bundle bundle = hostile(world, "second");
    bundle.add_namespace("pid", pid_namespace_of(world, attacker)).args({"/script"});
    for (int i = 0; i < (kRounds + 3) / 4; ++i) {
      CHECK(world.create(bundle, {}, how).code == 0);
      CHECK(world.call({"start", bundle.id}).code == 0);
      CHECK(world.remove(bundle, true).code == 0);
    }
  }
  SECTION("hooks in its PID namespace") {
    Bundle bundle = hostile(world, "second");
    bundle.add_namespace("pid", pid_namespace_of(world, attacker)).probe({"--quiet"});
    bundle.set("/hooks/createContainer", R"([{"path":")" + bundle.rootfs + R"(/script"}])");
    bundle.set("/hooks/startContainer", R"([{"path":"/script"}])");
    for (int i = 0; i < (kRounds + 3) / 4; ++i) {
      const Ran ran = world.run(bundle, {}, how);
      INFO(ran.err);
      CHECK(ran.code == 0);
    }
  }
  CHECK(slurp(Places::get().caisson) == before);
  check_report(attacker);
  CHECK(world.remove(attacker, true).code == 0);
  world.nothing_left();
}

TEST_CASE("CVE-2019-5736: a startContainer hook's child does not make the runtime's program writable",
          "[security][attack]") {
  World world;
  How how;
  how.same_image = GENERATE(false, true);
  for (int i = 0; i < 30; ++i) {
    Bundle bundle = hostile(world, "own");
    bundle.set("/hooks/startContainer",
               R"([{"path":"/attacker","args":["attacker","background","overwrite","/report"]}])");
    bundle.args({"/script"});
    const Ran ran = world.run(bundle, {}, how);
    INFO(ran.err);
    CHECK(ran.code == 0);
    check_report(bundle);
  }
  world.nothing_left();
}

TEST_CASE("CAP_SYS_PTRACE shows nothing of the host in a process that joins the container", "[security][attack]") {
  World world;
  const std::string marker = world.dir() + "/marker", secret = "SECRET=" + world.mark() + "-kept-from-containers";
  spit(marker, "the host's\n");
  How how;
  how.env = {secret};
  Bundle watcher = with_ptrace(hostile(world, "watcher"));
  watcher.args({"/attacker", "watch", "/report", marker, secret});
  how.same_image = GENERATE(false, true);
  // setns(2) of a time namespace refuses a process whose memory is shared.
  if (GENERATE(false, true)) watcher.add_namespace("time");
  INFO((how.same_image ? "executed anew" : "in memory"));
  world.started(watcher);
  wait_until_ready(watcher);
  SECTION("exec") {
    for (int i = 0; i < kRounds; ++i) {
      const Ran ran = world.call({"exec", watcher.id, "/probe", "--quiet"}, how);
      INFO(ran.err);
      CHECK(ran.code == 0);
    }
  }
  SECTION("run in its PID namespace") {
    Bundle bundle = hostile(world, "second");
    bundle.add_namespace("pid", pid_namespace_of(world, watcher)).probe({"--quiet"});
    for (int i = 0; i < (kRounds + 3) / 4; ++i) {
      const Ran ran = world.run(bundle, {}, how);
      INFO(ran.err);
      CHECK(ran.code == 0);
    }
  }
  check_report(watcher);
  CHECK(world.remove(watcher, true).code == 0);
  world.nothing_left();
}
