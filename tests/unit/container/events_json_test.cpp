// SPDX-License-Identifier: Apache-2.0
#include "container/watch/events_json.hpp"

#include <catch2/catch.hpp>

using namespace caisson;

TEST_CASE("resctrl in the events has runc's keys", "[container][events]") {
  cgroup::Counters counters;
  CHECK(container::stats_line("c1", counters).contains(R"("intel_rdt":{},)"));
  counters.resctrl = {.cache = cgroup::ResctrlCounters::Cache{"fffff", 1, 16},
                      .bandwidth = cgroup::ResctrlCounters::Bandwidth{10, 1, 20, 8},
                      .cache_all = "L3:0=fffff",
                      .cache_own = "L3:0=f",
                      .bandwidth_all = "MB:0=100",
                      .bandwidth_own = "MB:0=20",
                      .schemata = {"L3:0=f", "MB:0=20"},
                      .traffic = {{100, 60}},
                      .occupancy = {{4096}}};
  CHECK(container::stats_line("c1", counters)
            .contains(R"("intel_rdt":{"l3_cache_info":{"cbm_mask":"fffff","min_cbm_bits":1,"num_closids":16},)"
                      R"("l3_cache_schema_root":"L3:0=fffff","l3_cache_schema":"L3:0=f",)"
                      R"("mem_bw_info":{"bandwidth_gran":10,"delay_linear":1,"min_bandwidth":20,"num_closids":8},)"
                      R"("mem_bw_schema_root":"MB:0=100","mem_bw_schema":"MB:0=20",)"
                      R"("schemata":["L3:0=f","MB:0=20"],)"
                      R"("mbm_stats":[{"mbm_total_bytes":100,"mbm_local_bytes":60}],)"
                      R"("cmt_stats":[{"llc_occupancy":4096}]},)"));
}

TEST_CASE("what is told of the OOM killer when systemd has removed the counters", "[container][oom]") {
  const cgroup::OomReport report{
      .kills = 1, .cgroup = "/sys/fs/cgroup/a.scope", .limit = 98304, .peak = 0, .removed = true};
  const auto text = container::oom_sentence(report, {{"", "/sys/fs/cgroup/a.scope"}});
  CHECK(text.contains("'/sys/fs/cgroup/a.scope'"));
  CHECK(text.contains("its limit was 96.0KiB (98304 bytes) [config: /linux/resources/memory/limit]"));
  CHECK_FALSE(text.contains("peak"));
}
