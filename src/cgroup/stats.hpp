// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace caisson::cgroup {

/// One line of a pressure file: the share of time, in percent, in which tasks waited. Kernel Documentation/accounting/
/// psi.rst.
struct PressureLine {
  double avg10 = 0;
  double avg60 = 0;
  double avg300 = 0;
  std::uint64_t total = 0;  ///< microseconds
  bool operator==(const PressureLine&) const = default;
};

struct Pressure {
  PressureLine some;  ///< at least one task waited
  PressureLine full;  ///< all did
  bool operator==(const Pressure&) const = default;
};

/// The few counters that people and programs ask for at every moment; absent where the host does not count.
struct Stats {
  std::optional<std::uint64_t> cpu_nanoseconds;
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> memory_limit_bytes;  ///< absent = no limit
  std::optional<std::uint64_t> processes;
  std::optional<std::uint64_t> process_limit;  ///< absent = no limit
  std::optional<std::uint64_t> read_bytes;     ///< of block devices
  std::optional<std::uint64_t> written_bytes;
  std::optional<std::uint64_t> oom_kills;
  std::optional<Pressure> cpu_pressure, memory_pressure, io_pressure;
};

/// Times in nanoseconds.
struct CpuCounters {
  std::uint64_t total = 0;
  std::uint64_t kernel = 0;
  std::uint64_t user = 0;
  std::vector<std::uint64_t> per_cpu, per_cpu_kernel, per_cpu_user;  ///< v1
  std::uint64_t periods = 0;
  std::uint64_t throttled_periods = 0;
  std::uint64_t throttled_time = 0;
  std::optional<Pressure> pressure;
};

struct CpusetCounters {
  std::vector<std::uint64_t> cpus, mems;
  std::uint64_t cpu_exclusive = 0, mem_hardwall = 0, mem_exclusive = 0, memory_migrate = 0;  ///< v1, as the rest
  std::uint64_t memory_spread_page = 0, memory_spread_slab = 0, memory_pressure = 0, sched_load_balance = 0;
  std::int64_t sched_relax_domain_level = 0;
};

/// Bytes. No limit is the largest number that the hierarchy has.
struct MemoryUse {
  std::uint64_t limit = 0;
  std::uint64_t usage = 0;
  std::uint64_t max = 0;       ///< the most that was in use
  std::uint64_t failures = 0;  ///< how often the limit was hit
};

struct MemoryCounters {
  std::uint64_t cache = 0;
  MemoryUse usage;
  MemoryUse swap;  ///< memory and swap together, on v2 too
  MemoryUse kernel, kernel_tcp;
  std::map<std::string, std::uint64_t> raw;  ///< memory.stat
  std::optional<Pressure> pressure;
};

struct PidsCounters {
  std::uint64_t current = 0;
  std::uint64_t limit = 0;  ///< 0 = none
};

struct IoEntry {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::string operation;  ///< "Read", "Write", ...
  std::uint64_t value = 0;
  bool operator==(const IoEntry&) const = default;
};

struct IoCounters {
  std::vector<IoEntry> service_bytes, serviced, queued, service_time, wait_time, merged, time, sectors;
  std::optional<Pressure> pressure;
};

struct HugetlbCounters {
  std::uint64_t usage = 0;
  std::uint64_t max = 0;
  std::uint64_t failures = 0;
};

/// A group of resctrl: what it may have of caches and memory bandwidth, what the processor can give, and what was used.
struct ResctrlCounters {
  struct Cache {
    std::string mask;  ///< of all that can be given, in hexadecimal
    std::uint64_t least_bits = 0, classes = 0;
  };
  struct Bandwidth {
    std::uint64_t step = 0, linear = 0, least = 0, classes = 0;
  };
  struct Traffic {
    std::uint64_t total = 0, local = 0;  ///< bytes
  };
  struct Occupancy {
    std::uint64_t bytes = 0;
  };
  std::optional<Cache> cache;
  std::optional<Bandwidth> bandwidth;
  std::string cache_all, cache_own, bandwidth_all, bandwidth_own;  ///< lines of "schemata": of the host, of the group
  std::vector<std::string> schemata;
  std::vector<Traffic> traffic;      ///< by domain of the cache, where that is counted
  std::vector<Occupancy> occupancy;  ///< likewise
};

/// Everything that is counted. What the host does not count is 0.
struct Counters {
  CpuCounters cpu;
  CpusetCounters cpuset;
  MemoryCounters memory;
  PidsCounters pids;
  IoCounters io;
  std::map<std::string, HugetlbCounters> hugetlb;  ///< by page size, "2MB"
  ResctrlCounters resctrl;
};

/// Where the cgroup is in the hierarchy of a controller; null where it is in none. "" is the unified hierarchy.
using DirOf = std::function<const std::string*(std::string_view controller)>;

Result<Stats> stats_v1(const DirOf& dir_of);
Result<Stats> stats_v2(const std::string& path);
Result<Counters> counters_v1(const DirOf& dir_of);
Result<Counters> counters_v2(const std::string& path);

/// A pressure file's text; absent where the kernel does not keep it.
Result<std::optional<Pressure>> read_pressure(const std::string& dir, std::string_view resource);

/// A file's text; empty when it is not there, which is what a kernel without it, or a controller that is off, shows.
Result<std::string> read_if_there(const std::string& dir, std::string_view file);
/// The number in it, or behind `key`; absent for none and for "max".
Result<std::optional<std::uint64_t>> read_counter(const std::string& dir, std::string_view file,
                                                  std::string_view key = {});

/// What the OOM killer has done to a cgroup and those beneath it.
struct OomReport {
  std::uint64_t kills = 0;
  std::string cgroup;       ///< the level whose limit was hit, a directory of the host; empty = the host itself
  std::uint64_t limit = 0;  ///< bytes; 0 with the host
  std::uint64_t peak = 0;   ///< bytes
  /// systemd has removed the cgroup and its counters, and this is what is known beside: the kills are those beneath the
  /// level above while the container was there, `cgroup` is its own and `limit` what it was given.
  bool removed = false;
  bool operator==(const OomReport&) const = default;
};

/// How many processes it has killed.
Result<std::uint64_t> oom_kills(const std::string& memory_dir, bool v2);
/// Absent when it has killed nothing, unless `anyway`: a kill is yet to come.
Result<std::optional<OomReport>> oom_report(const std::string& memory_dir, bool v2, bool anyway);

}  // namespace caisson::cgroup
