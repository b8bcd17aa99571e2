// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <set>

#include "base/text.hpp"
#include "config/checks.hpp"
#include "config/validate.hpp"
#include "json/read.hpp"

namespace caisson::config {
namespace {

Status check_namespaces(const Spec&, const Linux& platform) {
  unsigned seen = 0;
  for (std::size_t i = 0; i < platform.namespaces.size(); ++i) {
    const auto& space = platform.namespaces[i];
    const auto bit = 1u << static_cast<unsigned>(space.type);
    if ((seen & bit) != 0)
      return fail_config(fmt::format("/linux/namespaces/{}", i), "malformed spec file: duplicated ns '{}'",
                         json::word_of(space.type));
    seen |= bit;
    if (!space.path.empty() && space.path[0] != '/')
      return fail_config(fmt::format("/linux/namespaces/{}/path", i), "namespace path '{}' is not absolute",
                         space.path);
  }
  return {};
}

Status check_user_mappings(const Spec&, const Linux& platform) {
  const auto& uids = platform.uid_mappings;
  const auto& gids = platform.gid_mappings;
  const Namespace* user = platform.find(NamespaceType::user);
  if (!user) {
    if (uids.empty() && gids.empty()) return {};
    return fail_config(uids.empty() ? "/linux/gidMappings" : "/linux/uidMappings",
                       "user namespace mappings specified, but user namespace isn't enabled in the config");
  }
  if (uids.empty() && gids.empty()) {
    if (!user->path.empty()) return {};
    return fail_config("/linux/namespaces",
                       "user namespaces enabled, but no namespace path to join nor mappings to apply specified");
  }
  if (uids.empty()) return fail_config("/linux/uidMappings", "user namespaces enabled, but no uid mappings found");
  if (gids.empty()) return fail_config("/linux/gidMappings", "user namespaces enabled, but no gid mappings found");
  CAISSON_TRY(check_mappings(uids, "/linux/uidMappings"));
  return check_mappings(gids, "/linux/gidMappings");
}

/// Source: time_namespaces(7).
Status check_time_offsets(const Spec&, const Linux& platform) {
  if (platform.time_offsets.empty()) return {};
  const Namespace* time = platform.find(NamespaceType::time);
  if (!time)
    return fail_config("/linux/timeOffsets",
                       "time namespace offsets specified, but time namespace isn't enabled in the config");
  if (!time->path.empty())
    return fail_config("/linux/timeOffsets",
                       "time namespace enabled, but both namespace path and time offsets specified -- you may only "
                       "provide one");
  for (const auto& [clock, offset] : platform.time_offsets) {
    const auto pointer = "/linux/timeOffsets/" + text::pointer_token(clock);
    if (clock != "monotonic" && clock != "boottime")
      return fail_config(pointer, "clock '{}' has no offset, only monotonic and boottime", clock);
    if (offset.nanosecs >= 1'000'000'000)
      return fail_config(pointer + "/nanosecs", "{} nanoseconds are a second or more", offset.nanosecs);
  }
  return {};
}

Status check_paths(const Linux& platform, const std::vector<std::string>& paths, const char* key) {
  if (paths.empty()) return {};
  if (!platform.find(NamespaceType::mount))
    return fail_config(fmt::format("/linux/{}", key), "unable to restrict sys entries without a private MNT namespace");
  for (std::size_t i = 0; i < paths.size(); ++i)
    if (!paths[i].starts_with('/'))
      return fail_config(fmt::format("/linux/{}/{}", key, i), "'{}' is not an absolute path", paths[i]);
  return {};
}

Status check_masked_paths(const Spec&, const Linux& platform) {
  return check_paths(platform, platform.masked_paths, "maskedPaths");
}

Status check_readonly_paths(const Spec&, const Linux& platform) {
  return check_paths(platform, platform.readonly_paths, "readonlyPaths");
}

Status check_propagation(const Spec&, const Linux& platform) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"", "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"});
  if (std::ranges::find(kWords, platform.rootfs_propagation) == kWords.end())
    return fail_config("/linux/rootfsPropagation", "rootfsPropagation='{}' is not supported",
                       platform.rootfs_propagation);
  return {};
}

