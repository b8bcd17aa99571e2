// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/mounts.hpp"
#include "config/resources.hpp"
#include "config/seccomp_profile.hpp"
#include "json/fields.hpp"

namespace caisson::config {

enum class NamespaceType { pid, network, mount, ipc, uts, user, cgroup, time };

/// /linux/namespaces/N.
struct Namespace {
  NamespaceType type{};
  std::string path;  ///< empty = a new one
  bool operator==(const Namespace&) const = default;
};

/// c and u: character device, b: block device, p: FIFO.
enum class DeviceType { c, b, u, p };

/// /linux/devices/N.
struct Device {
  DeviceType type{};
  std::string path;                        ///< absolute, in the container
  std::optional<std::int64_t> major;       ///< required unless the type is p
  std::optional<std::int64_t> minor;       ///< required unless the type is p
  std::optional<std::uint32_t> file_mode;  ///< absent = 0666; S_IFMT bits are ignored
  std::optional<std::uint32_t> uid;        ///< as the container sees it
  std::optional<std::uint32_t> gid;
  bool operator==(const Device&) const = default;
};

/// /linux/netDevices/NAME: an interface to move from the runtime's network namespace into the container's.
struct NetDevice {
  std::string name;  ///< name in the container; empty = unchanged
  bool operator==(const NetDevice&) const = default;
};

/// /linux/timeOffsets/CLOCK.
struct TimeOffset {
  std::int64_t secs = 0;
  std::uint32_t nanosecs = 0;
  bool operator==(const TimeOffset&) const = default;
};

/// /linux/intelRdt.
struct IntelRdt {
  std::string clos_id;
  std::vector<std::string> schemata;
  std::string l3_cache_schema;
  std::string mem_bw_schema;
  bool enable_monitoring = false;
  bool operator==(const IntelRdt&) const = default;
};

/// MPOL_*. `standard` is MPOL_DEFAULT (default is a keyword).
enum class MemoryPolicyMode { standard, bind, interleave, weighted_interleave, preferred, preferred_many, local };
/// MPOL_F_*.
enum class MemoryPolicyFlag { numa_balancing, relative_nodes, static_nodes };

/// /linux/memoryPolicy. Source: set_mempolicy(2).
struct MemoryPolicy {
  std::optional<MemoryPolicyMode> mode;
  std::string nodes;  ///< list, "0-1,3"
  std::vector<MemoryPolicyFlag> flags;
  bool operator==(const MemoryPolicy&) const = default;
};

/// LINUX, LINUX32: personality(2).
enum class PersonalityDomain { linux64, linux32 };

/// /linux/personality.
struct Personality {
  std::optional<PersonalityDomain> domain;
  std::vector<std::string> flags;
  bool operator==(const Personality&) const = default;
};

/// /linux. Source: runtime-spec 1.3 config-linux.md.
struct Linux {
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  std::map<std::string, std::string> sysctl;
  std::optional<Resources> resources;
  std::string cgroups_path;  ///< empty = the runtime chooses
  std::vector<Namespace> namespaces;
  std::vector<Device> devices;
  std::map<std::string, NetDevice> net_devices;  ///< key: name on the host
  std::optional<Seccomp> seccomp;
  std::string rootfs_propagation;  ///< [r]private, [r]shared, [r]slave, [r]unbindable; empty = the runtime's default
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::string mount_label;
  std::optional<IntelRdt> intel_rdt;
  std::optional<MemoryPolicy> memory_policy;
  std::optional<Personality> personality;
  std::map<std::string, TimeOffset> time_offsets;  ///< "monotonic", "boottime"
  bool operator==(const Linux&) const = default;

  /// The entry of this type, new or joined. Null if the container shares the runtime's namespace.
  const Namespace* find(NamespaceType type) const {
    for (const auto& space : namespaces)
      if (space.type == type) return &space;
    return nullptr;
  }
};

}  // namespace caisson::config

