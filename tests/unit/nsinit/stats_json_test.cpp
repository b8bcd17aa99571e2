// SPDX-License-Identifier: Apache-2.0
#include "nsinit/stats_json.hpp"

#include <catch2/catch.hpp>

using namespace caisson;

TEST_CASE("the counters under the names of 2014", "[nsinit][stats]") {
  container::Account account;
  account.counters.cpu.total = 9;
  account.counters.cpu.per_cpu = {4, 5};
  account.counters.cpu.kernel = 2;
  account.counters.cpu.user = 7;
  account.counters.cpu.throttled_time = 3;
  account.counters.memory.usage = {.limit = 100, .usage = 40, .max = 60, .failures = 1};
  account.counters.memory.raw = {{"rss", 30}};
  account.counters.io.serviced = {{8, 16, "Read", 12}};
  // What the host's end has received, the container has sent.
  account.veth = {.rx_bytes = 1,
                  .rx_packets = 2,
                  .rx_errors = 3,
                  .rx_dropped = 4,
                  .tx_bytes = 5,
                  .tx_packets = 6,
                  .tx_errors = 7,
                  .tx_dropped = 8};
  std::string text = nsinit::write_stats(account);
  std::erase_if(text, [](char c) { return c == '\t' || c == '\n' || c == ' '; });
  CHECK(text ==
        R"({"network_stats":{"rx_bytes":5,"rx_packets":6,"rx_errors":7,"rx_dropped":8,)"
        R"("tx_bytes":1,"tx_packets":2,"tx_errors":3,"tx_dropped":4},)"
        R"("cgroup_stats":{"cpu_stats":{"cpu_usage":{"total_usage":9,"percpu_usage":[4,5],"usage_in_kernelmode":2,)"
        R"("usage_in_usermode":7},"throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":3}},)"
        R"("memory_stats":{"usage":40,"max_usage":60,"stats":{"rss":30},"failcnt":1},)"
        R"("blkio_stats":{"io_service_bytes_recursive":[],)"
        R"("io_serviced_recursive":[{"major":8,"minor":16,"op":"Read","value":12}],"io_queue_recursive":[],)"
        R"("io_service_time_recursive":[],"io_wait_time_recursive":[],"io_merged_recursive":[],)"
        R"("io_time_recursive":[],"sectors_recursive":[]}}})");
}
