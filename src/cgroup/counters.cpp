// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string>

#include "base/text.hpp"
#include "cgroup/common.hpp"
#include "cgroup/stats.hpp"

namespace caisson::cgroup {

namespace {

/// cpuacct.stat counts in ticks of 1/100 s on every architecture (USER_HZ).
constexpr std::uint64_t kNanosecondsPerTick = 10'000'000;
constexpr std::uint64_t kNanosecondsPerMicrosecond = 1000;
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

/// The number in a file, 0 when there is none.
Result<std::uint64_t> number(const std::string& dir, const std::string& file, std::string_view key = {}) {
  return CAISSON_TRY(read_counter(dir, file, key)).value_or(0);
}

std::vector<std::uint64_t> numbers(std::string_view text) {
  std::vector<std::uint64_t> all;
  for (auto word : text::split(text, ' '))
    if (auto value = text::parse_uint(word)) all.push_back(*value);
  return all;
}

std::vector<std::uint64_t> ids(std::string_view list) {
  std::vector<std::uint64_t> all;
  for (const auto& range : text::parse_id_list(list).value_or(std::vector<text::IdRange>()))
    for (std::uint32_t id = range.first; id <= range.last; ++id) all.push_back(id);
  return all;
}

/// Lines of "key value".
std::map<std::string, std::uint64_t> flat_map(std::string_view text) {
  std::map<std::string, std::uint64_t> map;
  for (auto line : text::split(text, '\n')) {
    const auto space = line.find(' ');
    if (space == line.npos) continue;
    if (auto value = text::parse_uint(line.substr(space + 1))) map.emplace(line.substr(0, space), *value);
  }
  return map;
}

/// Page sizes as the cgroup files call them: of "hugepages-2048kB" it is "2MB".
std::vector<std::string> page_sizes() {
  std::vector<std::string> sizes;
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir("/sys/kernel/mm/hugepages"), ::closedir);
  while (const dirent* item = list ? ::readdir(list.get()) : nullptr) {
    std::string_view name = item->d_name;
    if (!name.starts_with("hugepages-") || !name.ends_with("kB")) continue;
    name.remove_prefix(10);
    name.remove_suffix(2);
    const auto kilobytes = text::parse_uint(name);
    if (!kilobytes) continue;
    if (*kilobytes >= 1 << 20)
      sizes.push_back(std::to_string(*kilobytes >> 20) + "GB");
    else if (*kilobytes >= 1 << 10)
      sizes.push_back(std::to_string(*kilobytes >> 10) + "MB");
    else
      sizes.push_back(std::to_string(*kilobytes) + "KB");
  }
  std::ranges::sort(sizes);
  return sizes;
}

/// "8:0" or an empty pair.
std::optional<std::pair<std::uint64_t, std::uint64_t>> device(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == text.npos) return {};
  const auto major = text::parse_uint(text.substr(0, colon)), minor = text::parse_uint(text.substr(colon + 1));
  if (!major || !minor) return {};
  return std::pair(*major, *minor);
}

/// Lines of "8:0 Read 4096", or of "8:0 4096"; the sums at the end have no device.
std::vector<IoEntry> io_entries(std::string_view text) {
  std::vector<IoEntry> entries;
  for (auto line : text::split(text, '\n')) {
    const auto words = text::split(line, ' ');
    const auto numbers = device(words.front());
    if (!numbers || words.size() < 2) continue;
    entries.push_back({numbers->first, numbers->second, words.size() > 2 ? std::string(words[1]) : std::string(),
                       text::parse_uint(words.back()).value_or(0)});
  }
  return entries;
}

Status read_cpu_v1(const DirOf& dir_of, CpuCounters& cpu) {
  if (const auto* dir = dir_of("cpuacct")) {
    cpu.total = CAISSON_TRY(number(*dir, "cpuacct.usage"));
    cpu.user = CAISSON_TRY(number(*dir, "cpuacct.stat", "user")) * kNanosecondsPerTick;
    cpu.kernel = CAISSON_TRY(number(*dir, "cpuacct.stat", "system")) * kNanosecondsPerTick;
    cpu.per_cpu = numbers(CAISSON_TRY(read_if_there(*dir, "cpuacct.usage_percpu")));
    cpu.per_cpu_kernel = numbers(CAISSON_TRY(read_if_there(*dir, "cpuacct.usage_percpu_sys")));
    cpu.per_cpu_user = numbers(CAISSON_TRY(read_if_there(*dir, "cpuacct.usage_percpu_user")));
  }
  if (const auto* dir = dir_of("cpu")) {
    cpu.periods = CAISSON_TRY(number(*dir, "cpu.stat", "nr_periods"));
    cpu.throttled_periods = CAISSON_TRY(number(*dir, "cpu.stat", "nr_throttled"));
    cpu.throttled_time = CAISSON_TRY(number(*dir, "cpu.stat", "throttled_time"));
  }
  return {};
}

