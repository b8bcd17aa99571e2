// SPDX-License-Identifier: Apache-2.0
#include "cgroup/resctrl_groups.hpp"

#include <filesystem>
#include <fstream>

#include "fixture.hpp"

using namespace caisson;
using namespace caisson::test;

namespace {

/// A directory with the files of a resctrl. Groups that are made in it get theirs by add(): no kernel does it here.
struct Resctrl {
  std::string path = "/tmp/" + unique_name("-resctrl");
  Resctrl() {
    add("", "");
    for (const char* name : {"info/L3", "info/MB", "info/L3_MON", "mon_groups"})
      std::filesystem::create_directories(path + '/' + name);
  }
  ~Resctrl() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string add(const std::string& group, const std::string& schemata) const {
    const std::string dir = group.empty() ? path : path + '/' + group;
    std::filesystem::create_directories(dir);
    std::ofstream(dir + "/schemata") << schemata;
    std::ofstream(dir + "/tasks");
    return dir;
  }
  plan::HostFacts facts() const {
    plan::HostFacts all;
    all.resctrl = cgroup::look_at_resctrl(path);
    return all;
  }
  plan::ResctrlPlan plan(const config::IntelRdt& wanted) const { return ok(plan::make_resctrl(wanted, facts(), "c1")); }
};

}  // namespace

TEST_CASE("a resctrl's abilities are what its info directory has", "[cgroup][resctrl]") {
  Resctrl resctrl;
  CHECK(cgroup::look_at_resctrl(resctrl.path) == plan::ResctrlFacts{resctrl.path, true, true, true});
  std::filesystem::remove(resctrl.path + "/info/MB");
  CHECK_FALSE(cgroup::look_at_resctrl(resctrl.path).bandwidth);
}

TEST_CASE("a group of the container's own is made, written, entered, removed", "[cgroup][resctrl]") {
  Resctrl resctrl;
  const auto plan = resctrl.plan({.l3_cache_schema = "L3:0=f", .mem_bw_schema = "MB:0=20"});
  const auto missing = cgroup::missing_of(plan);
  CHECK(missing.group);
  CHECK_FALSE(missing.monitor);
  ok(cgroup::make_groups(plan, missing));
  REQUIRE(exists(plan.group));
  resctrl.add("c1", "");
  ok(cgroup::write_schemata(plan.group, plan.schemata));
  CHECK(read(plan.group + "/schemata") == "MB:0=20");  // the last write of a file that is a plain one
  ok(cgroup::join_group(plan.group, "", 4321));
  CHECK(read(plan.group + "/tasks") == "4321");
  std::filesystem::remove(plan.group + "/schemata");
  std::filesystem::remove(plan.group + "/tasks");
  ok(cgroup::remove_group(plan.group));
  CHECK_FALSE(exists(plan.group));
  ok(cgroup::remove_group(plan.group));
}

TEST_CASE("a group that is there must say what is wanted", "[cgroup][resctrl]") {
  Resctrl resctrl;
  resctrl.add("gold", "    L3:0=00f;1=f\n");
  const auto same = resctrl.plan({.clos_id = "gold", .schemata = {"L3:0=f"}, .enable_monitoring = true});
  const auto missing = cgroup::missing_of(same);
  CHECK_FALSE(missing.group);
  CHECK(missing.monitor);
  std::filesystem::create_directory(resctrl.path + "/gold/mon_groups");
  ok(cgroup::make_groups(same, missing));
  CHECK(exists(resctrl.path + "/gold/mon_groups/c1"));

  const auto other = resctrl.plan({.clos_id = "gold", .l3_cache_schema = "L3:0=ff"});
  auto refused = cgroup::make_groups(other, cgroup::missing_of(other));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().pointer() == "/linux/intelRdt/l3CacheSchema");
  const auto any = resctrl.plan({.clos_id = "gold"});
  ok(cgroup::make_groups(any, cgroup::missing_of(any)));
  CHECK(ok(cgroup::present_schemata(resctrl.path + "/gold")) ==
        std::vector<plan::Schema>{{"L3:0=00f;1=f", "/linux/intelRdt"}});
}

