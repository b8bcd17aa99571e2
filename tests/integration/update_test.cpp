// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/trace.hpp"
#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

/// A container with limits, and what the kernel has of them.
struct Limited {
  World world;
  Bundle bundle = world.bundle();

  Limited() {
    bundle.set("/linux/resources/memory", R"({"limit":67108864})").set("/linux/resources/pids", R"({"limit":20})");
    bundle.set("/linux/resources/cpu", R"({"shares":512,"quota":50000,"period":100000})");
    bundle.probe({"--quiet", "--hold"});
  }
  std::string value(const std::string& controller, const std::string& v1, const std::string& v2) const {
    return cgroup_value(controller, "/" + world.mark() + "/" + bundle.id, cgroup_v2() ? v2 : v1);
  }
  std::string memory() const { return value("memory", "memory.limit_in_bytes", "memory.max"); }
  std::string pids() const { return value("pids", "pids.max", "pids.max"); }
  std::string quota() const { return value("cpu", "cpu.cfs_quota_us", "cpu.max"); }
  std::string shares() const { return value("cpu", "cpu.shares", "cpu.weight"); }
  /// The limits as the saved config has them.
  Json saved() const { return Json(slurp(world.root() + "/" + bundle.id + "/config.json")).at("/linux/resources"); }
  Ran update(std::vector<std::string> args, const How& how = {}) const {
    args.insert(args.begin(), "update");
    args.push_back(bundle.id);
    return world.call(args, how);
  }
  void done(const Ran& ran) const {
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out.empty());
    CHECK(ran.err.empty());
  }
  /// What the kernel has and what the saved config says, each in one line.
  std::string kernel() const { return memory() + ' ' + pids() + ' ' + quota() + ' ' + shares(); }
  std::string recorded() const {
    const Json limits = saved();
    const auto number = [&limits](const char* at) { return std::to_string(limits.num(at)); };
    const bool v2 = cgroup_v2();
    const std::string weight = limits.num("/cpu/shares") == 512 ? "59" : "100";
    return number("/memory/limit") + ' ' + number("/pids/limit") + ' ' + number("/cpu/quota") +
           (v2 ? ' ' + number("/cpu/period") : std::string()) + ' ' + (v2 ? weight : number("/cpu/shares"));
  }
};

}  // namespace

