// SPDX-License-Identifier: Apache-2.0
#include "container/record/undo.hpp"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/timeline.hpp"
#include "cgroup/manager.hpp"
#include "cgroup/resctrl_groups.hpp"
#include "config/oci_state.hpp"
#include "network/veth.hpp"
#include "process/run_hooks.hpp"

namespace caisson::container {

namespace {

/// How long a killed process may take to end: it may be writing a core, or wait for a file system.
constexpr int kEndTimeoutMs = 10'000;
/// The same beneath a frozen cgroup, of which it is not known whether it keeps the killed.
constexpr int kFrozenEndMs = 1000;

/// Ends the container's process, and the others where they do not end with it.
Status end_processes(const State& state, cgroup::CgroupManager& manager, cgroup::Processes processes) {
  const timeline::Span span("end init");
  const bool rest_ends_with_init = processes == cgroup::Processes::spare || state.intent;
  auto init = open_init(state);
  // Only ESRCH and the like say that it has ended: what cannot be looked at may well run.
  if (!init && init.error().kind() != ErrorKind::destroyed) return std::unexpected(std::move(init).error());
  // destroy() ends what an init that has ended before may have left.
  if (!init) return {};
  if (auto killed = init->signal(SIGKILL); !killed && killed.error().kind() != ErrorKind::destroyed) return killed;
  const bool frozen = manager.frozen().value_or(false);
  if (!rest_ends_with_init) CAISSON_TRY(manager.kill(SIGKILL));
  // The v1 freezer keeps even the killed from ending; cgroup2's does not.
  if (rest_ends_with_init && frozen) CAISSON_TRY(manager.freeze(false));
  const std::string above = frozen ? CAISSON_TRY(cgroup::frozen_ancestor(state.cgroup_paths)) : std::string();
  if (!above.empty() && !CAISSON_TRY(init->wait_for_end(kFrozenEndMs)))
    return fail(ErrorKind::wrong_state,
                "container init {} cannot end: cgroup '{}', which the container's is beneath, is frozen: thaw it first",
                state.init_process_pid, above);
  if (!CAISSON_TRY(init->wait_for_end(kEndTimeoutMs)))
    return fail(ErrorKind::wrong_state, "timed out after {} s waiting for container init {} to end after SIGKILL",
                kEndTimeoutMs / 1000, state.init_process_pid);
  return {};
}

/// The config for poststop hooks, from the container's directory; empty when there are none.
config::Spec spec_for_poststop(const Entry& entry, const State& state) {
  if (!state.has_hooks) return {};
  auto text = entry.load_config();
  if (!text) return {};
  auto spec = config::load_saved(*text);
  return spec ? std::move(*spec) : config::Spec{};
}

void run_poststop_hooks(const config::Spec& spec, const State& state, const std::vector<process::HookWatch>& watches) {
  if (!spec.hooks) return;
  const std::string json = state_for_hooks(state, "stopped", 0);
  const auto& hooks = spec.hooks->poststop;
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    process::HookOptions options{
        .stage = "poststop", .index = i, .cwd = state.bundle, .annotations = &state.annotations};
    options.watches = watches;
    if (auto ran = process::run_hook(hooks[i], json, options); !ran) log::warn("{}", ran.error().message());
  }
}

/// Whose the processes are that still are in the cgroup once init has ended. A creator that was killed cannot say
/// whether the cgroup was its own at all. Where an init that has ended took no others along, they may still be the
/// container's, unless another container has come to the same cgroup.
cgroup::Processes remaining_processes(const Entry& entry, const State& state, bool creator_is_here) {
  const bool may_be_ours = !state.own_pid_namespace && !is_of_another_boot(state) && (!state.intent || creator_is_here);
  if (!may_be_ours) return cgroup::Processes::spare;
  if (creator_is_here || open_init(state)) return cgroup::Processes::kill;
  return cgroup_users(entry, state.cgroup_paths).empty() ? cgroup::Processes::kill : cgroup::Processes::spare;
}

}  // namespace

std::vector<std::string> cgroup_users(const Entry& entry, const std::map<std::string, std::string>& paths) {
  std::vector<std::string> users;
  const Store store(entry.path().substr(0, entry.path().size() - entry.id().size() - 1));
  const auto ids = store.ids(true);
  for (const auto& id : ids ? *ids : std::vector<std::string>()) {
    if (id == entry.id()) continue;
    const auto other = store.open(id);
    if (!other) continue;
    const auto state = other->load_state();
    if (!state || !open_init(*state)) continue;
    const bool shares = std::ranges::any_of(paths, [&state](const auto& ours) {
      return std::ranges::any_of(state->cgroup_paths, [&ours](const auto& theirs) {
        return (theirs.second + "/").starts_with(ours.second + "/");
      });
    });
    if (shares) users.push_back(id);
  }
  return users;
}

Result<sys::ProcessHandle> open_init(const State& state) {
  if (is_of_another_boot(state)) return fail(ErrorKind::destroyed, "container not running");
  return sys::ProcessHandle::open(state.init_process_pid, state.init_process_start);
}

namespace {

Status remove_resctrl(const State& state) {
  CAISSON_TRY(cgroup::remove_group(state.resctrl_monitor));
  return state.resctrl_made ? cgroup::remove_group(state.resctrl_path) : Status();
}

}  // namespace

Status undo(Entry& entry, const State& state, const UndoExtras& extras) {
  std::unique_ptr<cgroup::CgroupManager> opened;
  if (extras.cgroup == nullptr)
    opened = CAISSON_TRY(cgroup::open(state.cgroup_paths, state.cgroup_made_parents,
                                      {state.systemd_unit, state.systemd_user, state.systemd_owner}));
  cgroup::CgroupManager& manager = extras.cgroup != nullptr ? *extras.cgroup : *opened;
  const cgroup::Processes processes = remaining_processes(entry, state, extras.by_creator);
  CAISSON_TRY(end_processes(state, manager, processes));
  // The init of a creator that was killed may not be on record: it holds the config's lock.
  if (state.intent && !extras.by_creator) CAISSON_TRY(entry.wait_for_init());
  {
    const timeline::Span cgroups("remove cgroups");
    // The kernel removes them with the container's network namespace, but some time after its last process.
    CAISSON_TRY(network::remove_links(state.veths));
    network::remove_unused_bridges(extras.bridges);
    CAISSON_TRY(manager.destroy(processes));
    CAISSON_TRY(remove_resctrl(state));
  }
  const bool hooks_follow = extras.poststop_hooks;
  const config::Spec saved = hooks_follow && extras.spec == nullptr ? spec_for_poststop(entry, state) : config::Spec{};
  if (!CAISSON_TRY(entry.remove()) || !hooks_follow) return {};
  run_poststop_hooks(extras.spec != nullptr ? *extras.spec : saved, state, extras.hook_watches);
  return {};
}

std::string monitor_group(const State& state) {
  if (!state.resctrl_monitor.empty() || state.resctrl_path.empty()) return state.resctrl_monitor;
  std::string path = state.resctrl_path + "/mon_groups/" + state.id;
  return ::access(path.c_str(), F_OK) == 0 ? path : std::string();
}

std::string state_for_hooks(const State& state, std::string_view status, int pid) {
  config::OciState oci;
  oci.id = state.id;
  oci.status = status;
  if (pid != 0) oci.pid = pid;
  oci.bundle = state.bundle;
  oci.annotations = state.annotations;
  return config::save(oci);
}

}  // namespace caisson::container
