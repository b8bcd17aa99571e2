// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

#include "integration/support/terminal.hpp"
#include "integration/support/world.hpp"

using namespace caisson::testing;

namespace {

constexpr const char* kOom = "/annotations/org.caisson.oom";

std::string memory_dir(const World& world, const Bundle& bundle) {
  return cgroup_dir("memory", "/" + world.mark() + "/" + bundle.id);
}

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream stream(text);
  // The last may still be being written.
  for (std::string line; std::getline(stream, line) && !stream.eof();) lines.emplace_back(line);
  return lines;
}

std::vector<Json> oom_lines(const std::string& text) {
  auto lines = lines_of(text);
  std::erase_if(lines, [](const Json& line) { return line.str("/type") != "oomReport"; });
  return lines;
}

/// Whether `events` has all it waits for: the notice of the kernel's, the clock and the container's end.
bool watches(pid_t events) {
  const std::string dir = "/proc/" + std::to_string(events) + "/fdinfo/";
  const auto descriptors = names_in(dir);
  return std::any_of(descriptors.begin(), descriptors.end(), [&dir](const std::string& fd) {
    const std::string info = slurp(dir + fd);
    std::size_t count = 0;
    for (auto at = info.find("tfd:"); at != std::string::npos; at = info.find("tfd:", at + 1)) ++count;
    return count == 3;
  });
}

}  // namespace

TEST_CASE("events --stats has what the kernel counts, in runc's words", "[events]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/memory", R"({"limit":67108864})").set("/linux/resources/pids", R"({"limit":20})");
  bundle.probe({"--quiet", "--fork", "3", "--allocate", "8", "--spin", "0.05", "--print", "ready", "--hold"});
  const Ran started = world.started(bundle);
  REQUIRE(eventually([&] { return contains(slurp(started.out_path), "ready"); }));
  const Ran ran = world.call({"events", "--stats", bundle.id});
  INFO(ran.err << ran.out);
  REQUIRE(ran.code == 0);
  const Json event(ran.out);
  CHECK(event.keys() == std::vector<std::string>{"type", "id", "data"});
  CHECK(event.str("/type") == "stats");
  CHECK(event.str("/id") == bundle.id);
  CHECK(event.keys("/data") == std::vector<std::string>{"cpu", "cpuset", "memory", "pids", "blkio", "hugetlb",
                                                        "intel_rdt", "network_interfaces"});
  CHECK(event.num("/data/pids/current") == 4);
  CHECK(event.num("/data/pids/limit") == 20);
  CHECK(event.num("/data/memory/usage/limit") == 67108864);
  CHECK(event.num("/data/memory/usage/usage") > 8 << 20);
  CHECK(event.num("/data/cpu/usage/total") > 1'000'000);
  CHECK(event.has("/data/memory/raw/pgfault"));
  CHECK(event.has("/data/memory/kernelTCP/failcnt"));
  // The library, the table and the events read the same.
  const Json table = Json(world.call({"stats", "--format", "json", bundle.id}).out);
  CHECK(table.num("/0/pids") == 4);
  CHECK(table.num("/0/memoryLimit") == 67108864);
  CHECK(table.num("/0/cpuNanoseconds") >= event.num("/data/cpu/usage/total"));
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("events ends with the container, and says at an interval how it does", "[events]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  Ran files;
  const pid_t events = world.start_call({"events", "--interval", "20ms", bundle.id}, {}, files);
  CHECK(eventually([&] { return lines_of(slurp(files.out_path)).size() >= 2; }));
  CHECK(world.kill(bundle, "TERM").code == 0);
  const Ran ran = world.finish_call(events, files, 10);
  INFO(ran.err);
  CHECK(ran.code == 0);
  for (const auto& line : lines_of(ran.out)) CHECK(line.str("/type") == "stats");
  const Ran late = world.call({"events", bundle.id});
  CHECK(late.code == 1);
  CHECK(contains(late.err, "container with id " + bundle.id + " is not running"));
  CHECK(world.call({"events", "--stats", bundle.id}).code == 1);
  CHECK(world.remove(bundle).code == 0);
}

