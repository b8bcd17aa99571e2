// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "plan/devices.hpp"
#include "plan/facts.hpp"
#include "plan/unit.hpp"

namespace caisson::plan {

/// What the manager does when the kernel refuses a write; fixed here, because the plan knows what the value means.
enum class Refusal : std::uint8_t {
  fail,            ///< the error of the write
  missing_is_met,  ///< no such file: the kernel lacks the limit, and the value asks for none
  retry_last,      ///< EINVAL: it depends on a file of its controller that is written later; once more at the end
};

/// One value for one file of the container's cgroup.
struct CgroupWrite {
  std::string controller;  ///< "memory"; on v1 it names the hierarchy; "unified" for linux.resources.unified
  std::string file;        ///< "memory.max"
  std::string value;
  std::string origin;  ///< "/linux/resources/memory/limit"
  Refusal refusal = Refusal::fail;
  /// Written in place of file and value when the kernel has no such file (block I/O weights: BFQ, else the other one).
  std::string other_file;
  std::string other_value;
  bool operator==(const CgroupWrite&) const = default;
};

/// One directory to make: the container's cgroup in one hierarchy.
struct CgroupDir {
  std::vector<std::string>
      controllers;         ///< as CgroupMount::controllers; empty for the unified hierarchy of a hybrid host
  std::string mountpoint;  ///< "/sys/fs/cgroup/memory"
  std::string path;        ///< absolute on the host, beneath the mount point: "/sys/fs/cgroup/memory/c1"
  bool v2 = false;
  bool operator==(const CgroupDir&) const = default;
};

/// linux.resources.memory.checkBeforeUpdate: refuse limits (bytes, 0 = none given) at or below the present usage.
struct MemoryCheck {
  std::int64_t limit = 0;
  std::int64_t swap = 0;
  bool operator==(const MemoryCheck&) const = default;
};

/// Everything the cgroup managers do for one container.
struct CgroupPlan {
  CgroupFlavour flavour = CgroupFlavour::none;
  std::vector<CgroupDir> dirs;      ///< none when the host has no cgroups and none are required
  std::vector<CgroupWrite> writes;  ///< in the order of application
  DevicePlan devices;
  std::optional<MemoryCheck> memory_check;
  /// v2: a limit so tight that what init needs for its own work, its namespaces among it, is not to be charged to it.
  /// It enters the cgroup when that is done, and is not born there, which is faster.
  bool enter_late = false;
  bool rootless = false;    ///< permission may be missing: say so
  bool optional = false;    ///< a rootless run that asked for no limit and no path: going without a cgroup is no error
  std::string path_origin;  ///< "/linux/cgroupsPath" when the config names the path
  std::string asked_by;     ///< the config value that a rootless run needs a cgroup for: the path, else the first limit
  /// v2: give the cgroup to this host user, because the container has a cgroup namespace and a writable cgroup mount.
  std::optional<std::uint32_t> delegate_to;
  std::optional<UnitPlan> unit;  ///< --systemd-cgroup: the one of `dirs` is the unit's, and systemd makes it
  std::vector<std::string> warnings;
  bool operator==(const CgroupPlan&) const = default;
};

struct CgroupOptions {
  bool systemd = false;           ///< --systemd-cgroup
  bool disabled = false;          ///< --cgroup-manager=disabled: the container gets no cgroups of its own
  bool rootless_cgroups = false;  ///< a cgroup that may not be made is no error when nothing was asked of it
};

/// Errors name /linux/cgroupsPath and what stands under /linux/resources: an unusable value, or one that the host's
/// cgroups cannot honour. Source: runtime-spec 1.3 config-linux.md, "Control groups".
Result<CgroupPlan> make_cgroup(const config::Spec& spec, const HostFacts& facts, const std::string& id,
                               const CgroupOptions& options);

/// The writes for `resources` (without devices) on a host of these cgroups; what `update` uses too.
/// `pointer` is where the resources stand: "/linux/resources", or "" for a file of their own.
Result<std::vector<CgroupWrite>> make_writes(const config::Resources& resources, const HostFacts& facts,
                                             const std::string& pointer, std::vector<std::string>& warnings);

/// checkBeforeUpdate of `resources`, if it is asked for.
std::optional<MemoryCheck> memory_check(const config::Resources& resources);

/// For state.json: controller -> directory on v1 (the unified hierarchy of a hybrid host is ""), "" -> directory on v2.
std::map<std::string, std::string> paths(const CgroupPlan& plan);
std::map<std::string, std::string> paths(const std::vector<CgroupDir>& dirs);

/// One line for each directory, write and device rule: for golden tests.
std::string describe(const CgroupPlan& plan);

}  // namespace caisson::plan