TEST_CASE("update: by flags, in every state in which there is something to limit", "[update]") {
  Limited limited;
  auto& world = limited.world;
  REQUIRE(world.create(limited.bundle).code == 0);
  SECTION("created") {}
  SECTION("running") { REQUIRE(world.call({"start", limited.bundle.id}).code == 0); }
  SECTION("paused") {
    REQUIRE(world.call({"start", limited.bundle.id}).code == 0);
    REQUIRE(world.call({"pause", limited.bundle.id}).code == 0);
  }
  limited.done(limited.update({"--memory", "128m", "--memory-reservation", "32M", "--pids-limit", "30", "--cpu-share",
                               "1024", "--cpu-quota", "30000", "--cpu-period", "60000", "--cpuset-cpus", "0",
                               "--cpuset-mems", "0", "--cpu-burst", "1000"}));
  CHECK(limited.memory() == "134217728");
  CHECK(limited.value("memory", "memory.soft_limit_in_bytes", "memory.low") == "33554432");
  CHECK(limited.pids() == "30");
  CHECK(limited.shares() == (cgroup_v2() ? "100" : "1024"));
  CHECK(limited.quota() == (cgroup_v2() ? "30000 60000" : "30000"));
  CHECK(limited.value("cpu", "cpu.cfs_burst_us", "cpu.max.burst") == "1000");
  CHECK(limited.value("cpuset", "cpuset.cpus", "cpuset.cpus") == "0");
  CHECK(limited.saved().num("/memory/limit") == 134217728);
  CHECK(limited.saved().num("/cpu/period") == 60000);
  // A later one builds on it.
  limited.done(limited.update({"--cpu-quota=-1", "--memory=-1", "--pids-limit=-1"}));
  CHECK(limited.quota() == (cgroup_v2() ? "max 60000" : "-1"));
  CHECK(limited.memory() == (cgroup_v2() ? "max" : "9223372036854771712"));
  CHECK(limited.pids() == "max");
  CHECK(limited.saved().num("/cpu/shares") == 1024);
  CHECK(world.remove(limited.bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("update: --resources, from a file and from standard input", "[update]") {
  Limited limited;
  auto& world = limited.world;
  world.started(limited.bundle);
  const std::string file = world.dir() + "/resources.json";
  spit(file, R"({"memory":{"limit":100663296},"pids":{"limit":40},"cpu":{"shares":2048}})");
  const Ran both = limited.update({"--resources", file, "--pids-limit", "7"});
  CHECK(both.code == 1);
  CHECK(contains(both.err, "--resources gives all limits: it cannot be combined with --pids-limit"));
  CHECK(limited.pids() == "20");
  limited.done(limited.update({"--resources", file}));
  CHECK(limited.memory() == "100663296");
  CHECK(limited.pids() == "40");
  CHECK(limited.shares() == (cgroup_v2() ? "174" : "2048"));
  limited.done(limited.update({"-r", "-"}, {.input = R"({"cpu":{"quota":20000}})"}));
  CHECK(limited.quota() == (cgroup_v2() ? "20000 100000" : "20000"));
  CHECK(limited.pids() == "40");
  const Ran ran = limited.update({"--resources", "-"}, {.input = R"({"pids":{"limit":"many"}})"});
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "[config: /pids/limit]"));
  CHECK(world.remove(limited.bundle, true).code == 0);
}

TEST_CASE("update: a value that the kernel refuses leaves all as it was", "[update][errors]") {
  Limited limited;
  auto& world = limited.world;
  std::vector<std::string> flags{"--pids-limit", "33", "--memory", "128m"};
  std::string where;
  SECTION("a processor that is not there") {
    flags.insert(flags.end(), {"--cpuset-cpus", "4000"});
    where = "/linux/resources/cpu/cpus";
  }
  SECTION("a quota below the least") {
    flags.insert(flags.end(), {"--cpu-quota", "1"});
    where = "/linux/resources/cpu/quota";
  }
  SECTION("a quota above the parent's") {
    if (cgroup_v2()) CAISSON_SKIP("cgroup v2 takes any quota; the parent's holds too");
    make_dirs("/sys/fs/cgroup/cpu/" + world.mark());
    spit("/sys/fs/cgroup/cpu/" + world.mark() + "/cpu.cfs_quota_us", "60000");
    flags.insert(flags.end(), {"--cpu-quota", "70000"});
    where = "/linux/resources/cpu/quota";
  }
  SECTION("swap below the limit, which is refused before anything is written") {
    flags.insert(flags.end(), {"--memory-swap", "1m"});
    where = "/linux/resources/memory/swap";
  }
  world.started(limited.bundle);
  const std::string config = slurp(world.root() + "/" + limited.bundle.id + "/config.json");
  const Ran ran = limited.update(flags);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, where));
  CHECK(limited.pids() == "20");
  CHECK(limited.memory() == "67108864");
  CHECK(limited.quota() == (cgroup_v2() ? "50000 100000" : "50000"));
  CHECK(slurp(world.root() + "/" + limited.bundle.id + "/config.json") == config);
  CHECK(world.status(limited.bundle) == "running");
  CHECK(world.remove(limited.bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("update: a memory limit below what is in use", "[update][errors]") {
  Limited limited;
  auto& world = limited.world;
  limited.bundle.probe({"--quiet", "--allocate", "32", "--print", "there", "--hold"});
  const bool check = GENERATE(true, false);
  limited.bundle.set("/linux/resources/memory/checkBeforeUpdate", check ? "true" : "false");
  if (!check && cgroup_v2()) CAISSON_SKIP("cgroup v2 ends processes in place of refusing the limit");
  const Ran started = world.started(limited.bundle);
  REQUIRE(eventually([&] { return contains(slurp(started.out_path), "there"); }));
  const Ran ran = limited.update({"--memory", "4m", "--pids-limit", "33"});
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, check ? "rejecting memory limit 4194304 <= usage" : "unable to set memory limit to 4194304"));
  CHECK(contains(ran.err, "/linux/resources/memory/limit"));
  CHECK(limited.memory() == "67108864");
  CHECK(limited.pids() == "20");
  CHECK(world.status(limited.bundle) == "running");
  CHECK(world.remove(limited.bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("update: what cannot be updated", "[update][errors]") {
  Limited limited;
  auto& world = limited.world;
  const Ran absent = limited.update({"--pids-limit", "5"});
  CHECK(absent.code == 1);
  CHECK(contains(absent.err, "container does not exist"));
  limited.bundle.probe({"--quiet"});
  world.started(limited.bundle);
  REQUIRE(eventually([&] { return world.status(limited.bundle) == "stopped"; }));
  Bundle other = world.bundle("other");
  other.probe({"--quiet", "--hold"});
  world.started(other);
  const Ran cache = world.call({"update", "--l3-cache-schema", "L3:0=f", "--pids-limit", "5", other.id});
  CHECK(cache.code == 1);
  CHECK(contains(cache.err, "no intelRdt"));
  CHECK(cgroup_value("pids", "/" + world.mark() + "/" + other.id, "pids.max") == "max");
  CHECK(world.remove(other, true).code == 0);
  const Ran stopped = limited.update({"--pids-limit", "5"});
  CHECK(stopped.code == 1);
  CHECK(contains(stopped.err, "container not running"));
  for (const char* bad : {"12x", "-5", ""}) {
    const Ran ran = limited.update({std::string("--memory=") + bad, "--pids-limit", "5"});
    INFO(bad);
    CHECK(ran.code == 1);
  }
  CHECK(world.remove(limited.bundle).code == 0);
}

TEST_CASE("update that is killed at any moment is done or undone by the next command", "[update][crash]") {
  Limited limited;
  auto& world = limited.world;
  world.started(limited.bundle);
  const std::string before = limited.kernel();
  const std::string first = R"({"memory":{"limit":67108864},"pids":{"limit":20},"cpu":{"shares":512,"quota":50000}})";
  const bool refused = GENERATE(false, true);
  const std::string change = R"({"memory":{"limit":134217728},"pids":{"limit":33},"cpu":{"shares":1024,"quota":30000)" +
                             std::string(refused ? R"(,"cpus":"4000"}})" : "}}");
  const std::string after = cgroup_v2() ? "134217728 33 30000 100000 100" : "134217728 33 30000 1024";
  const std::vector<std::vector<std::string>> next{
      {"state", limited.bundle.id}, {"events", "--stats", limited.bundle.id}, {"pause", limited.bundle.id}};
  std::size_t undone = 0, finished = 0, split = 0;
  for (int n = 1;; ++n) {
    REQUIRE(n < 200);
    How how;
    how.input = change;
    how.traced = true;
    Ran files;
    const pid_t pid = world.start_call({"update", "--resources", "-", limited.bundle.id}, how, files);
    const bool killed = kill_at_change(pid, n);
    const Ran ran = world.finish_call(pid, files, 10);
    INFO("killed before change " << n << ": " << ran.err);
    CHECK(ran.code == (killed ? 128 + SIGKILL : refused ? 1 : 0));
    split += limited.kernel() != limited.recorded();
    const auto& command = next[static_cast<std::size_t>(n) % next.size()];
    const Ran looked = world.call(command);
    CHECK(looked.code == 0);
    CHECK(limited.kernel() == limited.recorded());
    CHECK((limited.kernel() == before || (!refused && limited.kernel() == after)));
    CHECK_FALSE(Json(slurp(world.root() + "/" + limited.bundle.id + "/state.json")).has("/update"));
    (limited.kernel() == before ? undone : finished) += 1;
    if (command.front() == "pause") CHECK(world.call({"resume", limited.bundle.id}).code == 0);
    if (limited.kernel() != before) CHECK(limited.update({"--resources", "-"}, {.input = first}).code == 0);
    REQUIRE(limited.kernel() == before);
    if (!killed) break;
  }
  CHECK(undone > 0);
  CHECK((finished > 0) == !refused);
  CHECK(split > 0);
  CHECK(world.remove(limited.bundle, true).code == 0);
  world.nothing_left();
}
