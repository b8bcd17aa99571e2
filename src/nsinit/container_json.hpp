// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "json/fields.hpp"

namespace caisson::nsinit {

/// A device, both as a node and as a rule. -1 for a number of a rule: all of them.
struct Device {
  std::int32_t type = 0;  ///< the letter's number: 99 = 'c', 98 = 'b', 97 = 'a'
  std::string path;
  std::int64_t major_number = 0;
  std::int64_t minor_number = 0;
  std::string cgroup_permissions;  ///< of "rwm"
  std::uint32_t file_mode = 0;     ///< decimal: 438 = 0666
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool operator==(const Device&) const = default;
};

/// A namespace of the container's own, "NEWNET", or one to join.
struct Namespace {
  std::string name;
  std::string path;  ///< empty = a new one
  bool operator==(const Namespace&) const = default;
};

struct Network {
  std::string type;  ///< "loopback", "veth"
  std::string bridge;
  bool create_bridge = false;  ///< not of 2014: a bridge that is not there is made
  std::string veth_prefix;
  std::string mac_address;
  std::string address;
  std::string ipv6_address;
  std::string gateway;
  std::string ipv6_gateway;
  std::int64_t mtu = 0;
  std::int64_t txqueuelen = 0;
  bool operator==(const Network&) const = default;
};

struct Route {
  std::string destination;
  std::string source;
  std::string gateway;
  std::string interface_name;
  bool operator==(const Route&) const = default;
};

/// 0 of a number: as it is.
struct Cgroups {
  std::string name;
  std::string parent;
  bool allow_all_devices = false;
  std::vector<Device> allowed_devices;
  std::int64_t memory = 0;              ///< bytes
  std::int64_t memory_reservation = 0;  ///< bytes
  std::int64_t memory_swap = 0;         ///< memory and swap together; -1 = not set; 0 = twice the memory
  std::int64_t cpu_shares = 0;
  std::int64_t cpu_quota = 0;   ///< microseconds
  std::int64_t cpu_period = 0;  ///< microseconds
  std::string cpuset_cpus;
  std::string cpuset_mems;
  std::string freezer;  ///< "FROZEN", "THAWED"
  std::string slice;
  bool operator==(const Cgroups&) const = default;
};

struct Rlimit {
  std::int32_t type = 0;  ///< RLIMIT_*
  std::uint64_t hard = 0;
  std::uint64_t soft = 0;
  bool operator==(const Rlimit&) const = default;
};

struct Mount {
  std::string type;  ///< "bind", "tmpfs"
  std::string source;
  std::string destination;
  bool writable = false;
  std::string relabel;  ///< "z" shared, "Z" the container's own
  bool is_private = false;
  bool slave = false;
  bool operator==(const Mount&) const = default;
};

struct MountConfig {
  bool no_pivot_root = false;
  bool readonly_fs = false;
  std::string mount_label;
  std::vector<Mount> mounts;
  std::vector<Device> device_nodes;
  bool operator==(const MountConfig&) const = default;
};

/// container.json, as libcontainer of 2014 read it. Members are its keys.
struct Container {
  std::string root_fs;  ///< empty = the directory of container.json
  std::string hostname;
  std::string user;
  std::string working_dir;  ///< empty = "/"
  std::vector<std::string> environment;
  bool tty = false;
  std::vector<Namespace> namespaces;
  std::vector<std::string> capabilities;  ///< without "CAP_"; all others are dropped
  std::vector<Network> networks;
  std::vector<Route> routes;
  std::optional<Cgroups> cgroups;
  std::string apparmor_profile;
  std::string process_label;
  bool restrict_sys = false;
  std::vector<Rlimit> rlimits;
  std::optional<MountConfig> mount_config;
  bool operator==(const Container&) const = default;
};

/// Reads the text. Keys match without regard to case and unknown ones are ignored, as in 2014. Errors bear the line and
/// column of text that is no JSON, else the pointer of the value.
Result<Container> read(std::string_view text);

/// The text again, indented by tabs.
std::string write(const Container& container);

}  // namespace caisson::nsinit

