// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "json/fields.hpp"

namespace caisson::config {

/// The device type of a cgroup rule: all, block, character.
enum class DeviceRuleType { a, b, c };

/// /linux/resources/devices/N.
struct DeviceRule {
  bool allow = false;
  std::optional<DeviceRuleType> type;  ///< absent = a
  std::optional<std::int64_t> major;   ///< absent or -1 = all
  std::optional<std::int64_t> minor;   ///< absent or -1 = all
  std::string access;                  ///< of "rwm"
  bool operator==(const DeviceRule&) const = default;
};

/// Bytes; -1 = unlimited.
struct Memory {
  std::optional<std::int64_t> limit;
  std::optional<std::int64_t> reservation;
  std::optional<std::int64_t> swap;  ///< memory plus swap
  std::optional<std::int64_t> kernel;
  std::optional<std::int64_t> kernel_tcp;
  std::optional<std::uint64_t> swappiness;
  std::optional<bool> disable_oom_killer;
  std::optional<bool> use_hierarchy;
  std::optional<bool> check_before_update;
  bool operator==(const Memory&) const = default;
};

/// Times are in microseconds.
struct Cpu {
  std::optional<std::uint64_t> shares;
  std::optional<std::int64_t> quota;
  std::optional<std::uint64_t> burst;
  std::optional<std::uint64_t> period;
  std::optional<std::int64_t> realtime_runtime;
  std::optional<std::uint64_t> realtime_period;
  std::string cpus;  ///< list, "0-3,7"
  std::string mems;  ///< list
  std::optional<std::int64_t> idle;
  bool operator==(const Cpu&) const = default;
};

struct Pids {
  std::optional<std::int64_t> limit;
  bool operator==(const Pids&) const = default;
};

struct WeightDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint16_t> weight;
  std::optional<std::uint16_t> leaf_weight;
  bool operator==(const WeightDevice&) const = default;
};

struct ThrottleDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::uint64_t rate = 0;  ///< bytes or operations a second
  bool operator==(const ThrottleDevice&) const = default;
};

struct BlockIo {
  std::optional<std::uint16_t> weight;
  std::optional<std::uint16_t> leaf_weight;
  std::vector<WeightDevice> weight_device;
  std::vector<ThrottleDevice> throttle_read_bps_device;
  std::vector<ThrottleDevice> throttle_write_bps_device;
  std::vector<ThrottleDevice> throttle_read_iops_device;
  std::vector<ThrottleDevice> throttle_write_iops_device;
  bool operator==(const BlockIo&) const = default;
};

struct HugepageLimit {
  std::string page_size;    ///< "2MB"
  std::uint64_t limit = 0;  ///< bytes
  bool operator==(const HugepageLimit&) const = default;
};

struct InterfacePriority {
  std::string name;
  std::uint32_t priority = 0;
  bool operator==(const InterfacePriority&) const = default;
};

/// net_cls and net_prio.
struct NetworkResources {
  std::optional<std::uint32_t> class_id;
  std::vector<InterfacePriority> priorities;
  bool operator==(const NetworkResources&) const = default;
};

struct Rdma {
  std::optional<std::uint32_t> hca_handles;
  std::optional<std::uint32_t> hca_objects;
  bool operator==(const Rdma&) const = default;
};

/// /linux/resources. Source: runtime-spec 1.3 config-linux.md, "Control groups".
struct Resources {
  std::vector<DeviceRule> devices;
  std::optional<Memory> memory;
  std::optional<Cpu> cpu;
  std::optional<Pids> pids;
  std::optional<BlockIo> block_io;
  std::vector<HugepageLimit> hugepage_limits;
  std::optional<NetworkResources> network;
  std::map<std::string, Rdma> rdma;            ///< by device, "mlx5_1"
  std::map<std::string, std::string> unified;  ///< cgroup v2 file -> value
  bool operator==(const Resources&) const = default;
};

}  // namespace caisson::config

