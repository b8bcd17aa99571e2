// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "plan/controllers/controller.hpp"

namespace caisson::plan::controllers {

namespace {

constexpr std::uint64_t kMinShares = 2;
constexpr std::uint64_t kMaxShares = 262144;

/// Absent and 0 both mean: as it is.
template <class T>
std::optional<T> given(const std::optional<T>& value) {
  return value && *value != 0 ? value : std::nullopt;
}

// cpu.idle and a weight exclude each other in the kernel (sched_group_set_shares), on v1 and v2.
Result<bool> write_idle(const config::Cpu& cpu, WriteList& out) {
  if (!cpu.idle) return false;
  if (*cpu.idle != 0 && *cpu.idle != 1)
    return fail_config(out.at("/cpu/idle"), "invalid cpu idle value {} (expected 0 or 1)", *cpu.idle);
  out.add("/cpu/idle", "cpu.idle", std::to_string(*cpu.idle));
  if (*cpu.idle == 0) return false;
  if (given(cpu.shares))
    out.warn("cpu shares have no effect while cpu idle is set [config: " + out.at("/cpu/shares") + "]");
  return true;
}

Status write_v1(const config::Resources& resources, WriteList& out) {
  if (!resources.cpu) return {};
  const auto& cpu = *resources.cpu;
  const bool idle = CAISSON_TRY(write_idle(cpu, out));
  if (auto shares = given(cpu.shares); shares && !idle) {
    // The kernel would clamp without a word.
    if (*shares < kMinShares)
      return fail_config(out.at("/cpu/shares"), "the minimum allowed cpu-shares is {}", kMinShares);
    if (*shares > kMaxShares)
      return fail_config(out.at("/cpu/shares"), "the maximum allowed cpu-shares is {}", kMaxShares);
    out.add("/cpu/shares", "cpu.shares", std::to_string(*shares));
  }
  // Quota, period and burst bound each other, and the parent's ratio bounds theirs.
  if (auto period = given(cpu.period))
    out.add("/cpu/period", "cpu.cfs_period_us", std::to_string(*period), Refusal::retry_last);
  if (auto quota = given(cpu.quota))
    out.add("/cpu/quota", "cpu.cfs_quota_us", std::to_string(*quota < 0 ? -1 : *quota), Refusal::retry_last);
  if (cpu.burst) out.add("/cpu/burst", "cpu.cfs_burst_us", std::to_string(*cpu.burst), Refusal::retry_last);
  if (auto period = given(cpu.realtime_period))
    out.add("/cpu/realtimePeriod", "cpu.rt_period_us", std::to_string(*period), Refusal::retry_last);
  if (auto runtime = given(cpu.realtime_runtime))
    out.add("/cpu/realtimeRuntime", "cpu.rt_runtime_us", std::to_string(*runtime), Refusal::retry_last);
  return {};
}

Status write_v2(const config::Resources& resources, WriteList& out) {
  if (!resources.cpu) return {};
  const auto& cpu = *resources.cpu;
  if (given(cpu.realtime_period))
    return fail_config(out.at("/cpu/realtimePeriod"), "realtime period not supported on cgroup v2");
  if (given(cpu.realtime_runtime))
    return fail_config(out.at("/cpu/realtimeRuntime"), "realtime runtime not supported on cgroup v2");
  const bool idle = CAISSON_TRY(write_idle(cpu, out));
  if (auto shares = given(cpu.shares); shares && !idle)
    out.add("/cpu/shares", "cpu.weight", std::to_string(weight_from_shares(*shares)));
  const auto quota = given(cpu.quota);
  const auto period = given(cpu.period);
  if (quota || period)
    out.add(quota ? "/cpu/quota" : "/cpu/period", "cpu.max",
            (quota && *quota > 0 ? std::to_string(*quota) : "max") + ' ' + std::to_string(period.value_or(100000)));
  if (cpu.burst) out.add("/cpu/burst", "cpu.max.burst", std::to_string(*cpu.burst), Refusal::retry_last);
  return {};
}

}  // namespace

std::uint64_t weight_from_shares(std::uint64_t shares) {
  if (shares <= kMinShares) return 1;
  if (shares >= kMaxShares) return 10000;
  const double l = std::log2(static_cast<double>(shares));
  return static_cast<std::uint64_t>(std::ceil(std::pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0)));
}

const Controller kCpu{"cpu", "cpu", write_v1, write_v2};

}  // namespace caisson::plan::controllers
