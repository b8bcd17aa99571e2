// SPDX-License-Identifier: Apache-2.0
#include "cgroup/stats.hpp"

#include <filesystem>
#include <fstream>
#include <map>

#include "fixture.hpp"

using namespace caisson;
using namespace caisson::test;
using cgroup::OomReport;

namespace {

using Files = std::map<std::string, std::string>;

/// Files that look like cgroups': their texts are the kernel's, from hosts that this one is not.
struct Directory {
  std::string path = "/tmp/" + unique_name("-stats");
  Directory() { std::filesystem::create_directory(path); }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string add(const std::string& name, const Files& files) const {
    const std::string dir = name.empty() ? path : path + '/' + name;
    std::filesystem::create_directories(dir);
    for (const auto& [file, text] : files) std::ofstream(dir + '/' + file) << text << '\n';
    return dir;
  }
};

constexpr const char* kPressure =
    "some avg10=1.50 avg60=2.25 avg300=0.00 total=1234\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=99";

cgroup::DirOf everywhere(const std::string& dir) {
  return [&dir](std::string_view) { return &dir; };
}

}  // namespace

TEST_CASE("what v2 counts", "[cgroup][stats]") {
  Directory directory;
  const auto dir = directory.add("", {{"cpu.stat",
                                       "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 7\n"
                                       "nr_throttled 3\nthrottled_usec 40"},
                                      {"cpu.pressure", kPressure},
                                      {"cpuset.cpus.effective", "0-1,3"},
                                      {"memory.stat", "anon 100\nfile 200\npgfault 3"},
                                      {"memory.current", "4096"},
                                      {"memory.peak", "8192"},
                                      {"memory.max", "65536"},
                                      {"memory.swap.current", "10"},
                                      {"memory.swap.max", "100"},
                                      {"memory.events", "low 0\nhigh 0\nmax 5\noom 2\noom_kill 1"},
                                      {"pids.current", "4"},
                                      {"pids.max", "max"},
                                      {"io.stat",
                                       "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n"
                                       "8:16 rbytes=5 wbytes=0 rios=1 wios=0 dbytes=0 dios=0"}});
  const auto counters = ok(cgroup::counters_v2(dir));
  CHECK(counters.cpu.total == 5'000'000);
  CHECK(counters.cpu.user == 3'000'000);
  CHECK(counters.cpu.kernel == 2'000'000);
  CHECK(counters.cpu.throttled_periods == 3);
  CHECK(counters.cpu.throttled_time == 40'000);
  REQUIRE(counters.cpu.pressure);
  CHECK(counters.cpu.pressure->some == cgroup::PressureLine{1.5, 2.25, 0, 1234});
  CHECK(counters.cpu.pressure->full.total == 99);
  CHECK_FALSE(counters.memory.pressure);
  CHECK(counters.cpuset.cpus == std::vector<std::uint64_t>{0, 1, 3});
  CHECK(counters.memory.cache == 200);
  CHECK(counters.memory.raw == std::map<std::string, std::uint64_t>{{"anon", 100}, {"file", 200}, {"pgfault", 3}});
  CHECK(counters.memory.usage.usage == 4096);
  CHECK(counters.memory.usage.max == 8192);
  CHECK(counters.memory.usage.limit == 65536);
  CHECK(counters.memory.usage.failures == 5);
  CHECK(counters.memory.swap.usage == 4106);
  CHECK(counters.memory.swap.limit == 65636);
  CHECK(counters.pids.current == 4);
  CHECK(counters.pids.limit == 0);
  CHECK(counters.io.service_bytes ==
        std::vector<cgroup::IoEntry>{{8, 0, "Read", 10}, {8, 0, "Write", 20}, {8, 16, "Read", 5}, {8, 16, "Write", 0}});
  CHECK(counters.io.serviced.size() == 4);

  const auto stats = ok(cgroup::stats_v2(dir));
  CHECK(stats.cpu_nanoseconds == 5'000'000u);
  CHECK(stats.memory_bytes == 4096u);
  CHECK(stats.memory_limit_bytes == 65536u);
  CHECK(stats.processes == 4u);
  CHECK_FALSE(stats.process_limit);
  CHECK(stats.read_bytes == 15u);
  CHECK(stats.written_bytes == 20u);
  CHECK(stats.oom_kills == 1u);
  REQUIRE(stats.cpu_pressure);
  CHECK(stats.cpu_pressure->some.avg10 == 1.5);
}

TEST_CASE("what v1 counts", "[cgroup][stats]") {
  Directory directory;
  const auto dir = directory.add(
      "", {{"cpuacct.usage", "7000"},
           {"cpuacct.stat", "user 3\nsystem 2"},
           {"cpuacct.usage_percpu", "3000 4000 "},
           {"cpu.stat", "nr_periods 5\nnr_throttled 2\nthrottled_time 900"},
           {"cpuset.cpus", "0-2"},
           {"cpuset.sched_relax_domain_level", "-1"},
           {"memory.stat", "cache 77\nrss 5"},
           {"memory.usage_in_bytes", "100"},
           {"memory.max_usage_in_bytes", "300"},
           {"memory.limit_in_bytes", "9223372036854771712"},
           {"memory.failcnt", "4"},
           {"memory.memsw.usage_in_bytes", "150"},
           {"memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2"},
           {"pids.current", "3"},
           {"pids.max", "9"},
           {"blkio.throttle.io_service_bytes_recursive", "8:0 Read 11\n8:0 Write 22\n8:0 Total 33\nTotal 33"},
           {"blkio.bfq.io_serviced_recursive", "8:0 Read 1\nTotal 1"},
           {"blkio.throttle.io_serviced_recursive", "8:0 Read 9\nTotal 9"}});
  const auto counters = ok(cgroup::counters_v1(everywhere(dir)));
  CHECK(counters.cpu.total == 7000);
  CHECK(counters.cpu.user == 30'000'000);
  CHECK(counters.cpu.kernel == 20'000'000);
  CHECK(counters.cpu.per_cpu == std::vector<std::uint64_t>{3000, 4000});
  CHECK(counters.cpu.throttled_time == 900);
  CHECK(counters.cpuset.cpus == std::vector<std::uint64_t>{0, 1, 2});
  CHECK(counters.cpuset.sched_relax_domain_level == -1);
  CHECK(counters.memory.cache == 77);
  CHECK(counters.memory.usage.failures == 4);
  CHECK(counters.memory.usage.max == 300);
  CHECK(counters.memory.swap.usage == 150);
  CHECK(counters.pids.limit == 9);
  CHECK(counters.io.service_bytes.size() == 3);
  CHECK(counters.io.serviced == std::vector<cgroup::IoEntry>{{8, 0, "Read", 1}});  // BFQ's own where it is

  const auto stats = ok(cgroup::stats_v1(everywhere(dir)));
  CHECK_FALSE(stats.memory_limit_bytes);
  CHECK(stats.read_bytes == 11u);
  CHECK(stats.written_bytes == 22u);
  CHECK(stats.oom_kills == 2u);
  CHECK(stats.process_limit == 9u);
}

TEST_CASE("a host that counts nothing", "[cgroup][stats]") {
  Directory directory;
  CHECK(ok(cgroup::counters_v2(directory.path)).cpu.total == 0);
  CHECK_FALSE(ok(cgroup::stats_v2(directory.path)).cpu_nanoseconds);
  CHECK_FALSE(ok(cgroup::stats_v1([](std::string_view) { return nullptr; })).memory_bytes);
  CHECK_FALSE(ok(cgroup::oom_report(directory.path + "/gone", true, true)));
}

namespace {

Files level_v1(const char* limit, const char* peak, const char* kills) {
  return {{"memory.limit_in_bytes", limit},
          {"memory.max_usage_in_bytes", peak},
          {"memory.oom_control", std::string("oom_kill_disable 0\nunder_oom 0\noom_kill ") + kills}};
}
Files level_v2(const char* limit, const char* peak, const char* oom, const char* kills) {
  return {{"memory.max", limit},
          {"memory.peak", peak},
          {"memory.events.local", std::string("oom ") + oom},
          {"memory.events", std::string("oom 9\noom_kill ") + kills}};
}

constexpr const char* kV1None = "9223372036854771712";

}  // namespace

TEST_CASE("whose limit the OOM killer acted for", "[cgroup][oom]") {
  Directory directory;
  const std::string parent = directory.path + "/parent", own = parent + "/own", child = own + "/child";
  std::optional<OomReport> expected;
  bool v2 = false;
  SECTION("v1: nobody's") {
    directory.add("parent", level_v1("20000000", "20000000", "0"));
    directory.add("parent/own", level_v1("10000000", "10000000", "0"));
  }
  SECTION("v1: its own") {
    directory.add("parent", level_v1(kV1None, "20000000", "0"));
    directory.add("parent/own", level_v1("10000000", "9999360", "2"));
    expected = OomReport{2, own, 10000000, 9999360};
  }
  SECTION("v1: of the level above") {
    directory.add("parent", level_v1("20000000", "20000000", "0"));
    directory.add("parent/own", level_v1(kV1None, "9999360", "1"));
    expected = OomReport{1, parent, 20000000, 20000000};
  }
  SECTION("v1: of a level beneath, which counts for itself") {
    directory.add("parent", level_v1("20000000", "10000000", "0"));
    directory.add("parent/own", level_v1("10000000", "5000000", "0"));
    directory.add("parent/own/child", level_v1("5000000", "5000000", "1"));
    expected = OomReport{1, child, 5000000, 5000000};
  }
  SECTION("v1: its own, and the process was beneath") {
    directory.add("parent", level_v1(kV1None, "10000000", "0"));
    directory.add("parent/own", level_v1("10000000", "10000000", "0"));
    directory.add("parent/own/child", level_v1(kV1None, "9000000", "1"));
    expected = OomReport{1, own, 10000000, 10000000};
  }
  SECTION("v1: the limit of memory and swap together") {
    auto files = level_v1("10000000", "6000000", "1");
    files["memory.memsw.limit_in_bytes"] = "12000000";
    files["memory.memsw.max_usage_in_bytes"] = "12000000";
    directory.add("parent/own", files);
    expected = OomReport{1, own, 12000000, 12000000};
  }
  SECTION("v1: the host's") {
    directory.add("parent", level_v1(kV1None, "20000000", "0"));
    directory.add("parent/own", level_v1("90000000", "9999360", "1"));
    expected = OomReport{1, "", 0, 0};
  }
  SECTION("v2: its own") {
    v2 = true;
    directory.add("parent", level_v2("max", "20000000", "0", "4"));
    directory.add("parent/own", level_v2("10000000", "10000000", "1", "3"));
    expected = OomReport{3, own, 10000000, 10000000};
  }
  SECTION("v2: of the level above") {
    v2 = true;
    directory.add("parent", level_v2("20000000", "20000000", "2", "4"));
    directory.add("parent/own", level_v2("10000000", "9000000", "0", "3"));
    expected = OomReport{3, parent, 20000000, 20000000};
  }
  SECTION("v2: of a level beneath") {
    v2 = true;
    directory.add("parent/own", level_v2("10000000", "9000000", "0", "1"));
    directory.add("parent/own/child", level_v2("5000000", "5000000", "1", "1"));
    expected = OomReport{1, child, 5000000, 5000000};
  }
  std::filesystem::create_directories(own);
  CHECK(ok(cgroup::oom_report(own, v2, false)) == expected);
}