namespace caisson {

template <>
inline constexpr auto json::fields<nsinit::Device> = table(
    optional("type", &nsinit::Device::type), optional("path", &nsinit::Device::path),
    optional("major_number", &nsinit::Device::major_number), optional("minor_number", &nsinit::Device::minor_number),
    optional("cgroup_permissions", &nsinit::Device::cgroup_permissions),
    optional("file_mode", &nsinit::Device::file_mode), optional("uid", &nsinit::Device::uid),
    optional("gid", &nsinit::Device::gid));

template <>
inline constexpr auto json::fields<nsinit::Namespace> = table(optional("name", &nsinit::Namespace::name),
                                                              optional("path", &nsinit::Namespace::path));

template <>
inline constexpr auto json::fields<nsinit::Network> = table(
    optional("type", &nsinit::Network::type), optional("bridge", &nsinit::Network::bridge),
    optional("create_bridge", &nsinit::Network::create_bridge), optional("veth_prefix", &nsinit::Network::veth_prefix),
    optional("mac_address", &nsinit::Network::mac_address), optional("address", &nsinit::Network::address),
    optional("ipv6_address", &nsinit::Network::ipv6_address), optional("gateway", &nsinit::Network::gateway),
    optional("ipv6_gateway", &nsinit::Network::ipv6_gateway), optional("mtu", &nsinit::Network::mtu),
    optional("txqueuelen", &nsinit::Network::txqueuelen));

template <>
inline constexpr auto json::fields<nsinit::Route> = table(optional("destination", &nsinit::Route::destination),
                                                          optional("source", &nsinit::Route::source),
                                                          optional("gateway", &nsinit::Route::gateway),
                                                          optional("interface_name", &nsinit::Route::interface_name));

template <>
inline constexpr auto json::fields<nsinit::Cgroups> = table(
    optional("name", &nsinit::Cgroups::name), optional("parent", &nsinit::Cgroups::parent),
    optional("allow_all_devices", &nsinit::Cgroups::allow_all_devices),
    optional("allowed_devices", &nsinit::Cgroups::allowed_devices), optional("memory", &nsinit::Cgroups::memory),
    optional("memory_reservation", &nsinit::Cgroups::memory_reservation),
    optional("memory_swap", &nsinit::Cgroups::memory_swap), optional("cpu_shares", &nsinit::Cgroups::cpu_shares),
    optional("cpu_quota", &nsinit::Cgroups::cpu_quota), optional("cpu_period", &nsinit::Cgroups::cpu_period),
    optional("cpuset_cpus", &nsinit::Cgroups::cpuset_cpus), optional("cpuset_mems", &nsinit::Cgroups::cpuset_mems),
    optional("freezer", &nsinit::Cgroups::freezer), optional("slice", &nsinit::Cgroups::slice));

template <>
inline constexpr auto json::fields<nsinit::Rlimit> = table(always("type", &nsinit::Rlimit::type),
                                                           always("hard", &nsinit::Rlimit::hard),
                                                           always("soft", &nsinit::Rlimit::soft));

template <>
inline constexpr auto json::fields<nsinit::Mount> = table(optional("type", &nsinit::Mount::type),
                                                          optional("source", &nsinit::Mount::source),
                                                          optional("destination", &nsinit::Mount::destination),
                                                          optional("writable", &nsinit::Mount::writable),
                                                          optional("relabel", &nsinit::Mount::relabel),
                                                          optional("private", &nsinit::Mount::is_private),
                                                          optional("slave", &nsinit::Mount::slave));

template <>
inline constexpr auto json::fields<nsinit::MountConfig> =
    table(optional("no_pivot_root", &nsinit::MountConfig::no_pivot_root),
          optional("readonly_fs", &nsinit::MountConfig::readonly_fs),
          optional("mount_label", &nsinit::MountConfig::mount_label), optional("mounts", &nsinit::MountConfig::mounts),
          optional("device_nodes", &nsinit::MountConfig::device_nodes));

template <>
inline constexpr auto json::fields<nsinit::Container> = table(
    optional("root_fs", &nsinit::Container::root_fs), optional("hostname", &nsinit::Container::hostname),
    optional("user", &nsinit::Container::user), optional("working_dir", &nsinit::Container::working_dir),
    optional("environment", &nsinit::Container::environment), optional("tty", &nsinit::Container::tty),
    optional("namespaces", &nsinit::Container::namespaces), optional("capabilities", &nsinit::Container::capabilities),
    optional("networks", &nsinit::Container::networks), optional("routes", &nsinit::Container::routes),
    optional("cgroups", &nsinit::Container::cgroups),
    optional("apparmor_profile", &nsinit::Container::apparmor_profile),
    optional("process_label", &nsinit::Container::process_label),
    optional("restrict_sys", &nsinit::Container::restrict_sys), optional("rlimits", &nsinit::Container::rlimits),
    optional("mount_config", &nsinit::Container::mount_config));

}  // namespace caisson
