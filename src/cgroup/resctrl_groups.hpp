// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "cgroup/stats.hpp"
#include "plan/facts.hpp"
#include "plan/resctrl.hpp"

// Groups of the resctrl file system: cache and memory bandwidth for the container's processes, and their counters.
namespace caisson::cgroup {

/// Where resctrl is mounted and what it can do; absent when it is not.
Result<std::optional<plan::ResctrlFacts>> find_resctrl();
/// The same of a resctrl that is at `mountpoint`.
plan::ResctrlFacts look_at_resctrl(const std::string& mountpoint);

/// What create() found or made of a ResctrlPlan.
struct ResctrlMade {
  bool group = false;  ///< the group was not there before
  bool monitor = false;
};

/// What would have to be made. For the record of what to remove, before anything is made.
ResctrlMade missing_of(const plan::ResctrlPlan& plan);

/// Makes the groups that are missing. A group that is there must say what the plan wants; without schemata it must be
/// there if the config names it. Errors: the plan's origins.
Status make_groups(const plan::ResctrlPlan& plan, const ResctrlMade& missing);
/// Gives a group that was made its schemata.
Status write_schemata(const std::string& group, const std::vector<plan::Schema>& schemata);
/// What the group says, line by line: to be written again.
Result<std::vector<plan::Schema>> present_schemata(const std::string& group);
/// Moves a process into the group, and into the monitoring group if there is one.
Status join_group(const std::string& group, const std::string& monitor, pid_t pid);
/// What the group has and has used; `monitor` is its monitoring group, "" for the group itself.
Result<ResctrlCounters> resctrl_counters(const std::string& mountpoint, const std::string& group,
                                         const std::string& monitor);
/// Removes a group; its processes go back to the one above. One that is not there is no error.
Status remove_group(const std::string& path);

}  // namespace caisson::cgroup