namespace caisson {

template <>
inline constexpr auto json::spellings<config::NamespaceType> = std::to_array<json::Spelling<config::NamespaceType>>({
    {"pid", config::NamespaceType::pid},
    {"network", config::NamespaceType::network},
    {"mount", config::NamespaceType::mount},
    {"ipc", config::NamespaceType::ipc},
    {"uts", config::NamespaceType::uts},
    {"user", config::NamespaceType::user},
    {"cgroup", config::NamespaceType::cgroup},
    {"time", config::NamespaceType::time},
});
template <>
inline constexpr json::UnknownWord json::unknown_word<config::NamespaceType>{"namespace ", " does not exist"};

template <>
inline constexpr auto json::fields<config::Namespace> = table(required("type", &config::Namespace::type),
                                                              optional("path", &config::Namespace::path));

template <>
inline constexpr auto json::spellings<config::DeviceType> = std::to_array<json::Spelling<config::DeviceType>>({
    {"c", config::DeviceType::c},
    {"b", config::DeviceType::b},
    {"u", config::DeviceType::u},
    {"p", config::DeviceType::p},
});
template <>
inline constexpr json::UnknownWord json::unknown_word<config::DeviceType>{"invalid device type "};

template <>
inline constexpr auto json::fields<config::Device> = table(required("path", &config::Device::path),
                                                           required("type", &config::Device::type),
                                                           optional("major", &config::Device::major),
                                                           optional("minor", &config::Device::minor),
                                                           optional("fileMode", &config::Device::file_mode),
                                                           optional("uid", &config::Device::uid),
                                                           optional("gid", &config::Device::gid));

template <>
inline constexpr auto json::fields<config::NetDevice> = table(optional("name", &config::NetDevice::name));

template <>
inline constexpr auto json::fields<config::TimeOffset> = table(optional("secs", &config::TimeOffset::secs),
                                                               optional("nanosecs", &config::TimeOffset::nanosecs));

template <>
inline constexpr auto json::fields<config::IntelRdt> =
    table(optional("closID", &config::IntelRdt::clos_id), optional("schemata", &config::IntelRdt::schemata),
          optional("l3CacheSchema", &config::IntelRdt::l3_cache_schema),
          optional("memBwSchema", &config::IntelRdt::mem_bw_schema),
          optional("enableMonitoring", &config::IntelRdt::enable_monitoring));

template <>
inline constexpr auto json::spellings<config::MemoryPolicyMode> =
    std::to_array<json::Spelling<config::MemoryPolicyMode>>({
        {"MPOL_DEFAULT", config::MemoryPolicyMode::standard},
        {"MPOL_BIND", config::MemoryPolicyMode::bind},
        {"MPOL_INTERLEAVE", config::MemoryPolicyMode::interleave},
        {"MPOL_WEIGHTED_INTERLEAVE", config::MemoryPolicyMode::weighted_interleave},
        {"MPOL_PREFERRED", config::MemoryPolicyMode::preferred},
        {"MPOL_PREFERRED_MANY", config::MemoryPolicyMode::preferred_many},
        {"MPOL_LOCAL", config::MemoryPolicyMode::local},
    });
template <>
inline constexpr json::UnknownWord json::unknown_word<config::MemoryPolicyMode>{"invalid memory policy mode "};

template <>
inline constexpr auto json::spellings<config::MemoryPolicyFlag> =
    std::to_array<json::Spelling<config::MemoryPolicyFlag>>({
        {"MPOL_F_NUMA_BALANCING", config::MemoryPolicyFlag::numa_balancing},
        {"MPOL_F_RELATIVE_NODES", config::MemoryPolicyFlag::relative_nodes},
        {"MPOL_F_STATIC_NODES", config::MemoryPolicyFlag::static_nodes},
    });
template <>
inline constexpr json::UnknownWord json::unknown_word<config::MemoryPolicyFlag>{"invalid memory policy flag "};

template <>
inline constexpr auto json::fields<config::MemoryPolicy> = table(optional("mode", &config::MemoryPolicy::mode),
                                                                 optional("nodes", &config::MemoryPolicy::nodes),
                                                                 optional("flags", &config::MemoryPolicy::flags));

template <>
inline constexpr auto json::spellings<config::PersonalityDomain> =
    std::to_array<json::Spelling<config::PersonalityDomain>>({
        {"LINUX", config::PersonalityDomain::linux64},
        {"LINUX32", config::PersonalityDomain::linux32},
    });
template <>
inline constexpr json::UnknownWord json::unknown_word<config::PersonalityDomain>{"invalid personality domain "};

template <>
inline constexpr auto json::fields<config::Personality> = table(optional("domain", &config::Personality::domain),
                                                                optional("flags", &config::Personality::flags));

template <>
inline constexpr auto json::fields<config::Linux> = table(
    optional("uidMappings", &config::Linux::uid_mappings), optional("gidMappings", &config::Linux::gid_mappings),
    optional("sysctl", &config::Linux::sysctl), optional("resources", &config::Linux::resources),
    optional("cgroupsPath", &config::Linux::cgroups_path), optional("namespaces", &config::Linux::namespaces),
    optional("devices", &config::Linux::devices), optional("netDevices", &config::Linux::net_devices),
    optional("seccomp", &config::Linux::seccomp), optional("rootfsPropagation", &config::Linux::rootfs_propagation),
    optional("maskedPaths", &config::Linux::masked_paths), optional("readonlyPaths", &config::Linux::readonly_paths),
    optional("mountLabel", &config::Linux::mount_label), optional("intelRdt", &config::Linux::intel_rdt),
    optional("memoryPolicy", &config::Linux::memory_policy), optional("personality", &config::Linux::personality),
    optional("timeOffsets", &config::Linux::time_offsets));

}  // namespace caisson