TEST_CASE("the OOM killer's work is told by events, state, run and exec", "[events][oom]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/memory", R"({"limit":33554432,"swap":33554432})");
  SECTION("run") {
    bundle.probe({"--quiet", "--allocate", "200"});
    const std::string dir = "/" + world.mark() + "/" + bundle.id;
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    CHECK(ran.code == 137);
    CHECK(contains(ran.err, "the OOM killer ended 1 process of the container: cgroup '"));
    CHECK(contains(ran.err, dir + "' hit its limit of 32.0MiB (33554432 bytes), its peak was 32.0MiB (33554432"));
  }
  SECTION("exec, and events, and state") {
    bundle.probe({"--quiet", "--hold"});
    world.started(bundle);
    CHECK_FALSE(Json(world.call({"state", bundle.id}).out).has(kOom));
    Ran files;
    const pid_t events = world.start_call({"events", "--interval", "1h", bundle.id}, {}, files);
    REQUIRE(eventually([&] { return watches(events); }));
    const Ran ran = world.call({"exec", bundle.id, "/probe", "--quiet", "--allocate", "200"});
    INFO(ran.err);
    CHECK(ran.code == 137);
    CHECK(contains(ran.err, "exec " + bundle.id + ": the OOM killer ended 1 process of the container"));
    CHECK(eventually([&] { return !oom_lines(slurp(files.out_path)).empty(); }));
    const Json state(world.call({"state", bundle.id}).out);
    CHECK(state.str("/status") == "running");
    const Json report(state.str(kOom));
    CHECK(report.num("/kills") == 1);
    CHECK(report.str("/cgroup") == memory_dir(world, bundle));
    CHECK(report.num("/limit") == 33554432);
    CHECK(report.num("/peak") > 30 << 20);
    // One that ends by itself later is not the OOM killer's.
    CHECK(world.call({"exec", bundle.id, "/probe", "--quiet", "--exit", "5"}).err.empty());
    CHECK(world.kill(bundle, "KILL").code == 0);
    const Ran told = world.finish_call(events, files, 10);
    CHECK(told.code == 0);
    CHECK(contains("\n" + told.out, "\n{\"type\":\"oom\",\"id\":\"" + bundle.id + "\"}\n"));
    const auto lines = oom_lines(told.out);
    REQUIRE_FALSE(lines.empty());
    // v1's kernel tells before it kills, and may once more when the dying process asks for a page.
    if (cgroup_v2()) CHECK(lines.size() == 1);
    for (const Json& line : lines) {
      CHECK(line.str("/id") == bundle.id);
      CHECK(line.str("/data/cgroup") == memory_dir(world, bundle));
      CHECK(line.num("/data/limit") == 33554432);
      CHECK(line.has("/data/kills"));
      CHECK(line.num("/data/kills") <= 1);
    }
  }
  SECTION("of a container that died of it, until it is deleted") {
    bundle.probe({"--quiet", "--allocate", "200"});
    world.started(bundle);
    REQUIRE(eventually([&] { return world.status(bundle) == "stopped"; }));
    CHECK(Json(Json(world.call({"state", bundle.id}).out).str(kOom)).num("/kills") == 1);
  }
  SECTION("by a limit of the level above") {
    const std::string above = "/sys/fs/cgroup" + std::string(cgroup_v2() ? "" : "/memory") + "/" + world.mark();
    if (cgroup_v2()) spit("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
    make_dirs(above);
    spit(above + (cgroup_v2() ? "/memory.max" : "/memory.limit_in_bytes"), "16777216");
    bundle.remove("/linux/resources/memory").probe({"--quiet", "--allocate", "200"});
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    CHECK(ran.code == 137);
    CHECK(contains(ran.err, "cgroup '" + above + "' hit its limit of 16.0MiB"));
  }
  SECTION("and a process that dies otherwise is not taken for it") {
    bundle.probe({"--quiet", "--exit", "9"});
    const Ran ran = world.run(bundle);
    CHECK(ran.code == 9);
    CHECK(ran.err.empty());
  }
  world.remove(bundle, true);
  world.nothing_left();
}

TEST_CASE("stats is a table once in a pipe, and renews itself on a terminal until the container ends", "[stats]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/pids", R"({"limit":20})").probe({"--quiet", "--hold"});
  world.started(bundle);
  const Ran ran = world.call({"stats"});
  INFO(ran.out << ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out.starts_with("ID "));
  CHECK(contains(ran.out, bundle.id));
  CHECK(contains(ran.out, "1 / 20"));
  CHECK(std::ranges::count(ran.out, '\n') == 2);
  CHECK(world.call({"stats", "nobody"}).code == 1);
  Terminal terminal(world, {"stats", "--interval", "30ms", bundle.id}, 10, 40);
  REQUIRE(terminal.appears("ID "));
  // Up to where the first table began, which is cleared: two lines are renewed.
  CHECK(terminal.appears("\033[2A\r\033[J"));
  CHECK(terminal.appears("\033[2A\r\033[J"));
  CHECK_FALSE(contains(terminal.seen(), "PIDS"));  // what is beyond the 40th column
  CHECK(world.kill(bundle, "KILL").code == 0);
  CHECK(terminal.wait() == 0);
  CHECK(world.remove(bundle, true).code == 0);
  CHECK(world.call({"stats"}).code == 0);
}
