// SPDX-License-Identifier: Apache-2.0
#include "plan/rootfs_devices.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "plan/rootfs_mounts.hpp"

namespace caisson::plan {
namespace {

struct DefaultNode {
  const char* path;
  std::uint32_t major, minor;
};
// Source: runtime-spec 1.3 config-linux.md, "Default Devices".
constexpr auto kDefaultNodes = std::to_array<DefaultNode>({
    {"/dev/null", 1, 3},
    {"/dev/zero", 1, 5},
    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8},
    {"/dev/urandom", 1, 9},
    {"/dev/tty", 5, 0},
});

constexpr const char* kPtmx = "/dev/ptmx";
constexpr std::uint32_t kPtmxMajor = 5;
constexpr std::uint32_t kPtmxMinor = 2;

// dev_t as mknod(2) takes it.
constexpr std::int64_t kMajorLimit = 1 << 12;
constexpr std::int64_t kMinorLimit = 1 << 20;

/// `id` of the container as the host numbers it.
std::optional<std::uint32_t> host_id(const std::vector<config::IdMapping>& maps, std::uint32_t id) {
  for (const auto& map : maps)
    if (id >= map.container_id && id - map.container_id < map.size) return map.host_id + (id - map.container_id);
  return std::nullopt;
}

/// The highest id of the host that the maps give to no user of the container: a file of this owner is shown with the
/// overflow id there (user_namespaces(7)). -1, the highest number, is no id.
std::uint32_t unmapped_host_id(const std::vector<config::IdMapping>& maps) {
  std::uint32_t id = UINT32_MAX - 1;
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& map : maps)
      if (id >= map.host_id && id - map.host_id < map.size && map.host_id > 0) {
        id = map.host_id - 1;
        moved = true;
      }
  }
  return id;
}

struct DevicePlanner {
  const config::Linux& os;
  const HostFacts& facts;
  bool in_user_namespace;
  RootfsPlan& plan;

  Result<DeviceNode> device(const config::Device& given, const std::string& pointer);
  void decide_who_makes(DeviceNode& node);
  std::uint32_t owner_on_host(const DeviceNode& node, const char* kind, std::uint32_t id,
                              const std::vector<config::IdMapping>& maps);
  void add_defaults(const std::vector<DeviceNode>& given);
  Status add();
};

std::uint32_t DevicePlanner::owner_on_host(const DeviceNode& node, const char* kind, std::uint32_t id,
                                           const std::vector<config::IdMapping>& maps) {
  if (const auto mapped = host_id(maps, id)) return *mapped;
  plan.notes.push_back(
      fmt::format("device '{}': {} {} is not mapped, the container sees the overflow id", node.path, kind, id));
  return unmapped_host_id(maps);
}

/// In a user namespace no process can make the node, so the parent does. Where the namespace is joined by path
/// its ids are not known here, and without the host's privileges there is only the host's own node.
void DevicePlanner::decide_who_makes(DeviceNode& node) {
  node.bind = in_user_namespace || facts.in_user_namespace;
  node.prepared = plan.prepared && !facts.in_user_namespace && !os.uid_mappings.empty() && !os.gid_mappings.empty();
  if (!node.prepared) return;
  node.host_uid = owner_on_host(node, "uid", node.uid, os.uid_mappings);
  node.host_gid = owner_on_host(node, "gid", node.gid, os.gid_mappings);
}

Result<DeviceNode> DevicePlanner::device(const config::Device& given, const std::string& pointer) {
  DeviceNode node;
  node.path = clean_path(given.path);
  if (given.path.empty() || node.path == "/")
    return fail_config(pointer + "/path", "device path '{}' is not a file", given.path);
  node.origin = pointer;
  node.mode = given.file_mode.value_or(0666) & 07777;
  node.uid = given.uid.value_or(0);
  node.gid = given.gid.value_or(0);
  node.given = {.mode = given.file_mode.has_value(), .uid = given.uid.has_value(), .gid = given.gid.has_value()};
  if (given.type == config::DeviceType::p) {
    node.type = S_IFIFO;
    return node;
  }
  node.type = given.type == config::DeviceType::b ? S_IFBLK : S_IFCHR;
  const std::int64_t major = given.major.value_or(-1);
  const std::int64_t minor = given.minor.value_or(-1);
  if (major < 0 || major >= kMajorLimit)
    return fail_config(pointer + "/major", "device '{}' needs a major number below {}", node.path, kMajorLimit);
  if (minor < 0 || minor >= kMinorLimit)
    return fail_config(pointer + "/minor", "device '{}' needs a minor number below {}", node.path, kMinorLimit);
  node.major = static_cast<std::uint32_t>(major);
  node.minor = static_cast<std::uint32_t>(minor);
  return node;
}

void DevicePlanner::add_defaults(const std::vector<DeviceNode>& given) {
  for (const auto& standard : kDefaultNodes) {
    if (std::ranges::find(given, standard.path, &DeviceNode::path) != given.end()) continue;
    plan.devices.push_back({.path = standard.path,
                            .type = S_IFCHR,
                            .major = standard.major,
                            .minor = standard.minor,
                            .bind = in_user_namespace || facts.in_user_namespace});
  }
  // Source: runtime-spec 1.3 runtime-linux.md, "Dev symbolic links".
  plan.links = {{"/dev/fd", "/proc/self/fd", false},
                {"/dev/stdin", "/proc/self/fd/0", false},
                {"/dev/stdout", "/proc/self/fd/1", false},
                {"/dev/stderr", "/proc/self/fd/2", false}};
  // Engines mount the host's ptmx there for --device /dev/ptmx without privileges: the mount is what is asked for.
  const bool mounted = std::ranges::any_of(plan.mounts, [](const RootfsOp& op) {
    const auto* attach = std::get_if<Attach>(&op);
    return attach != nullptr && attach->target == kPtmx;
  });
  if (!mounted) plan.links.push_back({kPtmx, "pts/ptmx", true});
  plan.core_link = true;
}

// With /dev bound from the host nothing is made in it: the nodes would be the host's.
Status DevicePlanner::add() {
  bool own_dev = true;
  for (const auto& op : plan.mounts) {
    const auto* attach = std::get_if<Attach>(&op);
    if (!attach || attach->target != "/dev") continue;
    own_dev = !std::holds_alternative<CopiedTree>(attach->what);
    plan.private_dev = own_dev;
  }
  std::vector<DeviceNode> given;
  for (std::size_t i = 0; i < os.devices.size(); ++i) {
    auto node = CAISSON_TRY(device(os.devices[i], fmt::format("/linux/devices/{}", i)));
    if (!own_dev && is_within(node.path, "/dev")) continue;
    if (node.path == kPtmx) {
      // The device is there as the link to the container's own pts/ptmx, which replaces whatever has its name.
      if (node.type != S_IFCHR || node.major != kPtmxMajor || node.minor != kPtmxMinor)
        return fail_config(node.origin + "/path", "'{}' is the link to pts/ptmx: no other device can be made there",
                           kPtmx);
      continue;
    }
    if (node.type != S_IFIFO) decide_who_makes(node);
    given.push_back(std::move(node));
  }
  if (own_dev) add_defaults(given);
  std::ranges::move(given, std::back_inserter(plan.devices));
  return {};
}

}  // namespace

Status add_devices(const config::Linux& os, const HostFacts& facts, bool in_user_namespace, RootfsPlan& plan) {
  return DevicePlanner{os, facts, in_user_namespace, plan}.add();
}

}  // namespace caisson::plan
