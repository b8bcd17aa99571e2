// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "cgroup/manager.hpp"
#include "config/spec.hpp"
#include "container/record/container_dir.hpp"
#include "container/record/state.hpp"
#include "process/run_hooks.hpp"
#include "sys/process.hpp"

namespace caisson::container {

/// What the creator of the container, while it runs, knows beyond the record.
struct UndoExtras {
  bool by_creator = false;                  ///< init, if there was one, is the caller's child, and is reaped
  cgroup::CgroupManager* cgroup = nullptr;  ///< that made the container's cgroup; absent: opened from the record
  std::vector<std::string> bridges;         ///< network bridges of the host that were made for it
  const config::Spec* spec = nullptr;       ///< absent: the saved config, where it is needed
  bool poststop_hooks = true;               ///< false: nothing has been made that they could have to clear
  std::vector<process::HookWatch> hook_watches = {};  ///< end a poststop hook before its time
};

/// The only teardown: from a container's record to nothing left. In this order: SIGKILL for its process, its end,
/// network links, cgroup, resctrl groups, the record, poststop hooks. Idempotent, and right from any point at which a
/// creator may have been stopped; the lock should be held. What could not be undone is an error, and the record stays
/// for another try. Poststop hooks are run only by the call that removed the record: each failure is logged and the
/// next one runs (runtime-spec 1.3 runtime.md, "Lifecycle").
///
/// Processes that remain in the cgroup are killed only where they may be the container's: it has no PID namespace of
/// its own, in which they would have ended with init. Others are spared with their cgroup, and a warning names them.
Status undo(Entry& entry, const State& state, const UndoExtras& extras = {});

/// The container's monitoring group in resctrl, which may have been there before it; empty = none.
std::string monitor_group(const State& state);

/// The state for hooks, `status` in the spec's words; pid 0 is left out.
std::string state_for_hooks(const State& state, std::string_view status, int pid);

/// Other containers of the same runtime root whose processes run and whose records name one of these cgroups, or one
/// beneath them.
std::vector<std::string> cgroup_users(const Entry& entry, const std::map<std::string, std::string>& paths);

/// The record's process, when it still is that process. ErrorKind::destroyed when it has ended, or was one of another
/// boot.
Result<sys::ProcessHandle> open_init(const State& state);

}  // namespace caisson::container
