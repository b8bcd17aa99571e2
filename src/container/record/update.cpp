// SPDX-License-Identifier: Apache-2.0
#include "container/record/update.hpp"

#include "base/log.hpp"
#include "cgroup/find.hpp"
#include "cgroup/manager.hpp"
#include "cgroup/resctrl_groups.hpp"
#include "config/spec.hpp"
#include "config/validate.hpp"
#include "container/commands.hpp"
#include "container/probe.hpp"
#include "container/record/container_dir.hpp"
#include "container/record/undo.hpp"
#include "container/watch/status.hpp"
#include "plan/update_plan.hpp"

namespace caisson::container {

namespace {

/// The config with other resources, when they make sense together.
Result<config::Spec> with_resources(const config::Spec& saved, const config::Resources& resources) {
  config::Spec spec = saved;
  if (!spec.linux) spec.linux.emplace();
  spec.linux->resources = resources;
  std::vector<std::string> ignored;
  CAISSON_TRY(config::validate(spec, ignored));
  return spec;
}

/// The config with other cache and bandwidth schemas, and what to write for them.
Result<std::vector<plan::Schema>> change_schemata(config::Spec& spec, const UnfinishedUpdate& options) {
  std::vector<plan::Schema> schemata;
  if (options.l3_cache_schema.empty() && options.mem_bw_schema.empty()) return schemata;
  if (!spec.linux_or_empty().intel_rdt)
    return fail_config("/linux/intelRdt", "the container has no intelRdt whose schemas could be changed");
  auto& wanted = *spec.linux->intel_rdt;
  if (!options.l3_cache_schema.empty()) wanted.l3_cache_schema = options.l3_cache_schema;
  if (!options.mem_bw_schema.empty()) wanted.mem_bw_schema = options.mem_bw_schema;
  plan::HostFacts facts;
  facts.resctrl = CAISSON_TRY(cgroup::find_resctrl());
  return CAISSON_TRY(plan::make_resctrl(wanted, facts, "")).schemata;
}

/// What an update does, and the config that it makes of the one before.
struct Work {
  plan::CgroupChange change;
  std::vector<plan::Schema> schemata;
  config::Spec before, after;
};

Result<Work> plan_work(const config::Spec& saved, const UnfinishedUpdate& update) {
  Work work{.change = {}, .schemata = {}, .before = saved, .after = {}};
  if (work.before.linux) {
    work.before.linux->resources = update.resources_before;
    work.before.linux->intel_rdt = update.intel_rdt_before;
  }
  const config::Resources present = update.resources_before.value_or(config::Resources());
  const plan::MergedResources merged = plan::merge(present, update.change);
  work.after = CAISSON_TRY(with_resources(work.before, merged.resources));
  work.schemata = CAISSON_TRY(change_schemata(work.after, update));
  plan::HostFacts facts = CAISSON_TRY(probe_kernel());
  CAISSON_TRY(cgroup::find_mounts(facts));
  std::vector<std::string> warnings;
  work.change = CAISSON_TRY(plan::make_change(present, merged, facts, update.pointer, warnings));
  for (const auto& warning : warnings) log::warn("{}", warning);
  return work;
}

Result<std::unique_ptr<cgroup::CgroupManager>> open_cgroup(const State& state) {
  return cgroup::open(state.cgroup_paths, state.cgroup_made_parents,
                      {state.systemd_unit, state.systemd_user, state.systemd_owner});
}

/// Changes the kernel's values and the saved config, or neither. The record tells of it meanwhile.
Status carry_out(const Entry& entry, State& state, cgroup::CgroupManager& manager, const Work& work, bool resumed) {
  const UnfinishedUpdate update = *state.update;
  auto changed = [&]() -> Status {
    // What may fail for want of room goes first.
    CAISSON_TRY(entry.replace_config(config::save(work.after)));
    CAISSON_TRY(cgroup::write_schemata(state.resctrl_path, work.schemata));
    return manager.change(work.change, {update.values_before, resumed});
  }();
  if (!changed) {
    std::vector<plan::Schema> schemata;
    for (const auto& line : update.schemata_before) schemata.push_back({line, "/linux/intelRdt"});
    if (auto back = cgroup::write_schemata(state.resctrl_path, schemata); !back)
      log::warn("{}", back.error().message());
    if (auto back = entry.replace_config(config::save(work.before)); !back) log::warn("{}", back.error().message());
  }
  state.update.reset();
  auto recorded = entry.replace_state(state);
  if (!changed && !recorded)
    return std::unexpected(std::move(changed.error())
                               .with(fmt::format("the next command tries it again, for the record stays ({})",
                                                 recorded.error().message())));
  return changed ? recorded : changed;
}

Status finish(const Entry& entry, State& state) {
  const config::Spec saved = CAISSON_TRY(config::load_saved(CAISSON_TRY(entry.load_config())));
  const Work work = CAISSON_TRY(plan_work(saved, *state.update));
  auto manager = CAISSON_TRY(open_cgroup(state));
  return carry_out(entry, state, *manager, work, true);
}

}  // namespace

Result<State> load_settled_state(const Entry& entry, LockHeld lock) {
  State state = CAISSON_TRY(entry.load_state());
  if (!state.update) return state;
  const bool ours = lock == LockHeld::unknown;
  if (ours && !entry.try_lock().value_or(false)) return state;
  state = CAISSON_TRY(entry.load_state());
  // Of a container that has ended no limit counts any more.
  if (state.update && open_init(state))
    if (auto finished = finish(entry, state); !finished)
      log::warn("an update of container {} was cut short and is not done: {}", state.id, finished.error().message());
  if (ours) entry.unlock();
  return state;
}

Status update(const Globals& globals, const std::string& id, const UpdateOptions& options) {
  Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  CAISSON_TRY(entry.lock());
  State state = CAISSON_TRY(load_settled_state(entry, LockHeld::by_us));
  const Look look = CAISSON_TRY(look_at(entry, state, LockHeld::by_us));
  if (look.status == ContainerStatus::stopped) return fail(ErrorKind::destroyed, "container not running");
  if (state.update) return fail(ErrorKind::wrong_state, "an update of the container was cut short and is not done");
  if (state.cgroup_paths.empty() && options.resources != config::Resources{})
    return fail(ErrorKind::system, "the container has no cgroup: it has no limits that could be changed");

  const config::Spec saved = CAISSON_TRY(config::load_saved(CAISSON_TRY(entry.load_config())));
  const auto& linux = saved.linux_or_empty();
  UnfinishedUpdate begun{.change = options.resources,
                         .pointer = options.pointer,
                         .l3_cache_schema = options.l3_cache_schema,
                         .mem_bw_schema = options.mem_bw_schema,
                         .resources_before = linux.resources,
                         .intel_rdt_before = linux.intel_rdt,
                         .values_before = {},
                         .schemata_before = {}};
  const Work work = CAISSON_TRY(plan_work(saved, begun));
  auto manager = CAISSON_TRY(open_cgroup(state));
  begun.values_before = manager->keep(work.change);
  if (!work.schemata.empty())
    for (auto& schema : CAISSON_TRY(cgroup::present_schemata(state.resctrl_path)))
      begun.schemata_before.push_back(std::move(schema.text));
  state.update = std::move(begun);
  CAISSON_TRY(entry.replace_state(state));
  return carry_out(entry, state, *manager, work, false);
}

}  // namespace caisson::container