Status read_cpuset_v1(const std::string& dir, CpusetCounters& set) {
  set.cpus = ids(CAISSON_TRY(read_if_there(dir, "cpuset.cpus")));
  set.mems = ids(CAISSON_TRY(read_if_there(dir, "cpuset.mems")));
  set.cpu_exclusive = CAISSON_TRY(number(dir, "cpuset.cpu_exclusive"));
  set.mem_hardwall = CAISSON_TRY(number(dir, "cpuset.mem_hardwall"));
  set.mem_exclusive = CAISSON_TRY(number(dir, "cpuset.mem_exclusive"));
  set.memory_migrate = CAISSON_TRY(number(dir, "cpuset.memory_migrate"));
  set.memory_spread_page = CAISSON_TRY(number(dir, "cpuset.memory_spread_page"));
  set.memory_spread_slab = CAISSON_TRY(number(dir, "cpuset.memory_spread_slab"));
  set.memory_pressure = CAISSON_TRY(number(dir, "cpuset.memory_pressure"));
  set.sched_load_balance = CAISSON_TRY(number(dir, "cpuset.sched_load_balance"));
  const std::string level = CAISSON_TRY(read_if_there(dir, "cpuset.sched_relax_domain_level"));
  set.sched_relax_domain_level = text::parse_int(level).value_or(0);
  return {};
}

Result<MemoryUse> memory_use_v1(const std::string& dir, const std::string& prefix) {
  MemoryUse use;
  use.limit = CAISSON_TRY(number(dir, prefix + "limit_in_bytes"));
  use.usage = CAISSON_TRY(number(dir, prefix + "usage_in_bytes"));
  use.max = CAISSON_TRY(number(dir, prefix + "max_usage_in_bytes"));
  use.failures = CAISSON_TRY(number(dir, prefix + "failcnt"));
  return use;
}

Status read_memory_v1(const std::string& dir, MemoryCounters& memory) {
  memory.raw = flat_map(CAISSON_TRY(read_if_there(dir, "memory.stat")));
  memory.cache = memory.raw["cache"];
  memory.usage = CAISSON_TRY(memory_use_v1(dir, "memory."));
  memory.swap = CAISSON_TRY(memory_use_v1(dir, "memory.memsw."));
  memory.kernel = CAISSON_TRY(memory_use_v1(dir, "memory.kmem."));
  memory.kernel_tcp = CAISSON_TRY(memory_use_v1(dir, "memory.kmem.tcp."));
  return {};
}

struct IoFile {
  std::vector<IoEntry> IoCounters::*list;
  const char* name;
};

/// Recursive ones, as v2's are. Only BFQ keeps most of them.
constexpr IoFile kBfqFiles[] = {
    {&IoCounters::service_bytes, "io_service_bytes_recursive"},
    {&IoCounters::serviced, "io_serviced_recursive"},
    {&IoCounters::queued, "io_queued_recursive"},
    {&IoCounters::service_time, "io_service_time_recursive"},
    {&IoCounters::wait_time, "io_wait_time_recursive"},
    {&IoCounters::merged, "io_merged_recursive"},
    {&IoCounters::time, "time_recursive"},
    {&IoCounters::sectors, "sectors_recursive"},
};

Status read_io_v1(const std::string& dir, IoCounters& io) {
  for (const auto& file : kBfqFiles) {
    auto& list = io.*file.list;
    list = io_entries(CAISSON_TRY(read_if_there(dir, std::string("blkio.bfq.") + file.name)));
    // Devices without BFQ are counted by the throttling layer alone.
    if (list.empty()) list = io_entries(CAISSON_TRY(read_if_there(dir, std::string("blkio.throttle.") + file.name)));
  }
  return {};
}

Status read_hugetlb(const std::string& dir, bool v2, std::map<std::string, HugetlbCounters>& all) {
  for (const auto& size : page_sizes()) {
    const std::string file = "hugetlb." + size;
    const auto usage = CAISSON_TRY(read_counter(dir, file + (v2 ? ".current" : ".usage_in_bytes")));
    if (!usage) continue;
    auto& counters = all[size];
    counters.usage = *usage;
    if (v2) {
      counters.failures = CAISSON_TRY(number(dir, file + ".events", "max"));
    } else {
      counters.max = CAISSON_TRY(number(dir, file + ".max_usage_in_bytes"));
      counters.failures = CAISSON_TRY(number(dir, file + ".failcnt"));
    }
  }
  return {};
}

Status read_pressures(const std::string& dir, Counters& counters) {
  counters.cpu.pressure = CAISSON_TRY(read_pressure(dir, "cpu"));
  counters.memory.pressure = CAISSON_TRY(read_pressure(dir, "memory"));
  counters.io.pressure = CAISSON_TRY(read_pressure(dir, "io"));
  return {};
}

Status read_pids(const std::string& dir, PidsCounters& pids) {
  pids.current = CAISSON_TRY(number(dir, "pids.current"));
  pids.limit = CAISSON_TRY(number(dir, "pids.max"));
  return {};
}

