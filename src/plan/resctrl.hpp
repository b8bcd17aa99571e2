// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/linux.hpp"
#include "plan/facts.hpp"

namespace caisson::plan {

/// One line for the file "schemata" of a resctrl group.
struct Schema {
  std::string text;  ///< "L3:0=f;1=f0"
  std::string origin;
  bool operator==(const Schema&) const = default;
};

/// The group of the resctrl file system in which the container's processes are. Kernel Documentation/arch/x86/
/// resctrl.rst; runtime-spec 1.3 config-linux.md, "IntelRdt".
struct ResctrlPlan {
  std::string group;             ///< directory on the host
  std::string monitor;           ///< a monitoring group of the container's own in it; empty = none
  std::vector<Schema> schemata;  ///< none: the group must be there
  std::string origin;            ///< "/linux/intelRdt/closID", or what asks for the rest
  bool operator==(const ResctrlPlan&) const = default;
};

/// Errors name what this host cannot do.
Result<ResctrlPlan> make_resctrl(const config::IntelRdt& wanted, const HostFacts& facts, const std::string& id);

/// Whether the text of a group's "schemata" says what `schema` does: the same value for each domain that it names.
/// Spaces and zeros in front do not count.
bool says(std::string_view schemata, std::string_view schema);

}  // namespace caisson::plan
