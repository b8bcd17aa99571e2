// SPDX-License-Identifier: Apache-2.0
#include "cgroup/stats.hpp"

#include <charconv>
#include <string>

#include "base/text.hpp"
#include "cgroup/common.hpp"

namespace caisson::cgroup {

namespace {

// v1 says "no limit" by the largest number of whole pages.
constexpr std::uint64_t kV1Unlimited = 0x7fff'ffff'ffff'0000;

/// "avg10=1.50 avg60=..." behind "some" or "full".
PressureLine read_line(std::string_view text) {
  PressureLine line;
  for (auto word : text::split(text, ' ')) {
    const auto equals = word.find('=');
    if (equals == word.npos) continue;
    const auto key = word.substr(0, equals), value = word.substr(equals + 1);
    auto read = [value](double& into) { std::from_chars(value.data(), value.data() + value.size(), into); };
    if (key == "avg10") read(line.avg10);
    if (key == "avg60") read(line.avg60);
    if (key == "avg300") read(line.avg300);
    if (key == "total") line.total = text::parse_uint(value).value_or(0);
  }
  return line;
}

Status read_pressures(const std::string& dir, Stats& stats) {
  stats.cpu_pressure = CAISSON_TRY(read_pressure(dir, "cpu"));
  stats.memory_pressure = CAISSON_TRY(read_pressure(dir, "memory"));
  stats.io_pressure = CAISSON_TRY(read_pressure(dir, "io"));
  return {};
}

/// Sums `read` and `written` over all devices.
void add_up(const std::vector<IoEntry>& entries, Stats& stats) {
  std::uint64_t read = 0, written = 0;
  for (const auto& entry : entries) {
    if (entry.operation == "Read") read += entry.value;
    if (entry.operation == "Write") written += entry.value;
  }
  stats.read_bytes = read;
  stats.written_bytes = written;
}

}  // namespace

Result<std::string> read_if_there(const std::string& dir, std::string_view file) {
  auto text = read_value(dir, file);
  if (text || (!is_gone(text.error()) && text.error().sys_errno() != EOPNOTSUPP)) return text;
  return std::string();
}

Result<std::optional<std::uint64_t>> read_counter(const std::string& dir, std::string_view file, std::string_view key) {
  const std::string text = CAISSON_TRY(read_if_there(dir, file));
  return text::parse_uint(key.empty() ? std::string_view(text) : flat_value(text, key));
}

Result<std::optional<Pressure>> read_pressure(const std::string& dir, std::string_view resource) {
  const std::string text = CAISSON_TRY(read_if_there(dir, std::string(resource) + ".pressure"));
  if (text.empty()) return std::optional<Pressure>();
  return Pressure{read_line(flat_value(text, "some")), read_line(flat_value(text, "full"))};
}

Result<Stats> stats_v1(const DirOf& dir_of) {
  Stats stats;
  if (const auto* dir = dir_of("cpuacct")) stats.cpu_nanoseconds = CAISSON_TRY(read_counter(*dir, "cpuacct.usage"));
  if (const auto* dir = dir_of("pids")) {
    stats.processes = CAISSON_TRY(read_counter(*dir, "pids.current"));
    stats.process_limit = CAISSON_TRY(read_counter(*dir, "pids.max"));
  }
  if (const auto* dir = dir_of("memory")) {
    stats.memory_bytes = CAISSON_TRY(read_counter(*dir, "memory.usage_in_bytes"));
    stats.memory_limit_bytes = CAISSON_TRY(read_counter(*dir, "memory.limit_in_bytes"));
    if (stats.memory_limit_bytes && *stats.memory_limit_bytes >= kV1Unlimited) stats.memory_limit_bytes.reset();
    stats.oom_kills = CAISSON_TRY(read_counter(*dir, "memory.oom_control", "oom_kill"));
  }
  if (dir_of("blkio")) add_up(CAISSON_TRY(io_v1(dir_of)), stats);
  if (const auto* dir = dir_of("")) CAISSON_TRY(read_pressures(*dir, stats));
  return stats;
}

Result<Stats> stats_v2(const std::string& path) {
  Stats stats;
  if (auto usage = CAISSON_TRY(read_counter(path, "cpu.stat", "usage_usec"))) stats.cpu_nanoseconds = *usage * 1000;
  stats.processes = CAISSON_TRY(read_counter(path, "pids.current"));
  stats.process_limit = CAISSON_TRY(read_counter(path, "pids.max"));
  stats.memory_bytes = CAISSON_TRY(read_counter(path, "memory.current"));
  stats.memory_limit_bytes = CAISSON_TRY(read_counter(path, "memory.max"));
  stats.oom_kills = CAISSON_TRY(read_counter(path, "memory.events", "oom_kill"));
  IoCounters io;
  if (CAISSON_TRY(read_io_stat(path, io))) add_up(io.service_bytes, stats);
  CAISSON_TRY(read_pressures(path, stats));
  return stats;
}

}  // namespace caisson::cgroup
