// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/linux.hpp"
#include "config/process_spec.hpp"
#include "plan/facts.hpp"

namespace caisson::plan {

/// The five sets as masks: bit n = capability n. capabilities(7).
struct Capabilities {
  std::uint64_t drop_bounding = 0;  ///< what the runtime's bounding set has and the container's must not
  std::uint64_t bounding = 0;
  std::uint64_t effective = 0;
  std::uint64_t inheritable = 0;
  std::uint64_t permitted = 0;
  std::uint64_t ambient = 0;  ///< within inheritable and permitted
  std::string origin;         ///< "/process/capabilities"
  std::string note;           ///< what is left out without a warning, for the debug log; empty = nothing
  bool operator==(const Capabilities&) const = default;
};

struct ResourceLimit {
  int resource = 0;  ///< RLIMIT_*
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;  ///< unit of getrlimit(2); ~0 = no limit
  std::string name;        ///< "RLIMIT_NOFILE"
  std::string origin;      ///< "/process/rlimits/0"
  bool operator==(const ResourceLimit&) const = default;
};

/// sched_setattr(2).
struct Scheduling {
  std::uint32_t policy = 0;  ///< SCHED_*
  std::uint64_t flags = 0;   ///< SCHED_FLAG_*
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  ///< nanoseconds, as the next two
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
  std::string origin;
  bool operator==(const Scheduling&) const = default;
};

/// ioprio_set(2).
struct IoPriority {
  int level = 0;  ///< class << 13 | priority
  std::string origin;
  bool operator==(const IoPriority&) const = default;
};

/// set_mempolicy(2).
struct MemoryPolicy {
  int mode = 0;                      ///< MPOL_* | MPOL_F_*
  std::vector<unsigned long> nodes;  ///< mask; empty = none
  std::string origin;
  bool operator==(const MemoryPolicy&) const = default;
};

/// personality(2).
struct Personality {
  unsigned long persona = 0;  ///< PER_LINUX, PER_LINUX32
  std::string origin;
  bool operator==(const Personality&) const = default;
};

/// A processor mask of sched_setaffinity(2).
struct Affinity {
  std::vector<unsigned long> processors;
  std::string origin;
  bool operator==(const Affinity&) const = default;
};

/// Who the container's process is, what it may do and what it runs.
struct IdentityPlan {
  std::string pointer;  ///< of the process itself, "/process"
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  bool set_groups = true;  ///< call setgroups(2), also with no groups; false = the caller's groups are kept
  std::uint32_t umask = 0022;
  std::string cwd;
  std::vector<std::string> args;
  std::vector<std::string> env;  ///< NAME=VALUE, one a name: the last of the config's, where the last stood
  bool add_home = false;         ///< env has no HOME or an empty one: the container's /etc/passwd decides
  Capabilities capabilities;
  std::string home;  ///< of the user, where its name was looked up; else found when needed
  std::vector<ResourceLimit> rlimits;
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj;  ///< absent = inherited
  std::optional<Scheduling> scheduler;
  std::optional<IoPriority> io_priority;
  std::optional<Personality> personality;
  std::optional<MemoryPolicy> memory_policy;
  std::optional<Affinity> initial_affinity;  ///< exec: before the process is in the container's cgroup
  std::optional<Affinity> final_affinity;    ///< exec: once it is. Absent, as for create: all processors the cgroup has
  std::string apparmor_profile;              ///< empty = none asked for
  std::string selinux_label;                 ///< empty = none asked for
  bool terminal = false;
  std::uint16_t console_rows = 0;  ///< 0 = not asked for, as with columns
  std::uint16_t console_columns = 0;
  bool operator==(const IdentityPlan&) const = default;
};

/// What becomes of the supplementary groups of the runtime's caller.
enum class Groups {
  set,   ///< they make room for the config's additionalGids
  keep,  ///< the process keeps them, and gets no others
};

/// Reads the annotation run.oci.keep_original_groups, known from crun, that podman sets for `--group-add keep-groups`.
/// Errors name it.
Result<Groups> read_groups_annotation(const std::map<std::string, std::string>& annotations);

/// What `process` asks for, for a container with or without a user namespace (made or joined) of its own.
/// `linux` is the container's linux section (id maps, personality, memory policy) and may be null.
/// `pointer` is where `process` stands in its file: "/process", or "" for exec's file.
/// Errors are ErrorKind::config and name the value. A capability that exists and cannot be granted here is a warning
/// and not an error (runtime-spec 1.3 config.md, "Linux Process"). A process without `capabilities` has none.
Result<IdentityPlan> make_identity(const config::Process& process, const config::Linux* linux, const HostFacts& facts,
                                   bool in_user_namespace, const std::string& pointer,
                                   std::vector<std::string>& warnings, Groups groups = Groups::set);

/// "CAP_CHOWN" for 0; empty when no Linux has it.
std::string_view capability_name(int number);
/// 0 for "CAP_CHOWN"; absent when no Linux has it.
std::optional<int> capability_number(std::string_view name);
/// All names, by number.
std::vector<std::string> capability_names();

/// One line a value, for comparison as text.
std::string describe(const IdentityPlan& plan);

}  // namespace caisson::plan
