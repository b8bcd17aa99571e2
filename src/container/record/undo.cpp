// SPDX-License-Identifier: Apache-2.0
#include "container/record/undo.hpp"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>

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

Status end_init(const State& state) {
  const timeline::Span span("end init");
  auto init = open_init(state);
  if (!init) return {};  // has ended, or never was
  if (auto killed = init->signal(SIGKILL); !killed && killed.error().kind() != ErrorKind::destroyed) return killed;
  if (!CAISSON_TRY(init->wait_for_end(kEndTimeoutMs)))
    return fail(ErrorKind::wrong_state, "container init still running {} seconds after SIGKILL", kEndTimeoutMs / 1000);
  return {};
}

}  // namespace

Result<sys::ProcessHandle> open_init(const State& state) {
  return sys::ProcessHandle::open(state.init_process_pid, state.init_process_start);
}

Status undo(Entry& entry, const State& state) {
  // A creator that was killed cannot say whether the cgroup was its own: what is in it may be somebody else's. But its
  // init ends with it, and holds the config's lock until it is recorded.
  if (state.intent) CAISSON_TRY(entry.wait_for_init());
  auto manager = CAISSON_TRY(cgroup::open(state.cgroup_paths, state.cgroup_made_parents,
                                          {state.systemd_unit, state.systemd_user, state.systemd_owner}));
  // With a PID namespace of its own the kernel kills the rest with init; a frozen process takes SIGKILL when thawed.
  const bool rest_stays = !state.own_pid_namespace;
  if (!state.intent && (rest_stays || manager->frozen().value_or(false))) CAISSON_TRY(manager->kill(SIGKILL));
  CAISSON_TRY(end_init(state));
  const timeline::Span cgroups("remove cgroups");
  // The kernel removes them with the container's network namespace, but some time after its last process.
  CAISSON_TRY(network::remove_links(state.veths));
  CAISSON_TRY(manager->destroy(state.intent ? cgroup::Processes::spare : cgroup::Processes::kill));
  CAISSON_TRY(remove_resctrl(state));
  return entry.remove();
}

Status remove_resctrl(const State& state) {
  CAISSON_TRY(cgroup::remove_group(state.resctrl_monitor));
  return state.resctrl_made ? cgroup::remove_group(state.resctrl_path) : Status();
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

void run_poststop_hooks(const config::Spec& spec, const State& state) {
  if (!spec.hooks) return;
  const std::string json = state_for_hooks(state, "stopped", 0);
  const auto& hooks = spec.hooks->poststop;
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    auto ran = process::run_hook(
        hooks[i], json, {.stage = "poststop", .index = i, .cwd = state.bundle, .annotations = &state.annotations});
    if (!ran) log::warn("{}", ran.error().message());
  }
}

}  // namespace caisson::container
