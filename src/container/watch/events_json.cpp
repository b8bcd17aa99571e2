// SPDX-License-Identifier: Apache-2.0
#include "container/watch/events_json.hpp"

#include "base/text.hpp"
#include "json/fields.hpp"
#include "json/write.hpp"

namespace caisson {

namespace container {
namespace {

// The layers of the text; cgroup's own values are flatter.
struct CpuUsage {
  std::uint64_t total = 0;
  std::vector<std::uint64_t> per_cpu, per_cpu_kernel, per_cpu_user;
  std::uint64_t kernel = 0, user = 0;
};
struct Throttling {
  std::uint64_t periods = 0, throttled_periods = 0, throttled_time = 0;
};
struct CpuData {
  CpuUsage usage;
  Throttling throttling;
  std::optional<cgroup::Pressure> psi;
};
struct StatsData {
  CpuData cpu;
  cgroup::CpusetCounters cpuset;
  cgroup::MemoryCounters memory;
  cgroup::PidsCounters pids;
  cgroup::IoCounters blkio;
  std::map<std::string, cgroup::HugetlbCounters> hugetlb;
  cgroup::ResctrlCounters intel_rdt;
  std::vector<std::uint64_t> network_interfaces;
};
struct StatsEvent {
  std::string type = "stats";
  std::string id;
  StatsData data;
};
struct OomEvent {
  std::string type = "oomReport";
  std::string id;
  cgroup::OomReport data;
};

}  // namespace
}  // namespace container

template <>
inline constexpr auto json::fields<cgroup::PressureLine> = table(always("avg10", &cgroup::PressureLine::avg10),
                                                                 always("avg60", &cgroup::PressureLine::avg60),
                                                                 always("avg300", &cgroup::PressureLine::avg300),
                                                                 always("total", &cgroup::PressureLine::total));
template <>
inline constexpr auto json::fields<cgroup::Pressure> = table(always("some", &cgroup::Pressure::some),
                                                             always("full", &cgroup::Pressure::full));
template <>
inline constexpr auto json::fields<container::CpuUsage> =
    table(optional("total", &container::CpuUsage::total), optional("percpu", &container::CpuUsage::per_cpu),
          optional("percpu_kernel", &container::CpuUsage::per_cpu_kernel),
          optional("percpu_user", &container::CpuUsage::per_cpu_user), always("kernel", &container::CpuUsage::kernel),
          always("user", &container::CpuUsage::user));
template <>
inline constexpr auto json::fields<container::Throttling> =
    table(optional("periods", &container::Throttling::periods),
          optional("throttledPeriods", &container::Throttling::throttled_periods),
          optional("throttledTime", &container::Throttling::throttled_time));
template <>
inline constexpr auto json::fields<container::CpuData> = table(always("usage", &container::CpuData::usage),
                                                               always("throttling", &container::CpuData::throttling),
                                                               optional("psi", &container::CpuData::psi));
template <>
inline constexpr auto json::fields<cgroup::CpusetCounters> = table(
    optional("cpus", &cgroup::CpusetCounters::cpus), always("cpu_exclusive", &cgroup::CpusetCounters::cpu_exclusive),
    optional("mems", &cgroup::CpusetCounters::mems), always("mem_hardwall", &cgroup::CpusetCounters::mem_hardwall),
    always("mem_exclusive", &cgroup::CpusetCounters::mem_exclusive),
    always("memory_migrate", &cgroup::CpusetCounters::memory_migrate),
    always("memory_spread_page", &cgroup::CpusetCounters::memory_spread_page),
    always("memory_spread_slab", &cgroup::CpusetCounters::memory_spread_slab),
    always("memory_pressure", &cgroup::CpusetCounters::memory_pressure),
    always("sched_load_balance", &cgroup::CpusetCounters::sched_load_balance),
    always("sched_relax_domain_level", &cgroup::CpusetCounters::sched_relax_domain_level));
template <>
inline constexpr auto json::fields<cgroup::MemoryUse> = table(always("limit", &cgroup::MemoryUse::limit),
                                                              optional("usage", &cgroup::MemoryUse::usage),
                                                              optional("max", &cgroup::MemoryUse::max),
                                                              always("failcnt", &cgroup::MemoryUse::failures));
template <>
inline constexpr auto json::fields<cgroup::MemoryCounters> =
    table(optional("cache", &cgroup::MemoryCounters::cache), always("usage", &cgroup::MemoryCounters::usage),
          always("swap", &cgroup::MemoryCounters::swap), always("kernel", &cgroup::MemoryCounters::kernel),
          always("kernelTCP", &cgroup::MemoryCounters::kernel_tcp), optional("raw", &cgroup::MemoryCounters::raw),
          optional("psi", &cgroup::MemoryCounters::pressure));
template <>
inline constexpr auto json::fields<cgroup::PidsCounters> = table(optional("current", &cgroup::PidsCounters::current),
                                                                 optional("limit", &cgroup::PidsCounters::limit));
template <>
inline constexpr auto json::fields<cgroup::IoEntry> = table(optional("major", &cgroup::IoEntry::major),
                                                            optional("minor", &cgroup::IoEntry::minor),
                                                            optional("op", &cgroup::IoEntry::operation),
                                                            optional("value", &cgroup::IoEntry::value));
template <>
inline constexpr auto json::fields<cgroup::IoCounters> = table(
    optional("ioServiceBytesRecursive", &cgroup::IoCounters::service_bytes),
    optional("ioServicedRecursive", &cgroup::IoCounters::serviced),
    optional("ioQueueRecursive", &cgroup::IoCounters::queued),
    optional("ioServiceTimeRecursive", &cgroup::IoCounters::service_time),
    optional("ioWaitTimeRecursive", &cgroup::IoCounters::wait_time),
    optional("ioMergedRecursive", &cgroup::IoCounters::merged), optional("ioTimeRecursive", &cgroup::IoCounters::time),
    optional("sectorsRecursive", &cgroup::IoCounters::sectors), optional("psi", &cgroup::IoCounters::pressure));
template <>
inline constexpr auto json::fields<cgroup::HugetlbCounters> = table(optional("usage", &cgroup::HugetlbCounters::usage),
                                                                    optional("max", &cgroup::HugetlbCounters::max),
                                                                    always("failcnt",
                                                                           &cgroup::HugetlbCounters::failures));
template <>
inline constexpr auto json::fields<cgroup::ResctrlCounters::Cache> =
    table(optional("cbm_mask", &cgroup::ResctrlCounters::Cache::mask),
          optional("min_cbm_bits", &cgroup::ResctrlCounters::Cache::least_bits),
          optional("num_closids", &cgroup::ResctrlCounters::Cache::classes));
template <>
inline constexpr auto json::fields<cgroup::ResctrlCounters::Bandwidth> =
    table(optional("bandwidth_gran", &cgroup::ResctrlCounters::Bandwidth::step),
          optional("delay_linear", &cgroup::ResctrlCounters::Bandwidth::linear),
          optional("min_bandwidth", &cgroup::ResctrlCounters::Bandwidth::least),
          optional("num_closids", &cgroup::ResctrlCounters::Bandwidth::classes));
template <>
inline constexpr auto json::fields<cgroup::ResctrlCounters::Traffic> =
    table(optional("mbm_total_bytes", &cgroup::ResctrlCounters::Traffic::total),
          optional("mbm_local_bytes", &cgroup::ResctrlCounters::Traffic::local));
template <>
inline constexpr auto json::fields<cgroup::ResctrlCounters::Occupancy> =
    table(optional("llc_occupancy", &cgroup::ResctrlCounters::Occupancy::bytes));
template <>
inline constexpr auto json::fields<cgroup::ResctrlCounters> = table(
    optional("l3_cache_info", &cgroup::ResctrlCounters::cache),
    optional("l3_cache_schema_root", &cgroup::ResctrlCounters::cache_all),
    optional("l3_cache_schema", &cgroup::ResctrlCounters::cache_own),
    optional("mem_bw_info", &cgroup::ResctrlCounters::bandwidth),
    optional("mem_bw_schema_root", &cgroup::ResctrlCounters::bandwidth_all),
    optional("mem_bw_schema", &cgroup::ResctrlCounters::bandwidth_own),
    optional("schemata", &cgroup::ResctrlCounters::schemata), optional("mbm_stats", &cgroup::ResctrlCounters::traffic),
    optional("cmt_stats", &cgroup::ResctrlCounters::occupancy));
template <>
inline constexpr auto json::fields<container::StatsData> =
    table(always("cpu", &container::StatsData::cpu), always("cpuset", &container::StatsData::cpuset),
          always("memory", &container::StatsData::memory), always("pids", &container::StatsData::pids),
          always("blkio", &container::StatsData::blkio), always("hugetlb", &container::StatsData::hugetlb),
          always("intel_rdt", &container::StatsData::intel_rdt),
          always("network_interfaces", &container::StatsData::network_interfaces));
template <>
inline constexpr auto json::fields<container::StatsEvent> = table(always("type", &container::StatsEvent::type),
                                                                  always("id", &container::StatsEvent::id),
                                                                  always("data", &container::StatsEvent::data));
template <>
inline constexpr auto json::fields<cgroup::OomReport> = table(always("kills", &cgroup::OomReport::kills),
                                                              always("cgroup", &cgroup::OomReport::cgroup),
                                                              always("limit", &cgroup::OomReport::limit),
                                                              always("peak", &cgroup::OomReport::peak));
template <>
inline constexpr auto json::fields<container::OomEvent> = table(always("type", &container::OomEvent::type),
                                                                always("id", &container::OomEvent::id),
                                                                always("data", &container::OomEvent::data));

namespace container {

std::string stats_line(const std::string& id, const cgroup::Counters& counters) {
  StatsEvent event;
  event.id = id;
  const auto& cpu = counters.cpu;
  event.data.cpu = {{cpu.total, cpu.per_cpu, cpu.per_cpu_kernel, cpu.per_cpu_user, cpu.kernel, cpu.user},
                    {cpu.periods, cpu.throttled_periods, cpu.throttled_time},
                    cpu.pressure};
  event.data.cpuset = counters.cpuset;
  event.data.memory = counters.memory;
  event.data.pids = counters.pids;
  event.data.blkio = counters.io;
  event.data.hugetlb = counters.hugetlb;
  event.data.intel_rdt = counters.resctrl;
  return json::write(event);
}

std::string oom_line(const std::string& id, const cgroup::OomReport& report) {
  OomEvent event;
  event.id = id;
  event.data = report;
  // Scripts look for this line as it is; an id has nothing to escape.
  return fmt::format("{{\"type\":\"oom\",\"id\":\"{}\"}}\n{}", id, json::write(event));
}

std::string oom_text(const cgroup::OomReport& report) { return json::write(report); }

std::string oom_sentence(const cgroup::OomReport& report, const std::map<std::string, std::string>& own) {
  if (report.removed)
    return fmt::format(
        "the OOM killer was at work in the slice of the container, whose cgroup '{}' systemd has removed with its "
        "counters: its limit was {} ({} bytes) [config: /linux/resources/memory/limit]",
        report.cgroup, text::format_size(report.limit), report.limit);
  std::string text =
      fmt::format("the OOM killer ended {} process{} of the container: ", report.kills, report.kills == 1 ? "" : "es");
  if (report.cgroup.empty()) return text + "the host itself had no memory left";
  text += fmt::format("cgroup '{}' hit its limit of {} ({} bytes), its peak was {} ({} bytes)", report.cgroup,
                      text::format_size(report.limit), report.limit, text::format_size(report.peak), report.peak);
  const auto memory = own.contains("memory") ? own.find("memory") : own.find("");
  if (memory != own.end() && memory->second == report.cgroup) text += " [config: /linux/resources/memory/limit]";
  return text;
}

}  // namespace container
}  // namespace caisson
