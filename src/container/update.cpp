// SPDX-License-Identifier: Apache-2.0
#include "plan/update.hpp"

#include "base/log.hpp"
#include "cgroup/find.hpp"
#include "cgroup/manager.hpp"
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

/// Changes the kernel's values and the record of them, or neither.
Status carry_out(const Entry& entry, cgroup::CgroupManager& manager, const plan::CgroupChange& change,
                 const std::string& before, const std::string& after) {
  // What may fail for want of room goes first.
  CAISSON_TRY(entry.replace_config(after));
  auto changed = manager.change(change);
  if (changed) return {};
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
  const config::Spec saved = CAISSON_TRY(config::load(before));
  static const config::Resources kNone;
  const auto& present = saved.linux_or_empty().resources ? *saved.linux_or_empty().resources : kNone;
  const plan::MergedResources merged = plan::merge(present, options.resources);
  const config::Spec spec = CAISSON_TRY(with_resources(saved, merged.resources));

  plan::HostFacts facts = CAISSON_TRY(probe_kernel());
  CAISSON_TRY(cgroup::find_mounts(facts));
  std::vector<std::string> warnings;
  const plan::CgroupChange change = CAISSON_TRY(plan::make_change(present, merged, facts, options.pointer, warnings));
  for (const auto& warning : warnings) log::warn("{}", warning);
  auto manager = CAISSON_TRY(cgroup::open(state.cgroup_paths, state.cgroup_made_parents));
  return carry_out(entry, *manager, change, before, config::save(spec));
}

}  // namespace caisson::container