namespace caisson {

template <>
inline constexpr auto json::spellings<config::DeviceRuleType> = std::to_array<json::Spelling<config::DeviceRuleType>>({
    {"a", config::DeviceRuleType::a},
    {"b", config::DeviceRuleType::b},
    {"c", config::DeviceRuleType::c},
});
template <>
inline constexpr json::UnknownWord json::unknown_word<config::DeviceRuleType>{"invalid cgroup device type "};

template <>
inline constexpr auto json::fields<config::DeviceRule> = table(required("allow", &config::DeviceRule::allow),
                                                               optional("type", &config::DeviceRule::type),
                                                               optional("major", &config::DeviceRule::major),
                                                               optional("minor", &config::DeviceRule::minor),
                                                               optional("access", &config::DeviceRule::access));

template <>
inline constexpr auto json::fields<config::Memory> =
    table(optional("limit", &config::Memory::limit), optional("reservation", &config::Memory::reservation),
          optional("swap", &config::Memory::swap), optional("kernel", &config::Memory::kernel),
          optional("kernelTCP", &config::Memory::kernel_tcp), optional("swappiness", &config::Memory::swappiness),
          optional("disableOOMKiller", &config::Memory::disable_oom_killer),
          optional("useHierarchy", &config::Memory::use_hierarchy),
          optional("checkBeforeUpdate", &config::Memory::check_before_update));

template <>
inline constexpr auto json::fields<config::Cpu> =
    table(optional("shares", &config::Cpu::shares), optional("quota", &config::Cpu::quota),
          optional("burst", &config::Cpu::burst), optional("period", &config::Cpu::period),
          optional("realtimeRuntime", &config::Cpu::realtime_runtime),
          optional("realtimePeriod", &config::Cpu::realtime_period), optional("cpus", &config::Cpu::cpus),
          optional("mems", &config::Cpu::mems), optional("idle", &config::Cpu::idle));

template <>
inline constexpr auto json::fields<config::Pids> = table(optional("limit", &config::Pids::limit));

template <>
inline constexpr auto json::fields<config::WeightDevice> = table(
    required("major", &config::WeightDevice::major), required("minor", &config::WeightDevice::minor),
    optional("weight", &config::WeightDevice::weight), optional("leafWeight", &config::WeightDevice::leaf_weight));

template <>
inline constexpr auto json::fields<config::ThrottleDevice> = table(required("major", &config::ThrottleDevice::major),
                                                                   required("minor", &config::ThrottleDevice::minor),
                                                                   always("rate", &config::ThrottleDevice::rate));

template <>
inline constexpr auto json::fields<config::BlockIo> =
    table(optional("weight", &config::BlockIo::weight), optional("leafWeight", &config::BlockIo::leaf_weight),
          optional("weightDevice", &config::BlockIo::weight_device),
          optional("throttleReadBpsDevice", &config::BlockIo::throttle_read_bps_device),
          optional("throttleWriteBpsDevice", &config::BlockIo::throttle_write_bps_device),
          optional("throttleReadIOPSDevice", &config::BlockIo::throttle_read_iops_device),
          optional("throttleWriteIOPSDevice", &config::BlockIo::throttle_write_iops_device));

template <>
inline constexpr auto json::fields<config::HugepageLimit> =
    table(required("pageSize", &config::HugepageLimit::page_size), required("limit", &config::HugepageLimit::limit));

template <>
inline constexpr auto json::fields<config::InterfacePriority> = table(
    required("name", &config::InterfacePriority::name), required("priority", &config::InterfacePriority::priority));

template <>
inline constexpr auto json::fields<config::NetworkResources> =
    table(optional("classID", &config::NetworkResources::class_id),
          optional("priorities", &config::NetworkResources::priorities));

template <>
inline constexpr auto json::fields<config::Rdma> = table(optional("hcaHandles", &config::Rdma::hca_handles),
                                                         optional("hcaObjects", &config::Rdma::hca_objects));

template <>
inline constexpr auto json::fields<config::Resources> = table(
    optional("devices", &config::Resources::devices), optional("memory", &config::Resources::memory),
    optional("cpu", &config::Resources::cpu), optional("pids", &config::Resources::pids),
    optional("blockIO", &config::Resources::block_io), optional("hugepageLimits", &config::Resources::hugepage_limits),
    optional("network", &config::Resources::network), optional("rdma", &config::Resources::rdma),
    optional("unified", &config::Resources::unified));

}  // namespace caisson
