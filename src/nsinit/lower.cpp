// SPDX-License-Identifier: Apache-2.0
#include "nsinit/lower.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "base/fixed_text.hpp"
#include "base/text.hpp"
#include "plan/identity.hpp"

namespace caisson::nsinit {

namespace {

struct NamespaceName {
  text::Fixed<7> name;
  config::NamespaceType type;
};
constexpr auto kNamespaces = std::to_array<NamespaceName>({
    {"NEWNET", config::NamespaceType::network},
    {"NEWNS", config::NamespaceType::mount},
    {"NEWUSER", config::NamespaceType::user},
    {"NEWIPC", config::NamespaceType::ipc},
    {"NEWUTS", config::NamespaceType::uts},
    {"NEWPID", config::NamespaceType::pid},
});

struct LimitNumber {
  int number;
  config::RlimitType type;
};
constexpr auto kLimits = std::to_array<LimitNumber>({
    {RLIMIT_AS, config::RlimitType::as},
    {RLIMIT_CORE, config::RlimitType::core},
    {RLIMIT_CPU, config::RlimitType::cpu},
    {RLIMIT_DATA, config::RlimitType::data},
    {RLIMIT_FSIZE, config::RlimitType::fsize},
    {RLIMIT_LOCKS, config::RlimitType::locks},
    {RLIMIT_MEMLOCK, config::RlimitType::memlock},
    {RLIMIT_MSGQUEUE, config::RlimitType::msgqueue},
    {RLIMIT_NICE, config::RlimitType::nice},
    {RLIMIT_NOFILE, config::RlimitType::nofile},
    {RLIMIT_NPROC, config::RlimitType::nproc},
    {RLIMIT_RSS, config::RlimitType::rss},
    {RLIMIT_RTPRIO, config::RlimitType::rtprio},
    {RLIMIT_RTTIME, config::RlimitType::rttime},
    {RLIMIT_SIGPENDING, config::RlimitType::sigpending},
    {RLIMIT_STACK, config::RlimitType::stack},
});

/// One pass from a Container to a Spec. Each part notes where its values come from.
struct Lowerer {
  const Container& in;
  const Surroundings& around;
  Lowered out;
  config::Spec& spec;
  config::Process& process;
  config::Linux& os;

  void from(std::string pointer, std::string native) { out.origins.push_back({std::move(pointer), std::move(native)}); }
  bool has(config::NamespaceType type) const { return os.find(type) != nullptr; }

