// SPDX-License-Identifier: Apache-2.0
#include "plan/cgroup.hpp"

#include <algorithm>
#include <string_view>

#include "base/path.hpp"
#include "base/text.hpp"
#include "config/annotations.hpp"
#include "plan/controllers/controller.hpp"

namespace caisson::plan {

namespace {

using controllers::Controller;
using controllers::WriteList;

// In the order of application.
constexpr const Controller* kControllers[] = {
    &controllers::kPids,    &controllers::kMemory, &controllers::kIo,     &controllers::kCpu,     &controllers::kCpuset,
    &controllers::kHugetlb, &controllers::kRdma,   &controllers::kNetCls, &controllers::kNetPrio,
};

const CgroupMount* find_mount(const HostFacts& facts, std::string_view controller) {
  for (const auto& mount : facts.cgroup_mounts)
    if (std::ranges::find(mount.controllers, controller) != mount.controllers.end()) return &mount;
  return nullptr;
}

/// `path` below a mount point: "" for the top.
std::string below_top(std::string_view path) {
  std::string clean = text::clean_path(path);
  return clean == "/" ? std::string() : clean;
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? std::string() : path.substr(0, slash);
}

Result<std::vector<CgroupDir>> make_dirs(const std::string& asked, const HostFacts& facts, const std::string& id) {
  const bool absolute = asked.starts_with('/');
  const std::string name = below_top(asked.empty() ? id : asked);
  if (name.empty())
    return fail_config("/linux/cgroupsPath", "'{}' does not name a cgroup of the container's own", asked);
  std::vector<CgroupDir> dirs;
  dirs.reserve(facts.cgroup_mounts.size());
  for (const auto& mount : facts.cgroup_mounts) {
    // Below the runtime's own cgroup; but on v2 that holds processes, and so may have no children with controllers.
    std::string base;
    if (!absolute)
      base =
          facts.cgroup_flavour == CgroupFlavour::v2 ? parent_of(below_top(mount.own_path)) : below_top(mount.own_path);
    dirs.push_back({mount.controllers, mount.mountpoint, mount.mountpoint + base + name, mount.v2});
  }
  return dirs;
}

/// The id on the host of a user of the container; absent when it has no mapping.
std::optional<std::uint32_t> host_id(const std::vector<config::IdMapping>& mappings, std::uint32_t id) {
  if (mappings.empty()) return id;
  for (const auto& mapping : mappings)
    if (id >= mapping.container_id && id - mapping.container_id < mapping.size)
      return mapping.host_id + (id - mapping.container_id);
  return {};
}

/// The container may manage its cgroup when it sees nothing above it and may write to it.
std::optional<std::uint32_t> delegate_to(const config::Spec& spec, const HostFacts& facts) {
  if (facts.cgroup_flavour != CgroupFlavour::v2 || !spec.process) return {};
  const auto& linux = spec.linux_or_empty();
  const auto* space = linux.find(config::NamespaceType::cgroup);
  if (!space || !space->path.empty()) return {};
  const bool writable = std::ranges::any_of(spec.mounts, [](const config::Mount& mount) {
    return mount.type == "cgroup" && text::clean_path(mount.destination) == "/sys/fs/cgroup" &&
           std::ranges::find(mount.options, "ro") == mount.options.end();
  });
  if (!writable) return {};
  const auto owner = host_id(linux.uid_mappings, spec.process->user.uid);
  return owner == facts.euid ? std::nullopt : owner;
}

Status write_unified(const config::Resources& resources, CgroupFlavour flavour, WriteList& out) {
  if (resources.unified.empty()) return {};
  if (flavour != CgroupFlavour::v2)
    return fail_config(out.at("/unified"), "invalid configuration: cannot use unified on cgroup v1");
  out.begin("unified");
  for (const auto& [file, value] : resources.unified) {
    const std::string key = "/unified/" + text::pointer_token(file);
    if (file.empty() || file.contains('/') || file == "." || file == "..")
      return fail_config(out.at(key), "unified resource '{}' must be a file name (no slashes)", file);
    // The files that take several entries (io.max, rdma.max) take one in each write.
    std::string_view rest = value;
    while (!rest.empty()) {
      const auto end = rest.find('\n');
      if (auto line = rest.substr(0, end); !line.empty()) out.add(key, file, std::string(line));
      rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    }
  }
  return {};
}

/// A limit that is already met without the controller is dropped; any other needs it.
Status require(std::string_view controller, const HostFacts& facts, std::vector<CgroupWrite>& writes,
               std::size_t first) {
  if (first == writes.size() || find_mount(facts, controller)) return {};
  for (std::size_t i = first; i < writes.size(); ++i) {
    if (writes[i].refusal == Refusal::missing_is_met) continue;
    if (facts.cgroup_flavour == CgroupFlavour::none)
      return fail_config(writes[i].origin, "no cgroup hierarchy is mounted at /sys/fs/cgroup");
    return fail_config(writes[i].origin, "the {} controller is not {} on this host", controller,
                       facts.cgroup_flavour == CgroupFlavour::v2 ? "available in cgroup v2" : "mounted (cgroup v1)");
  }
  writes.resize(first);
  return {};
}

/// Init of our own needs some 400 KiB of its cgroup on v2 when it is born there; v1 charges nothing before the program.
bool is_tight(const config::Resources& resources) {
  constexpr std::int64_t kRoomy = 8 << 20;
  if (!resources.memory) return false;
  const std::int64_t limit = resources.memory->limit.value_or(0);
  return limit > 0 && limit < kRoomy;
}

/// On a hybrid host without the v1 controller a BPF program in the unified hierarchy does the same.
Status check_devices(const CgroupPlan& plan, const HostFacts& facts, const config::Resources& resources) {
  if (plan.flavour == CgroupFlavour::v2 || plan.devices.may_fail || resources.devices.empty()) return {};
  const bool unified = std::ranges::any_of(facts.cgroup_mounts, &CgroupMount::v2);
  if (!find_mount(facts, "devices") && !unified)
    return fail_config("/linux/resources/devices", "the devices controller is not mounted (cgroup v1) on this host");
  if (find_mount(facts, "devices")) CAISSON_TRY(device_lines(plan.devices));
  return {};
}

/// The annotation run.oci.systemd.subgroup; empty without it.
Result<std::string> find_subgroup(const config::Annotations& annotations) {
  const auto name = config::find_annotation(annotations, config::annotation::kSystemdSubgroup);
  if (!name || name->empty()) return std::string();
  // The kernel's own files begin with "cgroup." or a controller's name and a dot.
  if (name->contains('/') || *name == "." || *name == ".." || name->starts_with("cgroup."))
    return fail_config(config::annotation_pointer(config::annotation::kSystemdSubgroup),
                       "'{}' cannot be the name of a cgroup below the unit's", *name);
  return std::string(*name);
}

/// Where systemd puts the container, and what it is told of it.
Status plan_unit(const config::Spec& spec, const HostFacts& facts, const std::string& id, CgroupPlan& plan) {
  plan.unit = CAISSON_TRY(make_unit(spec.linux_or_empty().cgroups_path, facts, id));
  auto& properties = plan.unit->properties;
  // A user's manager has no right to filter devices, and its containers cannot make any.
  if (!plan.unit->user)
    for (auto& property : device_properties(plan.devices)) properties.push_back(std::move(property));
  for (auto& property : unit_properties(plan.writes)) properties.push_back(std::move(property));
  for (auto& property : CAISSON_TRY(annotated_properties(spec.annotations))) properties.push_back(std::move(property));
  plan.optional = false;
  plan.unit->subgroup = CAISSON_TRY(find_subgroup(spec.annotations));
  const auto& mount = facts.cgroup_mounts.front();
  std::string path = mount.mountpoint + plan.unit->cgroup;
  if (!plan.unit->subgroup.empty()) path += '/' + plan.unit->subgroup;
  plan.dirs = {{mount.controllers, mount.mountpoint, std::move(path), mount.v2}};
  return {};
}

/// A container that stays in the runtime's own cgroups. A limit that nothing would keep is refused; the rules for
/// devices, which engines and `spec` write without being asked, become a warning.
Result<CgroupPlan> plan_no_cgroups(const config::Resources& resources, const HostFacts& facts, CgroupPlan plan) {
  for (const auto& write : plan.writes)
    if (write.refusal != Refusal::missing_is_met)
      return fail_config(write.origin,
                         "a container without cgroups has no limits: --cgroup-manager=disabled cannot be combined with "
                         "'{}'",
                         write.file);
  const bool denies = std::ranges::any_of(resources.devices, [](const auto& rule) { return !rule.allow; });
  if (denies && !facts.rootless() && !facts.in_user_namespace)
    plan.warnings.emplace_back("without cgroups the rules of linux.resources.devices are not enforced");
  plan.writes.clear();
  plan.devices = {};
  plan.memory_check.reset();
  plan.flavour = CgroupFlavour::none;
  return plan;
}

}  // namespace

Result<std::vector<CgroupWrite>> make_writes(const config::Resources& resources, const HostFacts& facts,
                                             const std::string& pointer, std::vector<std::string>& warnings) {
  const bool v2 = facts.cgroup_flavour == CgroupFlavour::v2;
  std::vector<CgroupWrite> writes;
  WriteList out(facts, pointer, writes, warnings);
  for (const Controller* controller : kControllers) {
    const std::size_t first = writes.size();
    const auto name = v2 ? controller->v2 : controller->v1;
    out.begin(name);
    CAISSON_TRY((v2 ? controller->write_v2 : controller->write_v1)(resources, out));
    CAISSON_TRY(require(name, facts, writes, first));
  }
  CAISSON_TRY(write_unified(resources, facts.cgroup_flavour, out));
  return writes;
}

Result<CgroupPlan> make_cgroup(const config::Spec& spec, const HostFacts& facts, const std::string& id,
                               const CgroupOptions& options) {
  static const config::Resources kNone;
  const auto& linux = spec.linux_or_empty();
  const auto& resources = linux.resources ? *linux.resources : kNone;
  CgroupPlan plan;
  plan.flavour = facts.cgroup_flavour;
  plan.writes = CAISSON_TRY(make_writes(resources, facts, "/linux/resources", plan.warnings));
  plan.devices = CAISSON_TRY(make_devices(resources.devices, "/linux/resources/devices"));
  plan.devices.may_fail = facts.rootless() || facts.in_user_namespace;
  if (options.disabled) return plan_no_cgroups(resources, facts, std::move(plan));
  CAISSON_TRY(check_devices(plan, facts, resources));
  plan.memory_check = memory_check(resources);
  plan.enter_late = facts.cgroup_flavour == CgroupFlavour::v2 && is_tight(resources);
  plan.rootless = options.rootless_cgroups;
  const bool asks_for_limits = std::ranges::any_of(
      plan.writes, [](const CgroupWrite& write) { return write.refusal != Refusal::missing_is_met; });
  plan.optional = options.rootless_cgroups && linux.cgroups_path.empty() && !asks_for_limits;
  if (facts.cgroup_mounts.empty() && !plan.optional)
    return fail(ErrorKind::system, "no cgroup hierarchy is mounted at /sys/fs/cgroup");
  if (options.systemd) {
    CAISSON_TRY(plan_unit(spec, facts, id, plan));
  } else {
    plan.dirs = CAISSON_TRY(make_dirs(linux.cgroups_path, facts, id));
  }
  plan.path_origin = linux.cgroups_path.empty() ? "" : "/linux/cgroupsPath";
  if (plan.rootless && !plan.optional)
    plan.asked_by = plan.path_origin.empty() ? plan.writes.front().origin : plan.path_origin;
  plan.delegate_to = delegate_to(spec, facts);
  return plan;
}

std::optional<MemoryCheck> memory_check(const config::Resources& resources) {
  if (!resources.memory || !resources.memory->check_before_update.value_or(false)) return {};
  return MemoryCheck{resources.memory->limit.value_or(0), resources.memory->swap.value_or(0)};
}

std::map<std::string, std::string> paths(const std::vector<CgroupDir>& dirs) {
  std::map<std::string, std::string> found;
  for (const auto& dir : dirs) {
    if (dir.v2)
      found.emplace("", dir.path);
    else
      for (const auto& controller : dir.controllers) found.emplace(controller, dir.path);
  }
  return found;
}

std::map<std::string, std::string> paths(const CgroupPlan& plan) { return paths(plan.dirs); }

std::string describe(const CgroupPlan& plan) {
  std::string text;
  if (plan.unit) {
    text += "unit " + plan.unit->name + (plan.unit->user ? " of the user\n" : "\n");
    for (const auto& property : plan.unit->properties) {
      text += "property " + property.name + " = " + describe(property.value);
      text += property.origin.empty() ? "\n" : "  [" + property.origin + "]\n";
    }
  }
  for (const auto& dir : plan.dirs) ((text += "cgroup ") += dir.path) += '\n';
  for (const auto& write : plan.writes) {
    text += "write " + write.file + " = " + write.value;
    if (!write.other_file.empty()) text += ", else " + write.other_file + " = " + write.other_value;
    text += "  [" + write.origin + "]\n";
  }
  for (const auto& rule : plan.devices.rules) {
    text += "devices " + describe(rule);
    if (!rule.origin.empty()) text += "  [" + rule.origin + ']';
    text += '\n';
  }
  if (plan.delegate_to) text += "delegate to user " + std::to_string(*plan.delegate_to) + '\n';
  return text;
}

}  // namespace caisson::plan