TEST_CASE("a class that the config names without saying what it is must be there", "[cgroup][resctrl]") {
  Resctrl resctrl;
  const auto plan = resctrl.plan({.clos_id = "silver"});
  auto refused = cgroup::make_groups(plan, cgroup::missing_of(plan));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().pointer() == "/linux/intelRdt/closID");
  CHECK_FALSE(exists(plan.group));
}

TEST_CASE("what the kernel has against a schema is told", "[cgroup][resctrl]") {
  Resctrl resctrl;
  std::ofstream(resctrl.path + "/info/last_cmd_status") << "Mask out of range\n";
  // A directory in the file's place cannot be written.
  std::filesystem::create_directories(resctrl.path + "/c1/schemata");
  auto refused = cgroup::write_schemata(resctrl.path + "/c1", {{"L3:0=fffff", "/linux/intelRdt/schemata/0"}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().pointer() == "/linux/intelRdt/schemata/0");
  CHECK(refused.error().message().starts_with("Mask out of range: "));
}

TEST_CASE("what a group has, of how much, and what it has used", "[cgroup][resctrl]") {
  Resctrl resctrl;
  const auto put = [&](const std::string& file, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(resctrl.path + '/' + file).parent_path());
    std::ofstream(resctrl.path + '/' + file) << text << '\n';
  };
  resctrl.add("", "    L3:0=fffff;1=fffff\n    MB:0=100;1=100\n");
  resctrl.add("c1", "    L3:0=f;1=f0\n    MB:0=20;1=70\n");
  put("info/L3/cbm_mask", "fffff");
  put("info/L3/min_cbm_bits", "1");
  put("info/L3/num_closids", "16");
  put("info/MB/bandwidth_gran", "10");
  put("info/MB/delay_linear", "1");
  put("info/MB/min_bandwidth", "10");
  put("info/MB/num_closids", "8");
  put("c1/mon_data/mon_L3_00/llc_occupancy", "4096");
  put("c1/mon_data/mon_L3_00/mbm_total_bytes", "100");
  put("c1/mon_data/mon_L3_00/mbm_local_bytes", "60");
  put("c1/mon_groups/c1/mon_data/mon_L3_00/llc_occupancy", "2048");
  const auto seen = ok(cgroup::resctrl_counters(resctrl.path, resctrl.path + "/c1", ""));
  REQUIRE(seen.cache);
  CHECK(seen.cache->mask == "fffff");
  CHECK(seen.cache->least_bits == 1);
  CHECK(seen.cache->classes == 16);
  REQUIRE(seen.bandwidth);
  CHECK(seen.bandwidth->step == 10);
  CHECK(seen.bandwidth->least == 10);
  CHECK(seen.cache_all == "L3:0=fffff;1=fffff");
  CHECK(seen.cache_own == "L3:0=f;1=f0");
  CHECK(seen.bandwidth_all == "MB:0=100;1=100");
  CHECK(seen.bandwidth_own == "MB:0=20;1=70");
  CHECK(seen.schemata == std::vector<std::string>{"L3:0=f;1=f0", "MB:0=20;1=70"});
  REQUIRE(seen.traffic.size() == 1);
  CHECK(seen.traffic[0].total == 100);
  CHECK(seen.traffic[0].local == 60);
  REQUIRE(seen.occupancy.size() == 1);
  CHECK(seen.occupancy[0].bytes == 4096);
  const auto monitored =
      ok(cgroup::resctrl_counters(resctrl.path, resctrl.path + "/c1", resctrl.path + "/c1/mon_groups/c1"));
  REQUIRE(monitored.occupancy.size() == 1);
  CHECK(monitored.occupancy[0].bytes == 2048);
  CHECK(monitored.traffic.empty());
}
