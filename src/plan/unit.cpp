// SPDX-License-Identifier: Apache-2.0
#include "plan/unit.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace caisson::plan {

namespace {

constexpr const char* kPath = "/linux/cgroupsPath";
constexpr std::string_view kSlice = ".slice";
constexpr std::string_view kScope = ".scope";
/// systemd's UNIT_NAME_MAX, with the end of the string.
constexpr std::size_t kLongestName = 255;

/// systemd.unit(5), "String Escaping": what a unit's name may be of.
bool is_unit_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(":_.\\-@").contains(c);
  });
}

/// The cgroup of the manager itself, below which its slices are. Processes of the system's manager are at the top.
std::string manager_cgroup(const HostFacts& facts) {
  if (facts.systemd != SystemdManager::user) return {};
  const std::string service = fmt::format("/user@{}.service", facts.systemd_owner);
  for (const auto& mount : facts.cgroup_mounts) {
    const auto at = mount.own_path.find(service + '/');
    if (at != std::string::npos) return mount.own_path.substr(0, at + service.size());
  }
  return fmt::format("/user.slice/user-{}.slice{}", facts.systemd_owner, service);
}

BusValue text(std::string value) { return {"s", std::move(value)}; }
BusValue flag(bool value) { return {"b", value}; }

}  // namespace

Result<std::string> expand_slice(std::string_view slice) {
  if (slice == "-.slice") return std::string();
  const std::string_view stem = slice.substr(0, slice.size() - std::min(slice.size(), kSlice.size()));
  if (!slice.ends_with(kSlice) || !is_unit_name(slice) || stem.empty() || stem.starts_with('-') ||
      stem.ends_with('-') || stem.contains("--"))
    return fail_config(kPath, "'{}' is not the name of a slice", slice);
  std::string path;
  for (auto dash = stem.find('-'); dash != stem.npos; dash = stem.find('-', dash + 1))
    ((path += '/') += stem.substr(0, dash)) += kSlice;
  return (path += '/') += slice;
}

Result<UnitPlan> make_unit(const std::string& path, const HostFacts& facts, const std::string& id) {
  if (facts.systemd == SystemdManager::none)
    return fail(ErrorKind::config,
                "--systemd-cgroup: this host does not run systemd (there is no /run/systemd/system): go without it");
  if (facts.cgroup_flavour != CgroupFlavour::v2)
    return fail(ErrorKind::config,
                "--systemd-cgroup needs a host with cgroup v2 alone: go without it, or boot with "
                "systemd.unified_cgroup_hierarchy=1");
  UnitPlan unit;
  unit.user = facts.systemd == SystemdManager::user;
  unit.owner = facts.systemd_owner;
  std::string slice, prefix = "caisson", name = id;
  if (!path.empty()) {
    const auto fields = text::split(path, ':');
    if (fields.size() != 3)
      return fail_config(kPath,
                         "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got "
                         "\"{}\" instead",
                         path);
    slice = fields[0];
    prefix = fields[1];
    name = fields[2];
  }
  if (slice.empty()) slice = unit.user ? "user.slice" : "system.slice";
  unit.slice = name.ends_with(kSlice);
  unit.name = unit.slice ? name : (prefix.empty() ? name : prefix + '-' + name) + std::string(kScope);
  if (name.empty() || !is_unit_name(unit.name))
    return fail_config(path.empty() ? "" : kPath, "'{}' is not a name that systemd takes for a unit", unit.name);
  const std::string parent = CAISSON_TRY(expand_slice(slice));
  // A slice stands where its name says, whatever slice was asked for.
  unit.cgroup = manager_cgroup(facts) + (unit.slice ? CAISSON_TRY(expand_slice(unit.name)) : parent + '/' + unit.name);
  if (unit.slice && unit.name == "-.slice")
    return fail_config(kPath, "'{}' is not a slice of the container's own", unit.name);

  auto& properties = unit.properties;
  properties.push_back({"Description", text("caisson container " + id), {}});
  if (unit.slice) {
    properties.push_back({"Wants", {"as", std::vector{text(slice)}}, {}});
  } else {
    properties.push_back({"Slice", text(slice), {}});
    properties.push_back({"Delegate", flag(true), {}});
  }
  // What has failed is forgotten by itself: nothing of it is left for `delete` to reset.
  properties.push_back({"CollectMode", text("inactive-or-failed"), {}});
  for (const char* accounting : {"MemoryAccounting", "CPUAccounting", "IOAccounting", "TasksAccounting"})
    properties.push_back({accounting, flag(true), {}, true});
  properties.push_back({"DefaultDependencies", flag(false), {}});
  return unit;
}

}  // namespace caisson::plan
