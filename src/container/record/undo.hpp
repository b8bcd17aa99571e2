// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "config/spec.hpp"
#include "container/record/container_dir.hpp"
#include "container/record/state.hpp"
#include "sys/process.hpp"

namespace caisson::container {

/// From a container's record to nothing left: its process, its cgroup, its directory, in this order. Idempotent, and
/// right from any point at which a creator may have been stopped; the lock must be held. What could not be undone is an
/// error, and the record stays for another try.
Status undo(Entry& entry, const State& state);

/// Removes the resctrl groups that were made for the container. Idempotent.
Status remove_resctrl(const State& state);

/// The container's monitoring group in resctrl, which may have been there before it; empty = none.
std::string monitor_group(const State& state);

/// The state for hooks, `status` in the spec's words; pid 0 is left out.
std::string state_for_hooks(const State& state, std::string_view status, int pid);

/// Runs the poststop hooks; each failure is logged and the next one runs (runtime-spec 1.3 runtime.md, "Lifecycle").
void run_poststop_hooks(const config::Spec& spec, const State& state);

/// The record's process, when it still is that process.
Result<sys::ProcessHandle> open_init(const State& state);

}  // namespace caisson::container
