// SPDX-License-Identifier: Apache-2.0
#include "nsinit/stats_json.hpp"

#include <cstdint>
#include <map>
#include <vector>

#include "json/fields.hpp"
#include "json/write.hpp"

namespace caisson {

namespace nsinit {
namespace {

struct CpuUsage {
  std::uint64_t total = 0;
  std::vector<std::uint64_t> per_cpu;
  std::uint64_t kernel = 0, user = 0;
};
struct Throttling {
  std::uint64_t periods = 0, throttled_periods = 0, throttled_time = 0;
};
struct CpuStats {
  CpuUsage usage;
  Throttling throttling;
};
struct MemoryStats {
  std::uint64_t usage = 0, max_usage = 0;
  std::map<std::string, std::uint64_t> stats;
  std::uint64_t failures = 0;
};
struct BlockEntry {
  std::uint64_t major = 0, minor = 0;
  std::string operation;
  std::uint64_t value = 0;
};
struct BlockStats {
  std::vector<BlockEntry> service_bytes, serviced, queued, service_time, wait_time, merged, time, sectors;
};
struct CgroupStats {
  CpuStats cpu;
  MemoryStats memory;
  BlockStats block;
};
struct NetworkStats {
  std::uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
};
struct ContainerStats {
  NetworkStats network;
  CgroupStats cgroup;
};

std::vector<BlockEntry> entries(const std::vector<cgroup::IoEntry>& counted) {
  std::vector<BlockEntry> entries;
  for (const auto& entry : counted) entries.push_back({entry.major, entry.minor, entry.operation, entry.value});
  return entries;
}

}  // namespace
}  // namespace nsinit

template <>
inline constexpr auto json::fields<nsinit::CpuUsage> = table(always("total_usage", &nsinit::CpuUsage::total),
                                                             always("percpu_usage", &nsinit::CpuUsage::per_cpu),
                                                             always("usage_in_kernelmode", &nsinit::CpuUsage::kernel),
                                                             always("usage_in_usermode", &nsinit::CpuUsage::user));
template <>
inline constexpr auto json::fields<nsinit::Throttling> =
    table(always("periods", &nsinit::Throttling::periods),
          always("throttled_periods", &nsinit::Throttling::throttled_periods),
          always("throttled_time", &nsinit::Throttling::throttled_time));
template <>
inline constexpr auto json::fields<nsinit::CpuStats> = table(always("cpu_usage", &nsinit::CpuStats::usage),
                                                             always("throttling_data", &nsinit::CpuStats::throttling));
template <>
inline constexpr auto json::fields<nsinit::MemoryStats> = table(always("usage", &nsinit::MemoryStats::usage),
                                                                always("max_usage", &nsinit::MemoryStats::max_usage),
                                                                always("stats", &nsinit::MemoryStats::stats),
                                                                always("failcnt", &nsinit::MemoryStats::failures));
template <>
inline constexpr auto json::fields<nsinit::BlockEntry> = table(always("major", &nsinit::BlockEntry::major),
                                                               always("minor", &nsinit::BlockEntry::minor),
                                                               always("op", &nsinit::BlockEntry::operation),
                                                               always("value", &nsinit::BlockEntry::value));
template <>
inline constexpr auto json::fields<nsinit::BlockStats> = table(
    always("io_service_bytes_recursive", &nsinit::BlockStats::service_bytes),
    always("io_serviced_recursive", &nsinit::BlockStats::serviced),
    always("io_queue_recursive", &nsinit::BlockStats::queued),
    always("io_service_time_recursive", &nsinit::BlockStats::service_time),
    always("io_wait_time_recursive", &nsinit::BlockStats::wait_time),
    always("io_merged_recursive", &nsinit::BlockStats::merged), always("io_time_recursive", &nsinit::BlockStats::time),
    always("sectors_recursive", &nsinit::BlockStats::sectors));
template <>
inline constexpr auto json::fields<nsinit::CgroupStats> = table(always("cpu_stats", &nsinit::CgroupStats::cpu),
                                                                always("memory_stats", &nsinit::CgroupStats::memory),
                                                                always("blkio_stats", &nsinit::CgroupStats::block));
template <>
inline constexpr auto json::fields<nsinit::NetworkStats> = table(
    always("rx_bytes", &nsinit::NetworkStats::rx_bytes), always("rx_packets", &nsinit::NetworkStats::rx_packets),
    always("rx_errors", &nsinit::NetworkStats::rx_errors), always("rx_dropped", &nsinit::NetworkStats::rx_dropped),
    always("tx_bytes", &nsinit::NetworkStats::tx_bytes), always("tx_packets", &nsinit::NetworkStats::tx_packets),
    always("tx_errors", &nsinit::NetworkStats::tx_errors), always("tx_dropped", &nsinit::NetworkStats::tx_dropped));
template <>
inline constexpr auto json::fields<nsinit::ContainerStats> = table(
    always("network_stats", &nsinit::ContainerStats::network), always("cgroup_stats", &nsinit::ContainerStats::cgroup));

namespace nsinit {

std::string write_stats(const container::Account& account) {
  const auto& [cpu, cpuset, memory, pids, io, hugetlb, resctrl] = account.counters;
  const network::LinkCounters& link = account.veth;
  const ContainerStats stats{
      .network = {link.tx_bytes, link.tx_packets, link.tx_errors, link.tx_dropped, link.rx_bytes, link.rx_packets,
                  link.rx_errors, link.rx_dropped},
      .cgroup = {
          .cpu = {{cpu.total, cpu.per_cpu, cpu.kernel, cpu.user},
                  {cpu.periods, cpu.throttled_periods, cpu.throttled_time}},
          .memory = {memory.usage.usage, memory.usage.max, memory.raw, memory.usage.failures},
          .block = {entries(io.service_bytes), entries(io.serviced), entries(io.queued), entries(io.service_time),
                    entries(io.wait_time), entries(io.merged), entries(io.time), entries(io.sectors)}}};
  return json::write(stats, json::Style::tabs);
}

}  // namespace nsinit
}  // namespace caisson
