// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "plan/cgroup.hpp"
#include "plan/facts.hpp"

namespace caisson::plan {

/// The resources of a container after a change.
struct MergedResources {
  config::Resources resources;
  std::vector<std::string> named;  ///< what the change gives a value, below the resources: "/memory/limit"
  bool operator==(const MergedResources&) const = default;
};

/// Lays `change` over `present`. What it does not give stays, and so does what it gives the number that means "as it
/// is" (0 for most limits). Entries of lists stay beside those for other devices, page sizes and interfaces; device
/// rules are one list, whose order counts, and replace the old ones.
MergedResources merge(const config::Resources& present, const config::Resources& change);

/// What a change of resources does to the container's cgroup: all of it, or nothing.
struct CgroupChange {
  std::vector<CgroupWrite> writes;
  std::vector<CgroupWrite> standing;  ///< all that is to hold afterwards, for a host where others write, too
  std::optional<MemoryCheck> memory_check;
  std::optional<DevicePlan> devices;         ///< absent = the rules stay
  std::optional<DevicePlan> devices_before;  ///< what is put back when a change fails
  bool operator==(const CgroupChange&) const = default;
};

/// Only what differs and what the change names is written. `pointer` is where the resources stand: see make_writes().
Result<CgroupChange> make_change(const config::Resources& before, const MergedResources& after, const HostFacts& facts,
                                 const std::string& pointer, std::vector<std::string>& warnings);

/// Whether the write is of a weight that BFQ gives all disks, upon which it forgets those of single ones.
bool sets_weight_of_all_devices(std::string_view file, std::string_view value);

/// What to write to `file` to undo a write of `value`, when it reads `present` now. Absent: no write can say it.
std::optional<std::string> value_to_restore(std::string_view file, std::string_view value, std::string_view present);

}  // namespace caisson::plan
