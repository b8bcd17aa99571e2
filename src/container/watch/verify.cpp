// SPDX-License-Identifier: Apache-2.0
#include "container/watch/verify.hpp"

#include "cgroup/find.hpp"
#include "cgroup/resctrl_groups.hpp"
#include "container/probe.hpp"
#include "container/record/container_dir.hpp"
#include "container/record/update.hpp"
#include "container/watch/compare_live.hpp"
#include "container/watch/live_view.hpp"
#include "container/watch/status.hpp"
#include "plan/plan.hpp"

namespace caisson::container {

namespace {

/// The plan as it was made for the container, from its record and what the host is today.
Result<plan::Plan> plan_again(const Globals& globals, const config::Spec& spec, const State& state) {
  plan::HostFacts facts = CAISSON_TRY(probe_kernel());
  probe_lsm(facts);
  const bool systemd = !state.systemd_unit.empty();
  if (systemd) probe_systemd(facts);
  CAISSON_TRY(cgroup::find_mounts(facts));
  if (spec.linux_or_empty().intel_rdt) facts.resctrl = CAISSON_TRY(cgroup::find_resctrl());
  const bool rootless_cgroups =
      globals.rootless == Globals::Rootless::yes ||
      (globals.rootless == Globals::Rootless::automatic && (facts.rootless() || facts.in_user_namespace));
  std::vector<std::string> warnings;
  return plan::make(spec, facts,
                    {.id = state.id,
                     .bundle = state.bundle,
                     .no_pivot = false,
                     .cgroup = {.systemd = systemd, .rootless_cgroups = rootless_cgroups},
                     .own_namespaces = own_among_joined(spec)},
                    warnings);
}

}  // namespace

Result<std::vector<Difference>> verify(const Globals& globals, const std::string& id) {
  const Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  const State state = CAISSON_TRY(load_settled_state(entry, LockHeld::unknown));
  const Look look = CAISSON_TRY(look_at(entry, state, LockHeld::unknown));
  if (look.status == ContainerStatus::stopped) return fail(ErrorKind::destroyed, "container not running");
  if (look.status == ContainerStatus::creating)
    return fail(ErrorKind::wrong_state, "the container is being created: nothing to compare yet");
  const config::Spec spec = CAISSON_TRY(config::load_saved(CAISSON_TRY(entry.load_config())));
  plan::Plan plan = CAISSON_TRY(plan_again(globals, spec, state));
  // Init loads the filter as its last step before execve.
  if (look.status == ContainerStatus::created) plan.seccomp.reset();
  const LiveView view = CAISSON_TRY(read_live_view(look.pid, state, plan));
  // What was read after the process had ended is of another process, or of none.
  if (CAISSON_TRY(look_at(entry, state, LockHeld::unknown)).pid != look.pid)
    return fail(ErrorKind::destroyed, "container not running: it ended meanwhile");
  return compare(spec, plan, view);
}

}  // namespace caisson::container
