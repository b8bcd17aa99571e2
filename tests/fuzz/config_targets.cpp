// SPDX-License-Identifier: Apache-2.0
#include "config/spec.hpp"
#include "config/validate.hpp"
#include "container/record/state.hpp"
#include "fuzz/targets.hpp"
#include "nsinit/container_json.hpp"
#include "nsinit/lower.hpp"
#include "plan/plan.hpp"
#include "plan/update_plan.hpp"
#include "wire/message.hpp"

namespace caisson::fuzz {

/// config.json to a plan on each kind of host; what is read is written and read again as the same.
void plan_config(std::string_view text) {
  const auto spec = config::load(text);
  if (!spec) return;
  const auto again = config::load_saved(config::save(*spec));
  require(again.has_value(), "a config that was read is written as something that is not read");
  require(*again == *spec, "a config changes when it is written and read");
  std::vector<std::string> warnings;
  if (!config::validate(*spec, warnings)) return;
  for (const auto& facts : hosts()) {
    const plan::PlanOptions options{.id = "c", .bundle = "/b", .no_pivot = false, .cgroup = {}, .own_namespaces = 0};
    const auto plan = plan::make(*spec, facts, options, warnings);
    if (!plan) continue;
    const auto again_planned = plan::make(*spec, facts, options, warnings);
    require(again_planned && plan::describe(*plan) == plan::describe(*again_planned), "two plans of one config differ");
  }
}

/// container.json to the config that means the same, which must be one that is read.
void lower_container_json(std::string_view text) {
  const auto container = nsinit::read(text);
  if (!container) return;
  const auto lowered = nsinit::lower(*container, {.rootfs = "/r",
                                                  .id = "n",
                                                  .args = {"/bin/sh"},
                                                  .no_apparmor = "",
                                                  .selinux = true,
                                                  .mcs = "s0:c1,c2",
                                                  .process_label = "",
                                                  .mount_label = ""});
  if (!lowered) return;
  const auto again = config::load_saved(config::save(lowered->spec));
  require(again.has_value() && *again == lowered->spec, "a container.json becomes a config that is not read");
}

void read_state(std::string_view text) {
  const auto state = container::read_state(text);
  if (!state) return;
  const auto again = container::read_state(container::write_state(*state));
  require(again.has_value() && *again == *state, "a record changes when it is written and read");
  for (const bool alive : {false, true})
    require(!container::to_string(container::derive_status(*state, {.alive = alive})).empty(),
            "a status without a name");
}

void decode_message(std::string_view packet) {
  const auto message = wire::decode(packet);
  if (message) require(!wire::encode(*message).empty(), "a message that is read cannot be written");
}

/// A document of `update --resources` laid over limits that are there, as a change on each kind of host.
void update_resources(std::string_view text) {
  const auto change = config::load_resources(text, "");
  if (!change || !config::validate_resources(*change, "")) return;
  config::Resources present;
  present.memory = config::Memory{.limit = 1 << 20};
  present.pids = config::Pids{20};
  const auto merged = plan::merge(present, *change);
  for (const auto& facts : hosts()) {
    std::vector<std::string> warnings;
    (void)plan::make_change(present, merged, facts, "", warnings);
  }
}

}  // namespace caisson::fuzz