bool is_ipc_sysctl(std::string_view path) {
  constexpr auto kNames =
      std::to_array<std::string_view>({"kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall",
                                       "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced"});
  return path.starts_with("fs/mqueue/") || std::ranges::find(kNames, path) != kNames.end();
}

}  // namespace

std::string sysctl_pointer(std::string_view key) { return "/linux/sysctl/" + text::pointer_token(key); }

std::optional<NamespaceType> namespace_of_sysctl(std::string_view path) {
  if (is_ipc_sysctl(path)) return NamespaceType::ipc;
  if (path.starts_with("net/")) return NamespaceType::network;
  if (path == "kernel/domainname" || path == "kernel/hostname") return NamespaceType::uts;
  if (path.starts_with("user/")) return NamespaceType::user;
  return std::nullopt;
}

namespace {

/// Refuses a sysctl that belongs to no namespace of the container: writing it would change the host. Source:
/// namespaces(7).
Status check_sysctl(const Spec& spec, const Linux& platform) {
  for (const auto& [key, value] : platform.sysctl) {
    const auto path = sysctl_path(key);
    const auto refuse = [&key = key](std::string_view text) {
      return fail_config(sysctl_pointer(key), "sysctl '{}' {}", key, text);
    };
    if (path.empty()) return refuse("is not a name");
    if (is_ipc_sysctl(path)) {
      if (!platform.find(NamespaceType::ipc)) return refuse("is not allowed in the hosts ipc namespace");
    } else if (path.starts_with("net/")) {
      if (!platform.find(NamespaceType::network)) return refuse("not allowed in host network namespace");
    } else if (path == "kernel/domainname") {
      if (!platform.find(NamespaceType::uts)) return refuse("is not allowed in the hosts uts namespace");
      if (!spec.domainname.empty() && spec.domainname != value)
        return refuse("conflicts with the OCI \"domainname\" field");
    } else if (path == "kernel/hostname") {
      return refuse("is not allowed as it conflicts with the OCI \"hostname\" field");
    } else if (path.starts_with("user/")) {
      if (!platform.find(NamespaceType::user)) return refuse("sets ucounts, which needs a user namespace");
    } else {
      return refuse("is not in a separate kernel namespace");
    }
  }
  return {};
}

/// Source: dev_valid_name() of the kernel's net/core/dev.c.
bool is_interface_name(std::string_view name) {
  constexpr std::size_t kLongest = 15;  // IFNAMSIZ - 1
  if (name.empty() || name.size() > kLongest || name == "." || name == "..") return false;
  return std::ranges::none_of(name, [](char c) {
    return c == '/' || c == ':' || c == ' ' || (c >= '\t' && c <= '\r') || static_cast<unsigned char>(c) == 0xa0;
  });
}

Status check_net_devices(const Spec&, const Linux& platform) {
  if (platform.net_devices.empty()) return {};
  if (!platform.find(NamespaceType::network))
    return fail_config("/linux/netDevices", "unable to move network devices without a private NET namespace");
  std::set<std::string_view> targets;
  for (const auto& [host, device] : platform.net_devices) {
    const auto& target = device.name.empty() ? host : device.name;
    if (!is_interface_name(host))
      return fail_config("/linux/netDevices/" + text::pointer_token(host), "invalid network device name '{}'", host);
    const auto pointer = fmt::format("/linux/netDevices/{}/name", host);
    if (!is_interface_name(target)) return fail_config(pointer, "invalid network device name '{}'", target);
    // "eth%d" is a template: the kernel makes a new name from it each time.
    if (!target.contains('%') && !targets.insert(target).second)
      return fail_config(pointer, "duplicate network device name '{}'", target);
  }
  return {};
}

Status check_devices(const Spec&, const Linux& platform) {
  constexpr std::int64_t kMostMajor = (1 << 12) - 1;  // MKDEV of <linux/kdev_t.h>
  constexpr std::int64_t kMostMinor = (1 << 20) - 1;
  constexpr std::uint32_t kModeBits = 0177777;
  for (std::size_t i = 0; i < platform.devices.size(); ++i) {
    const auto& device = platform.devices[i];
    const auto pointer = fmt::format("/linux/devices/{}", i);
    if (!device.path.starts_with('/') || device.path.find_first_not_of("/.") == std::string::npos)
      return fail_config(pointer + "/path", "device path '{}' is not the absolute path of a file", device.path);
    if (device.file_mode && (*device.file_mode & ~kModeBits) != 0)
      return fail_config(pointer + "/fileMode", "{} is not the mode of a file", *device.file_mode);
    if (device.uid == kNoId) return fail_config(pointer + "/uid", "{} is not a user id", kNoId);
    if (device.gid == kNoId) return fail_config(pointer + "/gid", "{} is not a group id", kNoId);
    if (device.type == DeviceType::p) continue;
    if (!device.major) return fail_config(pointer + "/major", "device '{}' needs a major number", device.path);
    if (!device.minor) return fail_config(pointer + "/minor", "device '{}' needs a minor number", device.path);
    if (*device.major < 0 || *device.major > kMostMajor)
      return fail_config(pointer + "/major", "{} is not a major number", *device.major);
    if (*device.minor < 0 || *device.minor > kMostMinor)
      return fail_config(pointer + "/minor", "{} is not a minor number", *device.minor);
  }
  return {};
}

Status check_resources(const Spec&, const Linux& platform) {
  return platform.resources ? validate_resources(*platform.resources, "/linux/resources") : Status();
}

/// Source: the kernel's Documentation/arch/x86/resctrl.rst.
Status check_intel_rdt(const Spec&, const Linux& platform) {
  if (!platform.intel_rdt) return {};
  const auto& rdt = *platform.intel_rdt;
  if (rdt.clos_id == "." || rdt.clos_id == ".." || (rdt.clos_id != "/" && rdt.clos_id.contains('/')))
    return fail_config("/linux/intelRdt/closID", "invalid intelRdt.ClosID '{}'", rdt.clos_id);
  for (std::size_t i = 0; i < rdt.schemata.size(); ++i)
    if (rdt.schemata[i].contains('\n'))
      return fail_config(fmt::format("/linux/intelRdt/schemata/{}", i), "a schema is one line");
  if (!rdt.mem_bw_schema.empty() && (!rdt.mem_bw_schema.starts_with("MB:") || rdt.mem_bw_schema.contains('\n')))
    return fail_config("/linux/intelRdt/memBwSchema", "'{}' is not one line that starts with 'MB:'", rdt.mem_bw_schema);
  return {};
}

/// Source: set_mempolicy(2).
Status check_memory_policy(const Spec&, const Linux& platform) {
  if (!platform.memory_policy) return {};
  const auto& policy = *platform.memory_policy;
  if (!policy.mode) return fail_config("/linux/memoryPolicy/mode", "memory policy mode is required");
  const auto nodes = text::parse_id_list(policy.nodes);
  if (!nodes) return fail_config("/linux/memoryPolicy/nodes", "'{}' is not a list of memory nodes", policy.nodes);
  std::uint64_t count = 0;
  for (const auto& range : *nodes) count += range.last - range.first + 1;
  const auto mode = *policy.mode;
  const auto word = json::word_of(mode);
  const bool none = mode == MemoryPolicyMode::standard || mode == MemoryPolicyMode::local;
  if (none && count != 0)
    return fail_config("/linux/memoryPolicy/nodes", "memory policy mode requires 0 nodes but got {} ({})", count, word);
  if (!none && mode != MemoryPolicyMode::preferred && count == 0)
    return fail_config("/linux/memoryPolicy/nodes", "memory policy mode requires at least one node but got 0 ({})",
                       word);
  const auto has = [&](MemoryPolicyFlag flag) { return std::ranges::find(policy.flags, flag) != policy.flags.end(); };
  if (has(MemoryPolicyFlag::relative_nodes) && has(MemoryPolicyFlag::static_nodes))
    return fail_config("/linux/memoryPolicy/flags", "MPOL_F_RELATIVE_NODES and MPOL_F_STATIC_NODES exclude each other");
  if (has(MemoryPolicyFlag::numa_balancing) && mode != MemoryPolicyMode::bind &&
      mode != MemoryPolicyMode::preferred_many)
    return fail_config("/linux/memoryPolicy/flags",
                       "MPOL_F_NUMA_BALANCING goes with MPOL_BIND and "
                       "MPOL_PREFERRED_MANY, not with {}",
                       word);
  return {};
}

Status check_personality(const Spec&, const Linux& platform) {
  if (!platform.personality) return {};
  if (!platform.personality->domain) return fail_config("/linux/personality/domain", "personality domain is required");
  if (!platform.personality->flags.empty())
    return fail_config("/linux/personality/flags",
                       "personality flags are not supported: the runtime-spec defines none");
  return {};
}

constexpr LinuxCheck kLinuxChecks[] = {
    {"namespaces", check_namespaces},
    {"uidMappings", check_user_mappings},
    {"timeOffsets", check_time_offsets},
    {"maskedPaths", check_masked_paths},
    {"readonlyPaths", check_readonly_paths},
    {"rootfsPropagation", check_propagation},
    {"sysctl", check_sysctl},
    {"netDevices", check_net_devices},
    {"devices", check_devices},
    {"resources", check_resources},
    {"intelRdt", check_intel_rdt},
    {"memoryPolicy", check_memory_policy},
    {"personality", check_personality},
};

Status check_device_rule(const DeviceRule& rule, const std::string& pointer, std::size_t index) {
  if (rule.access.empty()) return fail_config(pointer + "/access", "device access at {} field cannot be empty", index);
  if (rule.access.find_first_not_of("rwm") != std::string::npos)
    return fail_config(pointer + "/access", "device access '{}' is not of r, w and m", rule.access);
  if (rule.major && *rule.major < -1) return fail_config(pointer + "/major", "{} is not a major number", *rule.major);
  if (rule.minor && *rule.minor < -1) return fail_config(pointer + "/minor", "{} is not a minor number", *rule.minor);
  return {};
}

/// "64KB", "2MB", "1GB".
bool is_page_size(std::string_view text) {
  if (text.size() < 3 || !text.ends_with('B') || text[0] == '0') return false;
  const char unit = text[text.size() - 2];
  return (unit == 'K' || unit == 'M' || unit == 'G') && text::parse_uint(text.substr(0, text.size() - 2)).has_value();
}

}  // namespace

std::span<const LinuxCheck> linux_checks() { return kLinuxChecks; }

Status validate_resources(const Resources& resources, std::string_view pointer) {
  for (std::size_t i = 0; i < resources.devices.size(); ++i)
    CAISSON_TRY(check_device_rule(resources.devices[i], fmt::format("{}/devices/{}", pointer, i), i));
  for (std::size_t i = 0; i < resources.hugepage_limits.size(); ++i)
    if (!is_page_size(resources.hugepage_limits[i].page_size))
      return fail_config(fmt::format("{}/hugepageLimits/{}/pageSize", pointer, i), "'{}' is not a page size like '2MB'",
                         resources.hugepage_limits[i].page_size);
  for (const auto& [file, value] : resources.unified)
    if (file.empty() || file.contains('/') || file == "." || file == "..")
      return fail_config(fmt::format("{}/unified", pointer), "'{}' is not the name of a cgroup file", file);
  return {};
}

std::string sysctl_path(std::string_view key) {
  std::string path(key);
  const auto first = path.find_first_of("./");
  if (first != std::string::npos && path[first] == '.')
    for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  for (const auto part : text::split(path, '/'))
    if (part.empty() || part == "." || part == "..") return {};
  return path;
}

}  // namespace caisson::config
