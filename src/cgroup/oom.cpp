// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <optional>
#include <string>

#include "base/text.hpp"
#include "cgroup/common.hpp"
#include "cgroup/stats.hpp"
#include "sys/file.hpp"

namespace caisson::cgroup {

namespace {

/// The limit counts as hit when the peak came this near, for the kernel gives up when the last few pages cannot be had.
/// Its counters of failures do not serve: some kernels count none for memory and swap together.
constexpr std::uint64_t kNear = 256 << 10;
bool is_reached(std::uint64_t limit, std::uint64_t peak) { return peak + std::min(kNear, limit / 8) >= limit; }

constexpr std::uint64_t kV1Unlimited = 0x7fff'ffff'ffff'0000;

/// What one level of the hierarchy says.
struct Level {
  bool there = false;
  bool hit = false;  ///< its limit was reached and could not be helped by reclaiming
  std::uint64_t kills = 0;
  std::uint64_t limit = 0;
  std::uint64_t peak = 0;
};

Result<Level> look_v1(const std::string& dir) {
  Level level;
  const auto limit = CAISSON_TRY(read_counter(dir, "memory.limit_in_bytes"));
  if (!limit) return level;
  level.there = true;
  level.kills = CAISSON_TRY(read_counter(dir, "memory.oom_control", "oom_kill")).value_or(0);
  level.limit = *limit >= kV1Unlimited ? 0 : *limit;
  level.peak = CAISSON_TRY(read_counter(dir, "memory.max_usage_in_bytes")).value_or(0);
  level.hit = level.limit != 0 && is_reached(level.limit, level.peak);
  if (level.hit) return level;
  // The limit of memory and swap together may be the one that was hit, with room for memory alone.
  const auto both = CAISSON_TRY(read_counter(dir, "memory.memsw.limit_in_bytes")).value_or(0);
  const auto both_peak = CAISSON_TRY(read_counter(dir, "memory.memsw.max_usage_in_bytes")).value_or(0);
  if (both == 0 || both >= kV1Unlimited || !is_reached(both, both_peak)) return level;
  level.hit = true;
  level.limit = both;
  level.peak = both_peak;
  return level;
}

Result<Level> look_v2(const std::string& dir) {
  Level level;
  const std::string limit = CAISSON_TRY(read_if_there(dir, "memory.max"));
  if (limit.empty()) return level;
  level.there = true;
  level.kills = CAISSON_TRY(read_counter(dir, "memory.events", "oom_kill")).value_or(0);
  level.limit = text::parse_uint(limit).value_or(0);
  level.peak = CAISSON_TRY(read_counter(dir, "memory.peak")).value_or(0);
  // "oom" is counted at the level whose limit it was (Linux 5.2).
  level.hit = level.limit != 0 && CAISSON_TRY(read_counter(dir, "memory.events.local", "oom")).value_or(0) != 0;
  return level;
}

Result<Level> look(const std::string& dir, bool v2) { return v2 ? look_v2(dir) : look_v1(dir); }

std::string path_of(FdView dir) {
  char path[PATH_MAX];
  const ssize_t size = ::readlink(sys::proc_path(dir).c_str(), path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : std::string();
}

void name_level(const std::string& dir, const Level& level, OomReport& report) {
  report.cgroup = dir;
  report.limit = level.limit;
  report.peak = level.peak;
}

}  // namespace

Result<std::uint64_t> oom_kills(const std::string& memory_dir, bool v2) {
  // v1 counts a kill where the process was, v2 there and in all levels above.
  if (v2) return CAISSON_TRY(read_counter(memory_dir, "memory.events", "oom_kill")).value_or(0);
  std::uint64_t kills = 0;
  CAISSON_TRY(for_each_below(memory_dir, [&kills](FdView dir) -> Status {
    const auto text = sys::read_file(dir, "memory.oom_control");
    if (text) kills += text::parse_uint(flat_value(*text, "oom_kill")).value_or(0);
    return {};
  }));
  return kills;
}

Result<std::optional<OomReport>> oom_report(const std::string& memory_dir, bool v2, bool anyway) {
  OomReport report;
  report.kills = CAISSON_TRY(oom_kills(memory_dir, v2));
  if (report.kills == 0 && !anyway) return std::optional<OomReport>();
  // Removed meanwhile: what is above it has nothing to do with it any more.
  if (!CAISSON_TRY(look(memory_dir, v2)).there) return std::optional<OomReport>();
  bool found = false;
  CAISSON_TRY(for_each_below(memory_dir, [&](FdView dir) -> Status {
    const std::string path = path_of(dir);
    const Level level = CAISSON_TRY(look(path, v2));
    // The innermost wins: it could not have come further.
    if (level.hit && (path == memory_dir || level.kills != 0 || anyway)) {
      name_level(path, level, report);
      found = true;
    }
    return {};
  }));
  for (std::string dir = memory_dir; !found;) {
    const auto slash = dir.rfind('/');
    if (slash == 0 || slash == dir.npos) break;
    dir.resize(slash);
    const Level level = CAISSON_TRY(look(dir, v2));
    if (!level.there) break;
    if (!level.hit) continue;
    name_level(dir, level, report);
    found = true;
  }
  // Half of what there was to read may have gone under our eyes.
  if (!found && !CAISSON_TRY(look(memory_dir, v2)).there) return std::optional<OomReport>();
  return report;
}

}  // namespace caisson::cgroup
