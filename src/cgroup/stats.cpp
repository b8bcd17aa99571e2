// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "base/text.hpp"
#include "cgroup/common.hpp"

namespace caisson::cgroup {

namespace {

/// A counter; absent when the file is, which is what a kernel without it, or a controller that is off, shows.
Result<std::optional<std::uint64_t>> read_counter(const std::string& dir, std::string_view file,
                                                  std::string_view key = {}) {
  auto text = read_value(dir, file);
  if (!text && is_gone(text.error())) return std::optional<std::uint64_t>();
  const std::string value = CAISSON_TRY(std::move(text));
  return text::parse_uint(key.empty() ? std::string_view(value) : flat_value(value, key));
}

// v1 says "no limit" by the largest number of whole pages.
constexpr std::uint64_t kV1Unlimited = 0x7fff'ffff'ffff'0000;

}  // namespace

Result<Stats> stats_v1(const std::function<const std::string*(std::string_view)>& dir_of) {
  Stats stats;
  if (const auto* dir = dir_of("cpuacct")) stats.cpu_nanoseconds = CAISSON_TRY(read_counter(*dir, "cpuacct.usage"));
  if (const auto* dir = dir_of("pids")) stats.processes = CAISSON_TRY(read_counter(*dir, "pids.current"));
  if (const auto* dir = dir_of("memory")) {
    stats.memory_bytes = CAISSON_TRY(read_counter(*dir, "memory.usage_in_bytes"));
    stats.memory_limit_bytes = CAISSON_TRY(read_counter(*dir, "memory.limit_in_bytes"));
    if (stats.memory_limit_bytes && *stats.memory_limit_bytes >= kV1Unlimited) stats.memory_limit_bytes.reset();
    stats.oom_kills = CAISSON_TRY(read_counter(*dir, "memory.oom_control", "oom_kill"));
  }
  return stats;
}

Result<Stats> stats_v2(const std::string& path) {
  Stats stats;
  if (auto usage = CAISSON_TRY(read_counter(path, "cpu.stat", "usage_usec"))) stats.cpu_nanoseconds = *usage * 1000;
  stats.processes = CAISSON_TRY(read_counter(path, "pids.current"));
  stats.memory_bytes = CAISSON_TRY(read_counter(path, "memory.current"));
  stats.memory_limit_bytes = CAISSON_TRY(read_counter(path, "memory.max"));
  stats.oom_kills = CAISSON_TRY(read_counter(path, "memory.events", "oom_kill"));
  return stats;
}

}  // namespace caisson::cgroup
