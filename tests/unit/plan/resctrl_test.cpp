// SPDX-License-Identifier: Apache-2.0
#include "plan/resctrl.hpp"

#include <catch2/catch.hpp>

using namespace caisson;
using plan::ResctrlPlan;

namespace {

plan::HostFacts host(bool cache = true, bool bandwidth = true, bool monitoring = true) {
  plan::HostFacts facts;
  facts.resctrl = plan::ResctrlFacts{"/sys/fs/resctrl", cache, bandwidth, monitoring};
  return facts;
}

std::string fault(const config::IntelRdt& wanted, const plan::HostFacts& facts) {
  const auto made = plan::make_resctrl(wanted, facts, "c1");
  return made ? "no fault" : made.error().pointer();
}

}  // namespace

TEST_CASE("which resctrl group a container is in", "[plan][resctrl]") {
  CHECK(plan::make_resctrl({}, host(), "c1") == ResctrlPlan{"/sys/fs/resctrl/c1", "", {}, "/linux/intelRdt"});
  CHECK(plan::make_resctrl({.clos_id = "gold"}, host(), "c1") ==
        ResctrlPlan{"/sys/fs/resctrl/gold", "", {}, "/linux/intelRdt/closID"});
  CHECK(plan::make_resctrl({.clos_id = "/"}, host(), "c1")->group == "/sys/fs/resctrl");
  CHECK(plan::make_resctrl({.clos_id = "gold", .enable_monitoring = true}, host(), "c1")->monitor ==
        "/sys/fs/resctrl/gold/mon_groups/c1");
}

TEST_CASE("schemata: cache, bandwidth, then the general list, which wins", "[plan][resctrl]") {
  const auto made = plan::make_resctrl({.schemata = {"L3:0=f0", "MB:1=50"},
                                        .l3_cache_schema = "L3:0=f;1=f\nMB:0=1\nL3CODE:0=3\n",
                                        .mem_bw_schema = "MB:0=20"},
                                       host(), "c1");
  REQUIRE(made);
  CHECK(made->schemata == std::vector<plan::Schema>{{"L3:0=f;1=f", "/linux/intelRdt/l3CacheSchema"},
                                                    {"L3CODE:0=3", "/linux/intelRdt/l3CacheSchema"},
                                                    {"MB:0=20", "/linux/intelRdt/memBwSchema"},
                                                    {"L3:0=f0", "/linux/intelRdt/schemata/0"},
                                                    {"MB:1=50", "/linux/intelRdt/schemata/1"}});
}

TEST_CASE("what the processor cannot do is named", "[plan][resctrl]") {
  CHECK(fault({}, {}) == "/linux/intelRdt");
  CHECK(fault({.l3_cache_schema = "L3:0=f"}, host(false, true)) == "/linux/intelRdt/l3CacheSchema");
  CHECK(fault({.mem_bw_schema = "MB:0=20"}, host(true, false)) == "/linux/intelRdt/memBwSchema");
  CHECK(fault({.enable_monitoring = true}, host(true, true, false)) == "/linux/intelRdt/enableMonitoring");
  CHECK(fault({.l3_cache_schema = "L3:0=f"}, host(true, false, false)) == "no fault");
}

TEST_CASE("whether a group says what is wanted", "[plan][resctrl]") {
  const char* present = "    MB:0=100;1= 50\n    L3:0=00ff;1=f";
  for (const char* same : {"L3:0=ff", "L3:1=f;0=0ff", "L3: 0 = ff ; 1 = f", "MB:1=50", "MB:0=100;1=50;"})
    CHECK(plan::says(present, same));
  for (const char* other : {"L3:0=f", "L3:2=f", "MB:0=50", "L2:0=f", "L3:0=ff;1=ff", "L3CODE:0=ff"})
    CHECK_FALSE(plan::says(present, other));
}
