// SPDX-License-Identifier: Apache-2.0
#include "cli/stats_table.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "cli/output.hpp"
#include "json/fields.hpp"
#include "json/write.hpp"

namespace caisson {

namespace cli {
namespace {

using container::Usage;
using Count = std::optional<std::uint64_t>;

struct JsonRow {
  std::string id, status;
  std::optional<double> cpu_percent;
  Count cpu_nanoseconds, memory_bytes, memory_limit_bytes, pids, pids_limit, read_bytes, written_bytes, oom_kills;
  std::optional<double> cpu_pressure, memory_pressure, io_pressure;
};

constexpr const char* kNothing = "-";

std::string percent(const std::optional<double>& value) {
  return value ? fmt::format("{:.1f}%", *value) : std::string(kNothing);
}

std::string size(const Count& bytes) { return bytes ? text::format_size(*bytes) : std::string(kNothing); }

std::string number(const Count& value) { return value ? fmt::format("{}", *value) : std::string(kNothing); }

/// "1.50MiB / 64.0MiB (2.3%)", without the rest where there is no limit.
std::string memory(const Usage& usage) {
  if (!usage.memory_bytes || !usage.memory_limit_bytes) return size(usage.memory_bytes);
  const double share = *usage.memory_limit_bytes == 0 ? 0
                                                      : 100 * static_cast<double>(*usage.memory_bytes) /
                                                            static_cast<double>(*usage.memory_limit_bytes);
  return fmt::format("{} / {} ({:.0f}%)", size(usage.memory_bytes), size(usage.memory_limit_bytes), share);
}

std::string pids(const Usage& usage) {
  return usage.process_limit ? number(usage.processes) + " / " + number(usage.process_limit) : number(usage.processes);
}

/// Percent of the last ten seconds in which something waited for processor, memory, I/O.
std::string pressure(const Usage& usage) {
  if (!usage.cpu_pressure && !usage.memory_pressure && !usage.io_pressure) return kNothing;
  auto one = [](const std::optional<double>& value) {
    return value ? fmt::format("{:.0f}", *value) : std::string(kNothing);
  };
  return one(usage.cpu_pressure) + "/" + one(usage.memory_pressure) + "/" + one(usage.io_pressure) + "%";
}

}  // namespace
}  // namespace cli

template <>
inline constexpr auto json::fields<cli::JsonRow> =
    table(always("id", &cli::JsonRow::id), always("status", &cli::JsonRow::status),
          always("cpuPercent", &cli::JsonRow::cpu_percent), always("cpuNanoseconds", &cli::JsonRow::cpu_nanoseconds),
          always("memoryBytes", &cli::JsonRow::memory_bytes), always("memoryLimit", &cli::JsonRow::memory_limit_bytes),
          always("pids", &cli::JsonRow::pids), always("pidsLimit", &cli::JsonRow::pids_limit),
          always("ioReadBytes", &cli::JsonRow::read_bytes), always("ioWrittenBytes", &cli::JsonRow::written_bytes),
          always("cpuPressure", &cli::JsonRow::cpu_pressure), always("memoryPressure", &cli::JsonRow::memory_pressure),
          always("ioPressure", &cli::JsonRow::io_pressure), always("oomKills", &cli::JsonRow::oom_kills));

namespace cli {

std::vector<std::optional<double>> cpu_percent(std::span<const Usage> before, std::span<const Usage> now) {
  std::vector<std::optional<double>> shares;
  for (const auto& usage : now) {
    auto& share = shares.emplace_back();
    const auto old = std::ranges::find(before, usage.id, &Usage::id);
    if (old == before.end() || !old->cpu_nanoseconds || !usage.cpu_nanoseconds) continue;
    // Another container of the same id starts from nothing.
    if (usage.taken <= old->taken || *usage.cpu_nanoseconds < *old->cpu_nanoseconds) continue;
    share = 100 * static_cast<double>(*usage.cpu_nanoseconds - *old->cpu_nanoseconds) /
            static_cast<double>(usage.taken - old->taken);
  }
  return shares;
}

std::string stats_table(std::span<const Usage> usage, std::span<const std::optional<double>> cpu) {
  std::vector<std::vector<std::string>> rows{
      {"ID", "STATUS", "CPU", "MEMORY", "PIDS", "READ / WRITTEN", "PRESSURE C/M/I", "OOM KILLS"}};
  for (std::size_t i = 0; i < usage.size(); ++i) {
    const auto& one = usage[i];
    rows.push_back({one.id, one.status, percent(i < cpu.size() ? cpu[i] : std::nullopt), memory(one), pids(one),
                    size(one.read_bytes) + " / " + size(one.written_bytes), pressure(one), number(one.oom_kills)});
  }
  return table(rows);
}

std::string stats_json(std::span<const Usage> usage, std::span<const std::optional<double>> cpu) {
  std::vector<JsonRow> rows;
  for (std::size_t i = 0; i < usage.size(); ++i) {
    const auto& one = usage[i];
    rows.push_back({one.id, one.status, i < cpu.size() ? cpu[i] : std::nullopt, one.cpu_nanoseconds, one.memory_bytes,
                    one.memory_limit_bytes, one.processes, one.process_limit, one.read_bytes, one.written_bytes,
                    one.oom_kills, one.cpu_pressure, one.memory_pressure, one.io_pressure});
  }
  return json::write(rows) + "\n";
}

std::string fit(const std::string& table, std::size_t columns, std::size_t rows) {
  std::string fitted;
  std::size_t lines = 0;
  for (auto line : text::split(table, '\n')) {
    if (line.empty() || ++lines > rows) break;
    fitted.append(line.substr(0, columns)).append("\n");
  }
  return fitted;
}

}  // namespace cli
}  // namespace caisson
