// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "cgroup/manager.hpp"
#include "container/commands.hpp"
#include "container/record/container_dir.hpp"
#include "container/record/state.hpp"
#include "container/watch/oom_watch.hpp"
#include "network/interfaces.hpp"
#include "sys/process.hpp"

namespace caisson::container {

/// Who holds a container's lock while it is looked at.
enum class LockHeld { by_us, unknown };

/// What a look at a container's process and files says.
struct Look {
  ContainerStatus status = ContainerStatus::stopped;
  int pid = 0;  ///< 0 when stopped
};
/// Whether the creator of this container is at work at this moment, running a hook perhaps.
Result<bool> is_being_created(const Entry& entry, const State& state, LockHeld lock);
Result<Look> look_at(const Entry& entry, const State& state, LockHeld lock);

/// How far a look goes: for one container of a list, or to its cgroup's counters, too.
enum class Detail { status, why_it_died };
/// The container as `state` prints it; `owner` stays empty.
Result<ContainerState> observe(const Entry& entry, const State& state, Detail detail);

/// The same, as far as a record, which it takes over, and its process alone tell: absent where the container's
/// directory has to be asked.
Result<std::optional<ContainerState>> observe_process(State&& state, cgroup::FrozenLook& frozen);

/// Name of a user of the host, by its /etc/passwd; the number where there is none.
std::string owner_name(std::uint32_t uid);

/// The config a container was made from, as it was saved. ErrorKind::destroyed.
Result<std::string> saved_config(const Globals& globals, const std::string& id);
/// Counters of its cgroup. ErrorKind::destroyed when there is no container; a stopped one may still have some.
Result<cgroup::Stats> stats(const Globals& globals, const std::string& id);

/// Everything that is counted of a container.
struct Account {
  cgroup::Counters counters;
  network::LinkCounters veth;  ///< the host's end of its first veth; 0 without one
};
/// The notices of its memory, until its cgroup is gone. ErrorKind::destroyed when it does not run; system where memory
/// is not counted.
Result<OomWatch> watch_oom(const Globals& globals, const std::string& id);
/// ErrorKind::destroyed when it does not run.
Result<Account> account(const Globals& globals, const std::string& id);
/// Its first process. ErrorKind::destroyed when it has ended or is not made yet.
Result<sys::ProcessHandle> init_of(const Globals& globals, const std::string& id);

/// Whether the container of a runtime in the foreground, with which it ends, is about to: the first process or its
/// parent has been killed and is not gone yet, or has ended. True also of a container that is not there.
bool is_ending(const Globals& globals, const std::string& id);

}  // namespace caisson::container