Status read_cpu_v2(const std::string& dir, CpuCounters& cpu) {
  const std::string text = CAISSON_TRY(read_if_there(dir, "cpu.stat"));
  auto value = [&](std::string_view key) { return text::parse_uint(flat_value(text, key)).value_or(0); };
  cpu.total = value("usage_usec") * kNanosecondsPerMicrosecond;
  cpu.user = value("user_usec") * kNanosecondsPerMicrosecond;
  cpu.kernel = value("system_usec") * kNanosecondsPerMicrosecond;
  cpu.periods = value("nr_periods");
  cpu.throttled_periods = value("nr_throttled");
  cpu.throttled_time = value("throttled_usec") * kNanosecondsPerMicrosecond;
  return {};
}

Status read_memory_v2(const std::string& dir, MemoryCounters& memory) {
  memory.raw = flat_map(CAISSON_TRY(read_if_there(dir, "memory.stat")));
  if (memory.raw.empty()) return {};
  memory.cache = memory.raw["file"];
  memory.usage.usage = CAISSON_TRY(number(dir, "memory.current"));
  memory.usage.limit = CAISSON_TRY(read_counter(dir, "memory.max")).value_or(kNoLimit);
  memory.usage.max = CAISSON_TRY(number(dir, "memory.peak"));
  memory.usage.failures = CAISSON_TRY(number(dir, "memory.events", "max"));
  memory.swap.usage = memory.usage.usage + CAISSON_TRY(number(dir, "memory.swap.current"));
  const auto swap_limit = CAISSON_TRY(read_counter(dir, "memory.swap.max"));
  const bool limited = swap_limit && memory.usage.limit != kNoLimit;
  memory.swap.limit = limited ? memory.usage.limit + *swap_limit : kNoLimit;
  memory.swap.failures = CAISSON_TRY(number(dir, "memory.swap.events", "max"));
  return {};
}

}  // namespace

Result<std::vector<IoEntry>> io_v1(const DirOf& dir_of) {
  IoCounters io;
  if (const auto* dir = dir_of("blkio")) CAISSON_TRY(read_io_v1(*dir, io));
  return std::move(io.service_bytes);
}

Result<bool> read_io_stat(const std::string& dir, IoCounters& io) {
  auto text = read_value(dir, "io.stat");
  if (!text && is_gone(text.error())) return false;
  const std::string lines = CAISSON_TRY(std::move(text));
  for (auto line : text::split(lines, '\n')) {
    const auto words = text::split(line, ' ');
    const auto numbers = device(words.front());
    if (!numbers) continue;
    for (auto word : words) {
      const auto equals = word.find('=');
      if (equals == word.npos) continue;
      const auto key = word.substr(0, equals);
      if (key != "rbytes" && key != "wbytes" && key != "rios" && key != "wios") continue;
      auto& list = key.ends_with("bytes") ? io.service_bytes : io.serviced;
      list.push_back({numbers->first, numbers->second, key.front() == 'r' ? "Read" : "Write",
                      text::parse_uint(word.substr(equals + 1)).value_or(0)});
    }
  }
  return true;
}

Result<Counters> counters_v1(const DirOf& dir_of) {
  Counters counters;
  CAISSON_TRY(read_cpu_v1(dir_of, counters.cpu));
  if (const auto* dir = dir_of("cpuset")) CAISSON_TRY(read_cpuset_v1(*dir, counters.cpuset));
  if (const auto* dir = dir_of("memory")) CAISSON_TRY(read_memory_v1(*dir, counters.memory));
  if (const auto* dir = dir_of("pids")) CAISSON_TRY(read_pids(*dir, counters.pids));
  if (const auto* dir = dir_of("blkio")) CAISSON_TRY(read_io_v1(*dir, counters.io));
  if (const auto* dir = dir_of("hugetlb")) CAISSON_TRY(read_hugetlb(*dir, false, counters.hugetlb));
  if (const auto* dir = dir_of("")) CAISSON_TRY(read_pressures(*dir, counters));
  return counters;
}

Result<Counters> counters_v2(const std::string& path) {
  Counters counters;
  CAISSON_TRY(read_cpu_v2(path, counters.cpu));
  counters.cpuset.cpus = ids(CAISSON_TRY(read_if_there(path, "cpuset.cpus.effective")));
  counters.cpuset.mems = ids(CAISSON_TRY(read_if_there(path, "cpuset.mems.effective")));
  CAISSON_TRY(read_memory_v2(path, counters.memory));
  CAISSON_TRY(read_pids(path, counters.pids));
  (void)CAISSON_TRY(read_io_stat(path, counters.io));
  CAISSON_TRY(read_hugetlb(path, true, counters.hugetlb));
  CAISSON_TRY(read_pressures(path, counters));
  return counters;
}

}  // namespace caisson::cgroup
