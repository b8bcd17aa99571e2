// SPDX-License-Identifier: Apache-2.0
#include "container/record/state.hpp"

#include <chrono>

#include "json/fields.hpp"
#include "json/read.hpp"
#include "json/write.hpp"
#include "sys/process.hpp"

namespace caisson {

template <>
inline constexpr auto json::fields<cgroup::KeptValue> = table(required("dir", &cgroup::KeptValue::dir),
                                                              required("file", &cgroup::KeptValue::file),
                                                              required("value", &cgroup::KeptValue::value));

template <>
inline constexpr auto json::fields<container::UnfinishedUpdate> =
    table(required("change", &container::UnfinishedUpdate::change),
          optional("pointer", &container::UnfinishedUpdate::pointer),
          optional("l3CacheSchema", &container::UnfinishedUpdate::l3_cache_schema),
          optional("memBwSchema", &container::UnfinishedUpdate::mem_bw_schema),
          optional("resources_before", &container::UnfinishedUpdate::resources_before),
          optional("intelRdt_before", &container::UnfinishedUpdate::intel_rdt_before),
          optional("values_before", &container::UnfinishedUpdate::values_before),
          optional("schemata_before", &container::UnfinishedUpdate::schemata_before));

template <>
inline constexpr auto json::fields<container::State> = table(
    required("id", &container::State::id), required("bundle", &container::State::bundle),
    required("rootfs", &container::State::rootfs), required("init_process_pid", &container::State::init_process_pid),
    required("init_process_start", &container::State::init_process_start), optional("boot", &container::State::boot),
    required("created", &container::State::created), required("owner_uid", &container::State::owner_uid),
    required("cgroup_paths", &container::State::cgroup_paths),
    optional("cgroup_made_parents", &container::State::cgroup_made_parents),
    optional("intel_rdt_path", &container::State::resctrl_path),
    optional("intel_rdt_made", &container::State::resctrl_made),
    optional("intel_rdt_mon_path", &container::State::resctrl_monitor),
    optional("systemd_unit", &container::State::systemd_unit),
    optional("systemd_user", &container::State::systemd_user),
    optional("systemd_owner", &container::State::systemd_owner), required("namespaces", &container::State::namespaces),
    optional("own_pid_namespace", &container::State::own_pid_namespace),
    optional("creator_pid", &container::State::creator_pid),
    optional("made_by_embedder", &container::State::made_by_embedder), required("intent", &container::State::intent),
    optional("runs_at_once", &container::State::runs_at_once), optional("init_name", &container::State::init_name),
    optional("has_hooks", &container::State::has_hooks), optional("no_new_keyring", &container::State::no_new_keyring),
    optional("veths", &container::State::veths), optional("annotations", &container::State::annotations),
    optional("update", &container::State::update));

namespace container {

std::string_view to_string(ContainerStatus status) {
  switch (status) {
    case ContainerStatus::creating: return "creating";
    case ContainerStatus::created: return "created";
    case ContainerStatus::running: return "running";
    case ContainerStatus::paused: return "paused";
    case ContainerStatus::stopped: return "stopped";
  }
  return "";
}

bool precedes_execve(const State& state, std::string_view name) {
  return state.init_name.empty() || name == state.init_name;
}

ContainerStatus derive_status(const State& state, const Sight& sight) {
  if (state.intent) return sight.creator_alive ? ContainerStatus::creating : ContainerStatus::stopped;
  if (!sight.alive) return ContainerStatus::stopped;
  if (sight.becoming) return ContainerStatus::creating;
  if (sight.frozen) return ContainerStatus::paused;
  return sight.waiting ? ContainerStatus::created : ContainerStatus::running;
}

bool is_of_another_boot(const State& state) {
  if (state.boot.empty()) return false;
  const std::string& present = sys::boot_id();
  return !present.empty() && state.boot != present;
}

Result<State> read_state(std::string_view text) { return json::parse<State>(text); }
std::string write_state(const State& state) { return json::write(state, json::Style::compact); }

std::string timestamp_now() {
  // Not gmtime_r(3): that reads the time zone's file first.
  using namespace std::chrono;
  const auto now = time_point_cast<nanoseconds>(system_clock::now());
  const auto today = floor<days>(now);
  const year_month_day date(today);
  const hh_mm_ss time(now - today);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

}  // namespace container
}  // namespace caisson
