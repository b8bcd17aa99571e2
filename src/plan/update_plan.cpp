// SPDX-License-Identifier: Apache-2.0
#include "plan/update_plan.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "plan/controllers/controller.hpp"

namespace caisson::plan {

namespace {

/// Takes over what is given, and keeps the names of it.
class Merger {
 public:
  explicit Merger(MergedResources& merged) : named_(merged.named) {}

  template <class T>
  void take(std::string_view key, std::optional<T>& into, const std::optional<T>& from) {
    if (!from) return;
    into = from;
    named_.emplace_back(key);
  }
  /// 0 means: as it is.
  template <class T>
  void take_number(std::string_view key, std::optional<T>& into, const std::optional<T>& from) {
    if (from && *from != 0) take(key, into, from);
  }
  void take_text(std::string_view key, std::string& into, const std::string& from) {
    if (from.empty()) return;
    into = from;
    named_.emplace_back(key);
  }
  template <class T, class Same>
  void take_list(const std::string& key, std::vector<T>& into, const std::vector<T>& from, Same same) {
    for (const auto& item : from) {
      auto known = std::ranges::find_if(into, [&](const T& old) { return same(old, item); });
      if (known == into.end()) known = into.insert(into.end(), item);
      *known = item;
      named_.push_back(key + '/' + std::to_string(known - into.begin()));
    }
  }
  template <class T>
  void take_map(const std::string& key, std::map<std::string, T>& into, const std::map<std::string, T>& from) {
    for (const auto& [name, value] : from) {
      into.insert_or_assign(name, value);
      named_.push_back(key + '/' + text::pointer_token(name));
    }
  }

 private:
  std::vector<std::string>& named_;
};

/// The section to be written to, made when the change has one.
template <class T>
T* section(std::optional<T>& into, const std::optional<T>& from) {
  if (!from) return nullptr;
  return into ? &*into : &into.emplace();
}

void merge_memory(Merger& merger, config::Memory& into, const config::Memory& from) {
  merger.take_number("/memory/limit", into.limit, from.limit);
  merger.take_number("/memory/reservation", into.reservation, from.reservation);
  merger.take_number("/memory/swap", into.swap, from.swap);
  merger.take_number("/memory/kernel", into.kernel, from.kernel);
  merger.take_number("/memory/kernelTCP", into.kernel_tcp, from.kernel_tcp);
  merger.take("/memory/swappiness", into.swappiness, from.swappiness);
  merger.take("/memory/disableOOMKiller", into.disable_oom_killer, from.disable_oom_killer);
  merger.take("/memory/useHierarchy", into.use_hierarchy, from.use_hierarchy);
  merger.take("/memory/checkBeforeUpdate", into.check_before_update, from.check_before_update);
  // No limit on memory is none on memory and swap together either, unless the change says so.
  if (from.limit == -1 && from.swap.value_or(0) == 0 && into.swap) into.swap = -1;
}

void merge_cpu(Merger& merger, config::Cpu& into, const config::Cpu& from) {
  merger.take_number("/cpu/shares", into.shares, from.shares);
  merger.take_number("/cpu/quota", into.quota, from.quota);
  merger.take("/cpu/burst", into.burst, from.burst);
  merger.take_number("/cpu/period", into.period, from.period);
  merger.take_number("/cpu/realtimeRuntime", into.realtime_runtime, from.realtime_runtime);
  merger.take_number("/cpu/realtimePeriod", into.realtime_period, from.realtime_period);
  merger.take_text("/cpu/cpus", into.cpus, from.cpus);
  merger.take_text("/cpu/mems", into.mems, from.mems);
  merger.take("/cpu/idle", into.idle, from.idle);
}

void merge_io(Merger& merger, config::BlockIo& into, const config::BlockIo& from) {
  auto same = [](const auto& a, const auto& b) { return a.major == b.major && a.minor == b.minor; };
  merger.take_number("/blockIO/weight", into.weight, from.weight);
  merger.take_number("/blockIO/leafWeight", into.leaf_weight, from.leaf_weight);
  merger.take_list("/blockIO/weightDevice", into.weight_device, from.weight_device, same);
  merger.take_list("/blockIO/throttleReadBpsDevice", into.throttle_read_bps_device, from.throttle_read_bps_device,
                   same);
  merger.take_list("/blockIO/throttleWriteBpsDevice", into.throttle_write_bps_device, from.throttle_write_bps_device,
                   same);
  merger.take_list("/blockIO/throttleReadIOPSDevice", into.throttle_read_iops_device, from.throttle_read_iops_device,
                   same);
  merger.take_list("/blockIO/throttleWriteIOPSDevice", into.throttle_write_iops_device, from.throttle_write_iops_device,
                   same);
}

bool names(const MergedResources& after, std::string_view key) {
  return std::ranges::any_of(after.named, [key](std::string_view name) {
    return key.starts_with(name) && (key.size() == name.size() || key[name.size()] == '/');
  });
}

bool same_effect(const CgroupWrite& a, const CgroupWrite& b) {
  return a.controller == b.controller && a.file == b.file && a.value == b.value;
}

/// Files of one value, as opposed to those with a line for each device.
bool is_single(std::string_view file, std::string_view value) { return !value.contains(' ') || file == "cpu.max"; }

/// What `unified` says of a file holds whatever else the config says of it: it has to be written after that again.
bool overrides(const CgroupWrite& unified, const std::vector<CgroupWrite>& writes) {
  return unified.controller == "unified" && is_single(unified.file, unified.value) &&
         std::ranges::find(writes, unified.file, &CgroupWrite::file) != writes.end();
}

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(' ')); }

