// SPDX-License-Identifier: Apache-2.0
#include "container/state.hpp"

#include <time.h>

#include "json/fields.hpp"
#include "json/read.hpp"
#include "json/write.hpp"

namespace caisson {

template <>
inline constexpr auto json::fields<container::State> = table(
    required("id", &container::State::id),
    required("bundle", &container::State::bundle),
    required("rootfs", &container::State::rootfs),
    required("init_process_pid", &container::State::init_process_pid),
    required("init_process_start", &container::State::init_process_start),
    required("created", &container::State::created),
    required("owner_uid", &container::State::owner_uid),
    required("cgroup_paths", &container::State::cgroup_paths),
    optional("cgroup_made_parents", &container::State::cgroup_made_parents),
    required("namespaces", &container::State::namespaces),
    required("intent", &container::State::intent),
    optional("has_hooks", &container::State::has_hooks),
    optional("no_new_keyring", &container::State::no_new_keyring),
    optional("annotations", &container::State::annotations));

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

ContainerStatus derive_status(const State& state, const Sight& sight) {
  if (state.intent) return sight.creator_alive ? ContainerStatus::creating : ContainerStatus::stopped;
  if (!sight.alive) return ContainerStatus::stopped;
  if (sight.frozen) return ContainerStatus::paused;
  return sight.waiting ? ContainerStatus::created : ContainerStatus::running;
}

Result<State> read_state(std::string_view text) { return json::parse<State>(text); }
std::string write_state(const State& state) { return json::write(state, json::Style::compact); }

std::string timestamp_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm date{};
  ::gmtime_r(&now.tv_sec, &date);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", date.tm_year + 1900, date.tm_mon + 1, date.tm_mday,
                     date.tm_hour, date.tm_min, date.tm_sec, now.tv_nsec);
}

}  // namespace container
}  // namespace caisson
