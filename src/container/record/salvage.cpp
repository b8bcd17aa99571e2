// SPDX-License-Identifier: Apache-2.0
#include "container/record/salvage.hpp"

#include <fmt/ranges.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>

#include "base/log.hpp"
#include "cgroup/find.hpp"
#include "cgroup/manager.hpp"
#include "config/spec.hpp"
#include "container/probe.hpp"
#include "container/record/undo.hpp"
#include "plan/cgroup.hpp"
#include "sys/socket.hpp"

namespace caisson::container {

namespace {

/// What stands in for the record.
struct Findings {
  bool has_config = false;
  bool has_poststop_hooks = false;
  State state;                     ///< as far as it can be known: id and cgroups
  std::vector<pid_t> pids;         ///< in its cgroup
  std::vector<std::string> users;  ///< other containers whose records name the same cgroup
};

/// The cgroups that a container of this config and id has, as far as they are there.
Result<std::map<std::string, std::string>> present_cgroups(const Globals& globals, const config::Spec& spec,
                                                           const std::string& id, State& state) {
  plan::HostFacts facts = CAISSON_TRY(probe_kernel());
  CAISSON_TRY(cgroup::find_mounts(facts));
  if (globals.systemd_cgroup) probe_systemd(facts);
  const auto plan = CAISSON_TRY(plan::make_cgroup(spec, facts, id, {.systemd = globals.systemd_cgroup}));
  if (plan.unit) {
    state.systemd_unit = plan.unit->name;
    state.systemd_user = plan.unit->user;
    state.systemd_owner = plan.unit->owner;
  }
  auto paths = plan::paths(plan);
  std::erase_if(paths, [](const auto& path) { return ::access(path.second.c_str(), F_OK) != 0; });
  return paths;
}

Result<Findings> look_around(const Globals& globals, const Entry& entry) {
  Findings found;
  found.state.id = entry.id();
  found.state.intent = false;
  config::Spec spec;
  if (const auto text = entry.load_config())
    if (auto saved = config::load_saved(*text)) {
      spec = std::move(*saved);
      found.has_config = true;
    }
  found.has_poststop_hooks = spec.hooks && !spec.hooks->poststop.empty();
  // Limits are of no interest, and may be such as this host does not take.
  if (spec.linux) spec.linux->resources.reset();
  found.state.cgroup_paths = CAISSON_TRY(present_cgroups(globals, spec, entry.id(), found.state));
  found.pids = CAISSON_TRY(CAISSON_TRY(cgroup::open(found.state.cgroup_paths))->pids());
  found.users = cgroup_users(entry, found.state.cgroup_paths);
  return found;
}

bool is_listened_at(const Entry& entry) {
  const auto connection = sys::connect_at(entry.dir(), kStartSocket, SOCK_SEQPACKET | SOCK_NONBLOCK);
  return connection || connection.error().sys_errno() == EAGAIN;
}

void report(const Entry& entry, const Findings& found, const Error& why) {
  std::set<std::string> paths;
  for (const auto& [controller, path] : found.state.cgroup_paths) paths.insert(path);
  std::string text = fmt::format("{}; ", why.message());
  if (!found.users.empty())
    text += fmt::format("its cgroup is left, for container {} has it too", fmt::join(found.users, ", "));
  else if (paths.empty())
    text += "it has no cgroup";
  else
    text += fmt::format("removed its cgroup '{}'", fmt::join(paths, "', '"));
  if (found.users.empty() && !found.pids.empty())
    text += fmt::format(" with the process {}", fmt::join(found.pids, ", "));
  if (!found.has_config) text += ", which its id alone led to, for its saved config is damaged, too";
  text += ". Unknown: network devices, resctrl groups and cgroups above it that were made for it";
  if (!found.has_config || found.has_poststop_hooks) text += "; its poststop hooks were not run";
  log::warn("delete {}: {}", entry.id(), text);
}

}  // namespace

Status remove_damaged(const Globals& globals, Entry& entry, const Error& why) {
  const Findings found = CAISSON_TRY(look_around(globals, entry), "{}", why.message());
  if (found.users.empty() && !found.state.cgroup_paths.empty()) {
    auto manager = CAISSON_TRY(cgroup::open(
        found.state.cgroup_paths, {}, {found.state.systemd_unit, found.state.systemd_user, found.state.systemd_owner}));
    CAISSON_TRY(manager->kill(SIGKILL));
    CAISSON_TRY(manager->destroy(cgroup::Processes::kill));
  }
  if (is_listened_at(entry))
    return fail(ErrorKind::wrong_state,
                "{}; and its init, which cannot be found, waits for its start: end it, then delete the container again",
                why.message());
  CAISSON_TRY(entry.remove());
  report(entry, found, why);
  return {};
}

}  // namespace caisson::container
