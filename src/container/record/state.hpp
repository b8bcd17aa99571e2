// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "cgroup/manager.hpp"
#include "config/linux.hpp"

namespace caisson::container {

/// What `state` may say of a container. runtime-spec 1.3 runtime.md, "State".
enum class ContainerStatus { creating, created, running, paused, stopped };
std::string_view to_string(ContainerStatus status);

/// An update that is under way: what it takes to bring it to its end when its process was killed, or to undo it.
struct UnfinishedUpdate {
  config::Resources change;
  std::string pointer;  ///< where the change stands in what the user gave
  std::string l3_cache_schema, mem_bw_schema;
  std::optional<config::Resources> resources_before;
  std::optional<config::IntelRdt> intel_rdt_before;
  std::vector<cgroup::KeptValue> values_before;
  std::vector<std::string> schemata_before;
  bool operator==(const UnfinishedUpdate&) const = default;
};

/// state.json: what later commands must know of a container. Written first as the intent record, before anything is
/// made (pid 0), and again when init stands.
struct State {
  std::string id;
  std::string bundle;                    ///< absolute
  std::string rootfs;                    ///< absolute, on the host
  int init_process_pid = 0;              ///< 0 = not made yet
  std::uint64_t init_process_start = 0;  ///< clock ticks since boot: field 22 of /proc/PID/stat
  std::string boot;                      ///< sys::boot_id() when it was made; empty = not known
  std::string created;                   ///< RFC 3339 with nanoseconds, UTC
  std::uint32_t owner_uid = 0;
  std::map<std::string, std::string> cgroup_paths;  ///< controller -> directory; "" alone on cgroup v2
  std::vector<std::string> cgroup_made_parents;     ///< directories above that were made for it, outermost first
  std::string resctrl_path;                         ///< group of intelRdt; empty = none
  bool resctrl_made = false;                        ///< made for it: to be removed with it
  std::string resctrl_monitor;                      ///< monitoring group that was made for it
  std::string systemd_unit;                         ///< that the cgroup is of; empty = none
  bool systemd_user = false;                        ///< the unit is of a user's own systemd
  std::uint32_t systemd_owner = 0;                  ///< that user
  std::uint64_t namespaces = 0;                     ///< CLONE_NEW* that are not the host's
  bool own_pid_namespace = false;                   ///< made for it, not joined: whoever is in it ends with init
  bool made_by_embedder = false;                    ///< the creator is a program that embeds us, not our own
  int creator_pid = 0;                              ///< parent of an init that is on record before all stands
  bool intent = true;                               ///< the creator has not said yet that all stands
  /// Recorded before init has come to its execve, which it does not stop for: until then it holds the config's lock.
  bool runs_at_once = false;
  /// Name that init's process bears until its execve, and perhaps after it; empty = not known. See precedes_execve().
  std::string init_name;
  bool has_hooks = false;  ///< poststart or poststop hooks: the saved config must be read for them
  bool no_new_keyring = false;
  std::vector<std::string> veths;  ///< network devices of the host whose other ends are in the container
  std::map<std::string, std::string> annotations;
  std::optional<UnfinishedUpdate> update;
  bool operator==(const State&) const = default;
};

/// What is seen of the container's process and files when its status is asked for.
struct Sight {
  bool creator_alive = false;  ///< somebody holds the container's lock
  bool alive = false;          ///< init runs and is the process that was recorded
  bool becoming = false;       ///< init is on its way to its execve
  bool waiting = false;        ///< init still listens on start.sock
  bool frozen = false;
};

/// Whether an init whose process bears this name at present may still be on its way to its execve: which gives it the
/// program's name, and no process but itself can give it another. The kernel does so past the point of no return, where
/// it also closes what is to be closed (fs/exec.c, begin_new_exec). True may also mean that the program has that name.
bool precedes_execve(const State& state, std::string_view name);

/// Status is derived, never believed.
ContainerStatus derive_status(const State& state, const Sight& sight);

/// Whether the record was made before the machine's last boot: its pid belongs to another process now, or to none.
bool is_of_another_boot(const State& state);

Result<State> read_state(std::string_view text);
std::string write_state(const State& state);

/// Now, as "2026-01-02T15:04:05.123456789Z".
std::string timestamp_now();

}  // namespace caisson::container
