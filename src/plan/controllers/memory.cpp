// SPDX-License-Identifier: Apache-2.0
#include "plan/controllers/controller.hpp"

namespace caisson::plan::controllers {

namespace {

constexpr std::int64_t kNoLimit = -1;

/// Limit and limit of memory and swap together, in bytes; -1 = none, absent (0 as well) = as it is.
struct Limits {
  std::optional<std::int64_t> memory;
  std::optional<std::int64_t> swap;
};

Result<std::optional<std::int64_t>> read_bytes(const std::optional<std::int64_t>& value, std::string_view key,
                                               const WriteList& out) {
  if (!value || *value == 0) return std::optional<std::int64_t>();
  if (*value < kNoLimit) return fail_config(out.at(key), "invalid memory value {}", *value);
  return value;
}

Result<Limits> read_limits(const config::Memory& memory, const WriteList& out) {
  Limits limits;
  limits.memory = CAISSON_TRY(read_bytes(memory.limit, "/memory/limit", out));
  limits.swap = CAISSON_TRY(read_bytes(memory.swap, "/memory/swap", out));
  // No limit on memory is none on memory and swap together either.
  if (!limits.swap && limits.memory == kNoLimit) limits.swap = kNoLimit;
  if (limits.swap && *limits.swap != kNoLimit) {
    if (!limits.memory || *limits.memory == kNoLimit)
      return fail_config(out.at("/memory/swap"), "unable to set swap limit without memory limit");
    if (*limits.swap < *limits.memory)
      return fail_config(out.at("/memory/swap"), "memory+swap limit should be >= memory limit");
  }
  return limits;
}

/// Engines of old give these limits without being asked (docker 20 in updates), and runc ignores them on every host.
void warn_of_kernel_limit(std::optional<std::int64_t> bytes, std::string_view what, std::string_view who,
                          WriteList& out) {
  if (bytes && *bytes != kNoLimit) out.warn(fmt::format("the {} limit is ignored: {} such limit", what, who));
}

Status write_v1(const config::Resources& resources, WriteList& out) {
  if (!resources.memory) return {};
  const auto& memory = *resources.memory;
  const Limits limits = CAISSON_TRY(read_limits(memory, out));
  // The kernel keeps limit <= memory+swap limit at every moment, so which goes first depends on the present values.
  if (limits.memory)
    out.add("/memory/limit", "memory.limit_in_bytes", std::to_string(*limits.memory), Refusal::retry_last);
  if (limits.swap)
    out.add(memory.swap ? "/memory/swap" : "/memory/limit", "memory.memsw.limit_in_bytes", std::to_string(*limits.swap),
            *limits.swap == kNoLimit ? Refusal::missing_is_met : Refusal::retry_last);
  if (auto bytes = CAISSON_TRY(read_bytes(memory.reservation, "/memory/reservation", out)))
    out.add("/memory/reservation", "memory.soft_limit_in_bytes", std::to_string(*bytes));
  if (auto bytes = CAISSON_TRY(read_bytes(memory.kernel, "/memory/kernel", out))) {
    // Linux 5.16 refuses the value, later kernels take it and forget it.
    if (std::pair(out.facts().kernel_major, out.facts().kernel_minor) >= std::pair(5, 16))
      warn_of_kernel_limit(bytes, "kernel memory", "Linux 5.16 and newer have no", out);
    else
      out.add("/memory/kernel", "memory.kmem.limit_in_bytes", std::to_string(*bytes));
  }
  if (auto bytes = CAISSON_TRY(read_bytes(memory.kernel_tcp, "/memory/kernelTCP", out)))
    out.add("/memory/kernelTCP", "memory.kmem.tcp.limit_in_bytes", std::to_string(*bytes));
  if (memory.use_hierarchy) out.add("/memory/useHierarchy", "memory.use_hierarchy", *memory.use_hierarchy ? "1" : "0");
  if (memory.disable_oom_killer)
    out.add("/memory/disableOOMKiller", "memory.oom_control", *memory.disable_oom_killer ? "1" : "0");
  if (memory.swappiness) {
    if (*memory.swappiness > 100)
      return fail_config(out.at("/memory/swappiness"), "invalid memory swappiness value {} (valid range is 0-100)",
                         *memory.swappiness);
    out.add("/memory/swappiness", "memory.swappiness", std::to_string(*memory.swappiness));
  }
  return {};
}

std::string text_v2(std::int64_t bytes) { return bytes == kNoLimit ? "max" : std::to_string(bytes); }

Status refuse_v1_only(const config::Memory& memory, WriteList& out) {
  constexpr std::string_view kWho = "cgroup v2 has no";
  warn_of_kernel_limit(CAISSON_TRY(read_bytes(memory.kernel, "/memory/kernel", out)), "kernel memory", kWho, out);
  warn_of_kernel_limit(CAISSON_TRY(read_bytes(memory.kernel_tcp, "/memory/kernelTCP", out)), "kernel TCP memory", kWho,
                       out);
  if (memory.swappiness)
    return fail_config(out.at("/memory/swappiness"), "cannot set memory swappiness with cgroup v2");
  if (memory.disable_oom_killer && *memory.disable_oom_killer)
    return fail_config(out.at("/memory/disableOOMKiller"), "cannot disable the OOM killer with cgroup v2");
  // v2 is hierarchical always: true asks for what is there.
  if (memory.use_hierarchy && !*memory.use_hierarchy)
    return fail_config(out.at("/memory/useHierarchy"), "cannot switch hierarchical accounting off with cgroup v2");
  return {};
}

Status write_v2(const config::Resources& resources, WriteList& out) {
  if (!resources.memory) return {};
  const auto& memory = *resources.memory;
  CAISSON_TRY(refuse_v1_only(memory, out));
  const Limits limits = CAISSON_TRY(read_limits(memory, out));
  if (limits.swap) {
    // v2 limits swap by itself, the config swap and memory together.
    const std::int64_t swap = *limits.swap == kNoLimit ? kNoLimit : *limits.swap - *limits.memory;
    // A kernel that does not count swap has no such file: no limit, and no swap at all, hold without it.
    out.add(memory.swap ? "/memory/swap" : "/memory/limit", "memory.swap.max", text_v2(swap),
            swap <= 0 ? Refusal::missing_is_met : Refusal::fail);
  }
  if (limits.memory) out.add("/memory/limit", "memory.max", text_v2(*limits.memory));
  if (auto bytes = CAISSON_TRY(read_bytes(memory.reservation, "/memory/reservation", out)))
    out.add("/memory/reservation", "memory.low", text_v2(*bytes));
  return {};
}

}  // namespace

const Controller kMemory{"memory", "memory", write_v1, write_v2};

}  // namespace caisson::plan::controllers