/// What a file of one line a device says of a device that it has no line for.
std::optional<std::string> without_line(std::string_view file, std::string_view device) {
  const std::string key(device);
  if (file.starts_with("blkio.")) return key + " 0";
  if (file == "io.max") return key + " rbps=max wbps=max riops=max wiops=max";
  if (file == "io.weight" || file == "io.bfq.weight") return key + " default";
  if (file == "rdma.max") return key + " hca_handle=max hca_object=max";
  if (file == "io.latency") return key + " target=max";
  if (file == "misc.max" || file == "dmem.max") return key + " max";
  return {};
}

}  // namespace

MergedResources merge(const config::Resources& present, const config::Resources& change) {
  MergedResources merged{present, {}};
  auto& into = merged.resources;
  Merger merger(merged);
  if (auto* memory = section(into.memory, change.memory)) merge_memory(merger, *memory, *change.memory);
  if (auto* cpu = section(into.cpu, change.cpu)) merge_cpu(merger, *cpu, *change.cpu);
  if (auto* pids = section(into.pids, change.pids)) merger.take_number("/pids/limit", pids->limit, change.pids->limit);
  if (auto* io = section(into.block_io, change.block_io)) merge_io(merger, *io, *change.block_io);
  merger.take_list("/hugepageLimits", into.hugepage_limits, change.hugepage_limits,
                   [](const auto& a, const auto& b) { return a.page_size == b.page_size; });
  if (auto* network = section(into.network, change.network)) {
    merger.take("/network/classID", network->class_id, change.network->class_id);
    merger.take_list("/network/priorities", network->priorities, change.network->priorities,
                     [](const auto& a, const auto& b) { return a.name == b.name; });
  }
  merger.take_map("/rdma", into.rdma, change.rdma);
  merger.take_map("/unified", into.unified, change.unified);
  if (!change.devices.empty() && change.devices != into.devices) {
    into.devices = change.devices;
    merged.named.emplace_back("/devices");
  }
  return merged;
}

Result<CgroupChange> make_change(const config::Resources& before, const MergedResources& after, const HostFacts& facts,
                                 const std::string& pointer, std::vector<std::string>& warnings) {
  CgroupChange change;
  std::vector<std::string> known;
  // What the container has may be beyond this host by now (a controller that was unmounted): nothing to compare with.
  const auto old = make_writes(before, facts, pointer, known);
  bool weighs = false;
  change.standing = CAISSON_TRY(make_writes(after.resources, facts, pointer, warnings));
  for (const auto& write : change.standing) {
    const auto key = std::string_view(write.origin).substr(pointer.size());
    const bool is_old = old && std::ranges::any_of(*old, [&](const auto& one) { return same_effect(one, write); });
    if (overrides(write, change.writes)) {
      warnings.push_back(fmt::format("unified has the last word on {} [config: {}]", write.file, write.origin));
    } else if (is_old && !names(after, key) && !(weighs && key.starts_with("/blockIO/weightDevice/"))) {
      continue;
    }
    weighs = weighs || sets_weight_of_all_devices(write.file, write.value);
    change.writes.push_back(write);
  }
  // A memory limit may cost processes their lives, which nothing undoes: all else has been taken by then.
  std::ranges::stable_partition(change.writes, [](const auto& write) { return !write.file.starts_with("memory."); });
  const bool limits = names(after, "/memory/limit") || names(after, "/memory/swap");
  if (limits) change.memory_check = memory_check(after.resources);
  if (names(after, "/devices")) {
    change.devices = CAISSON_TRY(make_devices(after.resources.devices, pointer + "/devices"));
    change.devices_before = CAISSON_TRY(make_devices(before.devices, "/linux/resources/devices"));
    change.devices->may_fail = change.devices_before->may_fail = facts.rootless() || facts.in_user_namespace;
  }
  return change;
}

bool sets_weight_of_all_devices(std::string_view file, std::string_view value) {
  return (file == "blkio.bfq.weight" || file == "io.bfq.weight") && !value.contains(' ');
}

std::optional<std::string> value_to_restore(std::string_view file, std::string_view value, std::string_view present) {
  const auto lines = text::split(present, '\n');
  if (file == "memory.oom_control") {
    for (auto line : lines)
      if (first_word(line) == "oom_kill_disable") return std::string(line.substr(line.find(' ') + 1));
    return {};
  }
  if (is_single(file, value)) return std::string(lines.front());
  for (auto line : lines)
    if (first_word(line) == first_word(value)) return std::string(line);
  return without_line(file, first_word(value));
}

}  // namespace caisson::plan
