// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "plan/devices.hpp"
#include "plan/facts.hpp"

namespace caisson::plan {

struct CgroupWrite;

/// A value as D-Bus has it. Integers are of the type's sign; an array or struct has its members.
struct BusValue {
  std::string type;  ///< signature of one complete type: "t", "as", "(ss)"
  std::variant<bool, std::int64_t, std::uint64_t, double, std::string, std::vector<BusValue>> value;
  friend bool operator==(const BusValue& a, const BusValue& b) { return a.type == b.type && a.value == b.value; }
};

/// One property of a unit. `origin` is empty for what every container's unit has.
struct UnitProperty {
  std::string name;
  BusValue value;
  std::string origin;
  bool in_files = false;  ///< the cgroup's files are given the same, so a systemd that lacks the property is no fault
  bool operator==(const UnitProperty&) const = default;
};

/// The systemd unit that holds a container: a scope, or a slice of its own.
struct UnitPlan {
  std::string name;         ///< "caisson-c1.scope"
  std::string cgroup;       ///< below the mount point: "/system.slice/caisson-c1.scope"
  std::string subgroup;     ///< cgroup below the unit's that the container gets; empty: the unit's own
  bool slice = false;       ///< the unit is a slice: systemd puts no process into it
  bool user = false;        ///< of a user's own manager
  std::uint32_t owner = 0;  ///< that user, as the host numbers users
  std::vector<UnitProperty> properties;
  bool operator==(const UnitPlan&) const = default;
};

/// "a-b.slice" -> "/a.slice/a-b.slice", "-.slice" -> "". An error for what is no slice's name.
Result<std::string> expand_slice(std::string_view slice);

/// Name, place and fixed properties of the unit for cgroupsPath `path` ("slice:prefix:name", or empty) and container
/// `id`. Errors name /linux/cgroupsPath.
Result<UnitPlan> make_unit(const std::string& path, const HostFacts& facts, const std::string& id);

/// The properties that say the same as these writes to files of cgroup v2; where several do, the last.
std::vector<UnitProperty> unit_properties(const std::vector<CgroupWrite>& writes);

/// DevicePolicy and DeviceAllow: exactly or more than `devices` allows, never less, because the container's own device
/// program is asked too. systemd takes no "all but": for that it is told not to restrict devices at all.
std::vector<UnitProperty> device_properties(const DevicePlan& devices);

/// The annotations "org.systemd.property.NAME": a value in GVariant's text form, with "...Sec" taken as microseconds'
/// "...USec". Errors name /annotations/KEY.
Result<std::vector<UnitProperty>> annotated_properties(const std::map<std::string, std::string>& annotations);

/// One value in GVariant's text form: booleans, numbers with or without their type's name, strings, byte strings,
/// arrays of these, and "@type" before any of them. Source: GLib's reference, "GVariant Text Format".
Result<BusValue> parse_bus_value(std::string_view text);

/// As parse_bus_value reads it.
std::string describe(const BusValue& value);

}  // namespace caisson::plan