  Status namespaces();
  Status lower_process();
  void capabilities();
  Status limits();
  void labels();
  void default_mounts();
  Status mounts();
  Status mount(const Mount& wanted, const std::string& native);
  Status nodes();
  Status cgroups();
  Status device_rules(const Cgroups& wanted);
  Status memory(const Cgroups& wanted, config::Resources& resources);
  Status cpu(const Cgroups& wanted, config::Resources& resources);
  Status networks();
  void protect_config();
};

Status Lowerer::namespaces() {
  for (std::size_t i = 0; i < in.namespaces.size(); ++i) {
    const auto& wanted = in.namespaces[i];
    const std::string native = fmt::format("/namespaces/{}", i);
    const auto* known = std::ranges::find(kNamespaces, std::string_view(wanted.name), &NamespaceName::name);
    if (known == kNamespaces.end()) return fail_config(native + "/name", "unknown namespace '{}'", wanted.name);
    if (has(known->type)) return fail_config(native + "/name", "namespace '{}' is given twice", wanted.name);
    from(fmt::format("/linux/namespaces/{}", os.namespaces.size()), native);
    os.namespaces.push_back({.type = known->type, .path = wanted.path});
  }
  from("/linux/namespaces", "/namespaces");
  // Without one, all that a container mounts and its pivot_root would happen to the host.
  if (!has(config::NamespaceType::mount))
    return fail_config("/namespaces", "a container needs the namespace NEWNS: its mounts would be the host's");
  if (const auto* user = os.find(config::NamespaceType::user); user != nullptr && user->path.empty()) {
    // container.json has no words for a map. Root's namespace has every id, as it is; another user's but his own.
    constexpr std::uint32_t kAllIds = std::numeric_limits<std::uint32_t>::max();
    const std::uint32_t size = around.uid == 0 ? kAllIds : 1;
    os.uid_mappings = {{.container_id = 0, .host_id = around.uid, .size = size}};
    os.gid_mappings = {{.container_id = 0, .host_id = around.uid == 0 ? 0 : around.gid, .size = size}};
  }
  return {};
}

void Lowerer::capabilities() {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < in.capabilities.size(); ++i) {
    const std::string name = "CAP_" + in.capabilities[i];
    if (plan::capability_number(name))
      kept.push_back(name);
    else
      out.warnings.push_back(
          fmt::format("ignoring unknown capability '{}' [config: /capabilities/{}]", in.capabilities[i], i));
  }
  // Nothing inheritable: a program whose file has inheritable capabilities would gain them (CVE-2022-24769).
  process.capabilities = {.bounding = kept, .effective = kept, .inheritable = {}, .permitted = kept, .ambient = {}};
  from("/process/capabilities", "/capabilities");
}

Status Lowerer::limits() {
  for (std::size_t i = 0; i < in.rlimits.size(); ++i) {
    const auto& wanted = in.rlimits[i];
    const auto* known = std::ranges::find(kLimits, wanted.type, &LimitNumber::number);
    if (known == kLimits.end())
      return fail_config(fmt::format("/rlimits/{}/type", i), "{} is not the number of a resource limit", wanted.type);
    process.rlimits.push_back({.type = known->type, .soft = wanted.soft, .hard = wanted.hard});
  }
  from("/process/rlimits", "/rlimits");
  return {};
}

Status Lowerer::lower_process() {
  process.args = around.args;
  process.terminal = in.tty;
  process.cwd = in.working_dir.empty() ? "/" : in.working_dir;
  process.env.emplace();
  for (std::size_t i = 0; i < in.environment.size(); ++i) {
    if (!in.environment[i].contains('='))
      return fail_config(fmt::format("/environment/{}", i), "invalid environment '{}'", in.environment[i]);
    process.env->push_back(in.environment[i]);
  }
  from("/process/env", "/environment");
  from("/process/cwd", "/working_dir");
  from("/process/terminal", "/tty");
  from("/process/user", "/user");
  // Root of a user namespace, whoever that is outside.
  const bool mapped = has(config::NamespaceType::user);
  process.user.uid = mapped ? 0 : around.uid;
  process.user.gid = mapped ? 0 : around.gid;
  spec.extension->named_user = true;
  spec.extension->user = in.user;
  spec.hostname = in.hostname;
  capabilities();
  return limits();
}

/// The level of a context, which is user:role:type[:level], or of a range of two the higher one. Empty: it has none.
std::string level_of(const std::string& label) {
  std::string::size_type colon = 0;
  for (int i = 0; i < 3 && colon != label.npos; ++i) colon = label.find(':', i == 0 ? 0 : colon + 1);
  if (colon == label.npos) return {};
  const std::string range = label.substr(colon + 1);
  return range.substr(range.find('-') == range.npos ? 0 : range.find('-') + 1);
}

std::string with_level(const std::string& label, const std::string& level) {
  return label.empty() || level.empty() || !level_of(label).empty() ? label : label + ":" + level;
}

/// The label with the level that all containers may reach.
std::string shared_label(const std::string& label) {
  std::size_t colon = 0;
  for (int i = 0; i < 3 && colon != label.npos; ++i) colon = label.find(':', i == 0 ? 0 : colon + 1);
  return label.substr(0, colon) + ":s0";
}

void Lowerer::labels() {
  static const MountConfig kNone;
  const auto& mount_label = (in.mount_config ? *in.mount_config : kNone).mount_label;
  const auto without = [this](const char* pointer, std::string_view why) {
    out.warnings.push_back(fmt::format("going on without it: {} [config: {}]", why, pointer));
  };
  constexpr std::string_view kNoSelinux = "this host has no SELinux";
  if (around.no_apparmor.empty())
    process.apparmor_profile = in.apparmor_profile;
  else if (!in.apparmor_profile.empty())
    without("/apparmor_profile", around.no_apparmor);
  if (around.selinux) {
    const bool none = in.process_label.empty() && mount_label.empty();
    const std::string& of_process = none ? around.process_label : in.process_label;
    const std::string& of_mounts = none ? around.mount_label : mount_label;
    // A level that one of them names is the other's too: else the process could not use what is mounted for it.
    std::string level = level_of(of_process).empty() ? level_of(of_mounts) : level_of(of_process);
    if (level.empty()) level = around.mcs;
    process.selinux_label = with_level(of_process, level);
    os.mount_label = with_level(of_mounts, level);
  } else if (!in.process_label.empty()) {
    without("/process_label", kNoSelinux);
  } else if (!mount_label.empty()) {
    without("/mount_config/mount_label", kNoSelinux);
  }
  from("/process/apparmorProfile", "/apparmor_profile");
  from("/process/selinuxLabel", "/process_label");
  from("/linux/mountLabel", "/mount_config/mount_label");
}

/// What every container of 2014 had, in its order.
void Lowerer::default_mounts() {
  spec.mounts = {
      {.destination = "/proc", .type = "proc", .source = "proc", .options = {"nosuid", "noexec", "nodev"}},
      {.destination = "/dev", .type = "tmpfs", .source = "tmpfs", .options = {"nosuid", "strictatime", "mode=755"}},
      {.destination = "/dev/shm",
       .type = "tmpfs",
       .source = "shm",
       .options = {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
      {.destination = "/dev/mqueue", .type = "mqueue", .source = "mqueue", .options = {"nosuid", "noexec", "nodev"}},
      {.destination = "/dev/pts",
       .type = "devpts",
       .source = "devpts",
       .options = {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=620", "gid=5"}},
      {.destination = "/sys", .type = "sysfs", .source = "sysfs", .options = {"nosuid", "noexec", "nodev"}},
  };
  // tty is no group of a user namespace with but one id.
  if (!os.gid_mappings.empty() && os.gid_mappings.front().size == 1) spec.mounts[4].options.pop_back();
  if (!in.restrict_sys) return;
  spec.mounts.back().options.emplace_back("ro");
  os.readonly_paths = {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus"};
  os.masked_paths = {"/proc/kcore"};
  from("/linux/readonlyPaths", "/restrict_sys");
  from("/linux/maskedPaths", "/restrict_sys");
}

Status Lowerer::mount(const Mount& wanted, const std::string& native) {
  config::Mount made{.destination = wanted.destination, .type = wanted.type, .source = wanted.source};
  if (!made.destination.starts_with('/')) made.destination.insert(0, "/");
  if (wanted.type == "bind") {
    made.options = {"rbind", wanted.writable ? "rw" : "ro"};
    if (wanted.slave) made.options.emplace_back("rslave");
    if (wanted.is_private) made.options.emplace_back("private");
    if (!wanted.source.starts_with('/'))
      return fail_config(native + "/source", "the source of a bind mount must be an absolute path, not '{}'",
                         wanted.source);
  } else if (wanted.type == "tmpfs") {
    made.source = "tmpfs";
    made.options = {"nosuid", "noexec", "nodev"};
  } else {
    return fail_config(native + "/type", "unsupported mount type {} for {}", wanted.type, wanted.destination);
  }
  if (!wanted.relabel.empty() && wanted.relabel != "z" && wanted.relabel != "Z")
    return fail_config(native + "/relabel", "'{}' is neither 'z' nor 'Z'", wanted.relabel);
  if (!wanted.relabel.empty() && !around.selinux)
    out.warnings.push_back(fmt::format("going on without it: this host has no SELinux [config: {}/relabel]", native));
  if (!wanted.relabel.empty() && around.selinux && os.mount_label.empty())
    out.warnings.push_back(
        fmt::format("going on without it: there is no mount_label to give [config: {}/relabel]", native));
  if (!wanted.relabel.empty() && wanted.type == "bind" && !os.mount_label.empty())
    out.relabels.push_back(
        {wanted.source, wanted.relabel == "z" ? shared_label(os.mount_label) : os.mount_label, native + "/relabel"});
  const std::string pointer = fmt::format("/mounts/{}", spec.mounts.size());
  for (const char* key : {"/source", "/destination", "/type"}) from(pointer + key, native + key);
  from(pointer, native);
  spec.mounts.push_back(std::move(made));
  return {};
}

Status Lowerer::mounts() {
  default_mounts();
  from("/root/path", "/root_fs");
  from("/root/readonly", "/mount_config/readonly_fs");
  from("/linux/rootfsPropagation", "/mount_config/no_pivot_root");
  // Without pivot_root the host's tree stays below, and must go on without us.
  out.no_pivot = in.mount_config && in.mount_config->no_pivot_root;
  os.rootfs_propagation = out.no_pivot ? "rslave" : "rprivate";
  if (!in.mount_config) return {};
  spec.root->readonly = in.mount_config->readonly_fs;
  for (std::size_t i = 0; i < in.mount_config->mounts.size(); ++i)
    CAISSON_TRY(mount(in.mount_config->mounts[i], fmt::format("/mount_config/mounts/{}", i)));
  return nodes();
}

Status Lowerer::nodes() {
  const auto& nodes = in.mount_config->device_nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& wanted = nodes[i];
    const std::string native = fmt::format("/mount_config/device_nodes/{}", i);
    config::Device made;
    if (wanted.type == 'c' || wanted.type == 'u')
      made.type = config::DeviceType::c;
    else if (wanted.type == 'b')
      made.type = config::DeviceType::b;
    else
      return fail_config(native + "/type", "{} is not the number of 'c' (99) or 'b' (98)", wanted.type);
    made.path = wanted.path;
    made.major = wanted.major_number;
    made.minor = wanted.minor_number;
    made.file_mode = wanted.file_mode;
    made.uid = wanted.uid;
    made.gid = wanted.gid;
    const std::string pointer = fmt::format("/linux/devices/{}", i);
    const std::pair<const char*, const char*> keys[] = {
        {"/major", "/major_number"},
        {"/minor", "/minor_number"},
        {"/fileMode", "/file_mode"},
        {"/path", "/path"},
        {"/uid", "/uid"},
        {"/gid", "/gid"},
    };
    for (const auto& [key, own] : keys) from(pointer + key, native + own);
    from(pointer, native);
    os.devices.push_back(std::move(made));
  }
  return {};
}

Status Lowerer::device_rules(const Cgroups& wanted) {
  auto& rules = os.resources->devices;
  if (wanted.allow_all_devices) return {};
  rules.push_back({.allow = false, .access = "rwm"});
  from("/linux/resources/devices/0", "/cgroups/allow_all_devices");
  for (std::size_t i = 0; i < wanted.allowed_devices.size(); ++i) {
    const auto& device = wanted.allowed_devices[i];
    const std::string native = fmt::format("/cgroups/allowed_devices/{}", i);
    config::DeviceRule rule{.allow = true, .access = device.cgroup_permissions};
    if (device.type == 'c' || device.type == 'u')
      rule.type = config::DeviceRuleType::c;
    else if (device.type == 'b')
      rule.type = config::DeviceRuleType::b;
    else if (device.type != 'a')
      return fail_config(native + "/type", "{} is not the number of 'a' (97), 'b' (98) or 'c' (99)", device.type);
    rule.major = device.major_number;
    rule.minor = device.minor_number;
    const std::string pointer = fmt::format("/linux/resources/devices/{}", rules.size());
    from(pointer + "/access", native + "/cgroup_permissions");
    from(pointer + "/major", native + "/major_number");
    from(pointer + "/minor", native + "/minor_number");
    from(pointer, native);
    rules.push_back(std::move(rule));
  }
  return {};
}

Status Lowerer::memory(const Cgroups& wanted, config::Resources& resources) {
  if (wanted.memory_swap < -1)
    return fail_config("/cgroups/memory_swap", "invalid memory value {}", wanted.memory_swap);
  if (wanted.memory == 0 && wanted.memory_reservation == 0 && wanted.memory_swap <= 0) return {};
  auto& memory = resources.memory.emplace();
  if (wanted.memory != 0) memory.limit = wanted.memory;
  if (wanted.memory_reservation != 0) memory.reservation = wanted.memory_reservation;
  if (wanted.memory_swap > 0) {
    memory.swap = wanted.memory_swap;
  } else if (wanted.memory_swap == 0 && wanted.memory > 0) {
    if (wanted.memory > std::numeric_limits<std::int64_t>::max() / 2)
      return fail_config("/cgroups/memory", "twice the memory, the limit with swap, is too large a number");
    memory.swap = wanted.memory * 2;
  }
  from("/linux/resources/memory/limit", "/cgroups/memory");
  from("/linux/resources/memory/reservation", "/cgroups/memory_reservation");
  from("/linux/resources/memory/swap", "/cgroups/memory_swap");
  return {};
}

Status Lowerer::cpu(const Cgroups& wanted, config::Resources& resources) {
  auto& cpu = resources.cpu.emplace();
  if (wanted.cpu_shares < 0) return fail_config("/cgroups/cpu_shares", "{} is less than 0", wanted.cpu_shares);
  if (wanted.cpu_period < 0) return fail_config("/cgroups/cpu_period", "{} is less than 0", wanted.cpu_period);
  if (wanted.cpu_shares != 0) cpu.shares = static_cast<std::uint64_t>(wanted.cpu_shares);
  if (wanted.cpu_period != 0) cpu.period = static_cast<std::uint64_t>(wanted.cpu_period);
  if (wanted.cpu_quota != 0) cpu.quota = wanted.cpu_quota;
  cpu.cpus = wanted.cpuset_cpus;
  cpu.mems = wanted.cpuset_mems;
  if (cpu == config::Cpu{}) resources.cpu.reset();
  const std::pair<const char*, const char*> keys[] = {{"shares", "cpu_shares"},
                                                      {"period", "cpu_period"},
                                                      {"quota", "cpu_quota"},
                                                      {"cpus", "cpuset_cpus"},
                                                      {"mems", "cpuset_mems"}};
  for (const auto& [key, own] : keys)
    from(fmt::format("/linux/resources/cpu/{}", key), fmt::format("/cgroups/{}", own));
  return {};
}

/// Where systemd puts a unit of that slice: "a-b.slice" lies in "a.slice". systemd.slice(5).
Result<std::string> slice_path(const std::string& slice) {
  if (!slice.ends_with(".slice") || slice.contains('/') || slice.size() == std::string_view(".slice").size())
    return fail_config("/cgroups/slice", "'{}' is not the name of a slice like 'system.slice'", slice);
  const std::string stem = slice.substr(0, slice.size() - std::string_view(".slice").size());
  if (stem == "-") return std::string();
  std::string path;
  for (std::size_t dash = stem.find('-'); dash != std::string::npos; dash = stem.find('-', dash + 1))
    path += "/" + stem.substr(0, dash) + ".slice";
  return path + "/" + slice;
}

Status Lowerer::cgroups() {
  if (!in.cgroups) return {};
  const Cgroups& wanted = *in.cgroups;
  const std::string& name = wanted.name.empty() ? around.id : wanted.name;
  if (name.contains('/')) return fail_config("/cgroups/name", "'{}' is a path, not a name", name);
  if (wanted.slice.empty()) {
    const std::string parent = wanted.parent.starts_with('/') ? wanted.parent : "/" + wanted.parent;
    os.cgroups_path = parent == "/" ? "/" + name : parent + "/" + name;
  } else {
    const std::string unit = wanted.parent.empty() ? name : wanted.parent + "-" + name;
    if (unit.contains('/')) return fail_config("/cgroups/parent", "'{}' is a path: not with a slice", wanted.parent);
    os.cgroups_path = CAISSON_TRY(slice_path(wanted.slice)) + "/" + unit + ".scope";
  }
  from("/linux/cgroupsPath", "/cgroups");
  auto& resources = os.resources.emplace();
  CAISSON_TRY(device_rules(wanted));
  CAISSON_TRY(memory(wanted, resources));
  CAISSON_TRY(cpu(wanted, resources));
  if (!wanted.freezer.empty() && wanted.freezer != "FROZEN" && wanted.freezer != "THAWED")
    return fail_config("/cgroups/freezer", "'{}' is neither 'FROZEN' nor 'THAWED'", wanted.freezer);
  out.starts_frozen = wanted.freezer == "FROZEN";
  return {};
}

Status Lowerer::networks() {
  for (std::size_t i = 0; i < in.networks.size(); ++i) {
    const auto& wanted = in.networks[i];
    const std::string native = fmt::format("/networks/{}", i);
    // The runtime brings the loopback device of every new namespace up, and the host's is up.
    if (wanted.type == "loopback") continue;
    if (wanted.type != "veth") return fail_config(native + "/type", "not a valid network strategy type");
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    if (wanted.mtu < 0 || wanted.mtu > kMost) return fail_config(native + "/mtu", "{} is not an MTU", wanted.mtu);
    if (wanted.txqueuelen < 0 || wanted.txqueuelen > kMost)
      return fail_config(native + "/txqueuelen", "{} is not the length of a queue", wanted.txqueuelen);
    spec.extension->veths.push_back({.bridge = wanted.bridge,
                                     .create_bridge = wanted.create_bridge,
                                     .prefix = wanted.veth_prefix,
                                     .mac_address = wanted.mac_address,
                                     .address = wanted.address,
                                     .ipv6_address = wanted.ipv6_address,
                                     .gateway = wanted.gateway,
                                     .ipv6_gateway = wanted.ipv6_gateway,
                                     .mtu = static_cast<std::uint32_t>(wanted.mtu),
                                     .tx_queue_length = static_cast<std::uint32_t>(wanted.txqueuelen),
                                     .origin = native});
  }
  for (std::size_t i = 0; i < in.routes.size(); ++i) {
    const auto& wanted = in.routes[i];
    spec.extension->routes.push_back(
        {wanted.destination, wanted.source, wanted.gateway, wanted.interface_name, fmt::format("/routes/{}", i)});
  }
  return {};
}

/// The next start of this container does what container.json says: a container in whose tree the file lies must not
/// write it. A file at the top of a tree is made read-only, and cannot be replaced, for it is a mount then. Of one that
/// lies deeper the directory at the top is: any directory between could be renamed, and another put in its place.
void Lowerer::protect_config() {
  const auto protect = [this](const std::string& host_tree, const std::string& place) {
    const std::string prefix = host_tree.ends_with('/') ? host_tree : host_tree + "/";
    if (!around.config_file.starts_with(prefix)) return;
    const std::string rest = around.config_file.substr(prefix.size());
    const std::string path = (place == "/" ? "" : place) + "/" + rest.substr(0, rest.find('/'));
    if (rest.find('/') != rest.npos)
      out.warnings.push_back(fmt::format("'{}' is read-only in the container, for container.json lies in it", path));
    os.readonly_paths.push_back(path);
  };
  if (around.config_file.empty()) return;
  protect(around.rootfs, "/");
  for (const auto& mount : spec.mounts)
    if (mount.source.starts_with('/')) protect(mount.source, mount.destination);
}

}  // namespace

Result<Lowered> lower(const Container& container, const Surroundings& around) {
  Lowered start;
  start.spec.oci_version = config::kSpecVersion;
  start.spec.process.emplace();
  start.spec.root = {.path = around.rootfs};
  start.spec.linux.emplace();
  start.spec.extension.emplace();
  start.spec.extension->ends_with_caller = true;
  Lowered out = std::move(start);
  Lowerer pass{container, around, {}, out.spec, *out.spec.process, *out.spec.linux};
  CAISSON_TRY(pass.namespaces());
  CAISSON_TRY(pass.lower_process());
  pass.labels();
  CAISSON_TRY(pass.mounts());
  CAISSON_TRY(pass.cgroups());
  CAISSON_TRY(pass.networks());
  pass.protect_config();
  pass.out.spec = std::move(out.spec);
  return std::move(pass.out);
}

Error raise(Error error, const std::vector<Origin>& origins) {
  const std::string pointer = error.pointer();
  const Origin* best = nullptr;
  for (const auto& origin : origins) {
    const bool within = pointer.starts_with(origin.pointer) &&
                        (pointer.size() == origin.pointer.size() || pointer[origin.pointer.size()] == '/');
    if (within && (best == nullptr || origin.pointer.size() > best->pointer.size())) best = &origin;
  }
  if (best == nullptr) return error;
  // The number of an element is the same on both sides, unless it is listed; names of members are not.
  const auto parts = text::split(std::string_view(pointer).substr(best->pointer.size()), '/');
  const bool element = parts.size() > 1 && text::parse_uint(parts[1]).has_value();
  return std::move(error).moved_to(element ? fmt::format("{}/{}", best->native, parts[1]) : best->native);
}

}  // namespace caisson::nsinit
