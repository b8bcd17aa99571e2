// SPDX-License-Identifier: Apache-2.0
#include "plan/update.hpp"

#include "base/log.hpp"
#include "cgroup/find.hpp"
#include "cgroup/manager.hpp"
#include "cgroup/resctrl.hpp"
#include "config/spec.hpp"
#include "config/validate.hpp"
#include "container/commands.hpp"
#include "container/observe.hpp"
#include "container/probe.hpp"
#include "container/store.hpp"

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
Result<std::vector<plan::Schema>> change_schemata(config::Spec& spec, const UpdateOptions& options) {
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

/// Changes the kernel's values and the record of them, or neither.
Status carry_out(const Entry& entry, cgroup::CgroupManager& manager, const plan::CgroupChange& change,
                 const std::string& group, const std::vector<plan::Schema>& schemata, const std::string& before,
                 const std::string& after) {
  std::vector<plan::Schema> old;
  if (!schemata.empty()) old = CAISSON_TRY(cgroup::present_schemata(group));
  // What may fail for want of room goes first.
  CAISSON_TRY(entry.replace_config(after));
  auto changed = cgroup::write_schemata(group, schemata);
  if (changed) changed = manager.change(change);
  if (changed) return {};
  if (auto restored = cgroup::write_schemata(group, old); !restored) log::warn("{}", restored.error().message());
  if (auto restored = entry.replace_config(before); !restored) log::warn("{}", restored.error().message());
  return changed;
}

}  // namespace

Status update(const Globals& globals, const std::string& id, const UpdateOptions& options) {
  Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  CAISSON_TRY(entry.lock());
  const State state = CAISSON_TRY(entry.load_state());
  const Look look = CAISSON_TRY(look_at(entry, state, LockHeld::by_us));
  if (look.status == ContainerStatus::stopped) return fail(ErrorKind::destroyed, "container not running");

  const std::string before = CAISSON_TRY(entry.load_config());
  const config::Spec saved = CAISSON_TRY(config::load_saved(before));
  static const config::Resources kNone;
  const auto& present = saved.linux_or_empty().resources ? *saved.linux_or_empty().resources : kNone;
  const plan::MergedResources merged = plan::merge(present, options.resources);
  config::Spec spec = CAISSON_TRY(with_resources(saved, merged.resources));
  const auto schemata = CAISSON_TRY(change_schemata(spec, options));

  plan::HostFacts facts = CAISSON_TRY(probe_kernel());
  CAISSON_TRY(cgroup::find_mounts(facts));
  std::vector<std::string> warnings;
  const plan::CgroupChange change = CAISSON_TRY(plan::make_change(present, merged, facts, options.pointer, warnings));
  for (const auto& warning : warnings) log::warn("{}", warning);
  auto manager = CAISSON_TRY(cgroup::open(state.cgroup_paths, state.cgroup_made_parents,
                                          {state.systemd_unit, state.systemd_user, state.systemd_owner}));
  return carry_out(entry, *manager, change, state.resctrl_path, schemata, before, config::save(spec));
}

}  // namespace caisson::container
