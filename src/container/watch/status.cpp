// SPDX-License-Identifier: Apache-2.0
#include "container/watch/status.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include "base/text.hpp"
#include "cgroup/manager.hpp"
#include "container/record/undo.hpp"
#include "container/watch/events_json.hpp"
#include "sys/file.hpp"
#include "sys/socket.hpp"

namespace caisson::container {

namespace {

/// Whether init waits for its start. A connection without a word is only a look: init goes on waiting. The socket's
/// name may outlive the wait, when a `start` was killed between its word and its clearing up; nobody listens then.
Result<bool> is_waiting(const Entry& entry) {
  struct stat info {};
  if (::fstatat(entry.dir().get(), kStartSocket, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return fail_errno("fstatat('{}/{}')", entry.path(), kStartSocket);
  }
  auto connection = sys::connect_at(entry.dir(), kStartSocket, SOCK_SEQPACKET | SOCK_NONBLOCK);
  if (connection) return true;
  switch (connection.error().sys_errno()) {
    case EAGAIN: return true;  // the queue is full of others who look
    case ECONNREFUSED:
    case ENOENT: return false;
    default: return std::unexpected(std::move(connection).error());
  }
}

Result<std::optional<sys::ProcessStat>> running_init(const State& state) {
  if (state.init_process_pid <= 0 || is_of_another_boot(state)) return std::nullopt;
  return sys::stat_of_running(state.init_process_pid, state.init_process_start);
}

ContainerState described(State state, const Look& look) {
  ContainerState seen;
  seen.oci_version = config::kSpecVersion;
  seen.id = std::move(state.id);
  seen.pid = look.pid;
  seen.status = to_string(look.status);
  seen.bundle = std::move(state.bundle);
  seen.rootfs = std::move(state.rootfs);
  seen.created = std::move(state.created);
  seen.annotations = std::move(state.annotations);
  return seen;
}

}  // namespace

Result<bool> is_being_created(const Entry& entry, const State& state, LockHeld lock) {
  if (!state.intent) return false;
  if (lock == LockHeld::unknown && entry.locked_by_other()) return true;
  // A creator frees the lock only while hooks run. Its init, which is on record then, has another parent once it has
  // ended, and ends too.
  const auto init = CAISSON_TRY(running_init(state));
  return init && init->parent == state.creator_pid && !sys::is_ending(state.init_process_pid);
}

Result<Look> look_at(const Entry& entry, const State& state, LockHeld lock) {
  Sight sight;
  if (state.intent) {
    sight.creator_alive = CAISSON_TRY(is_being_created(entry, state, lock));
    return Look{derive_status(state, sight), 0};
  }
  const auto init = CAISSON_TRY(running_init(state));
  sight.alive = init.has_value();
  const bool executed = init && !precedes_execve(state, init->name);
  // Where nobody holds the container's lock, its creator has seen it run, or was killed, which init does not survive:
  // cheaper to ask, for who looks at a thousand of them.
  const bool may_become =
      sight.alive && !executed && state.runs_at_once && (lock == LockHeld::by_us || entry.locked_by_other());
  sight.becoming = may_become && CAISSON_TRY(entry.init_becomes(state));
  if (sight.becoming && lock == LockHeld::by_us) {
    // Its creator is gone, and init with it unless it was quicker.
    CAISSON_TRY(entry.wait_for_init());
    sight.becoming = false;
    sight.alive = CAISSON_TRY(running_init(state)).has_value();
  }
  if (sight.alive) {
    sight.frozen = CAISSON_TRY(cgroup::is_frozen(state.cgroup_paths));
    // What goes on by itself never had the socket.
    if (!sight.frozen && !executed && !state.runs_at_once) sight.waiting = CAISSON_TRY(is_waiting(entry));
  }
  return Look{derive_status(state, sight), sight.alive ? state.init_process_pid : 0};
}

Result<ContainerState> observe(const Entry& entry, const State& state, Detail detail) {
  const Look look = CAISSON_TRY(look_at(entry, state, LockHeld::unknown));
  ContainerState seen = described(state, look);
  // The counters outlive the process, until the container is deleted. A cgroup that is gone says nothing.
  if (!state.intent && detail == Detail::why_it_died)
    if (auto report = CAISSON_TRY(cgroup::open(state.cgroup_paths))->oom_report(); report && *report)
      seen.annotations.insert_or_assign(kOomAnnotation, oom_text(**report));
  return seen;
}

Result<std::optional<ContainerState>> observe_process(State&& state, cgroup::FrozenLook& frozen) {
  // Who creates it, and whether init still waits, its directory tells.
  if (state.intent || state.init_name.empty()) return std::nullopt;
  Sight sight;
  if (const auto init = CAISSON_TRY(running_init(state))) {
    if (precedes_execve(state, init->name)) return std::nullopt;
    sight.alive = true;
    sight.frozen = CAISSON_TRY(frozen.at(state.cgroup_paths));
  }
  const Look look{derive_status(state, sight), sight.alive ? state.init_process_pid : 0};
  return described(std::move(state), look);
}

std::string owner_name(std::uint32_t uid) {
  const std::string number = fmt::format("{}", uid);
  const auto passwd = sys::read_file(FdView::cwd(), "/etc/passwd");
  if (!passwd) return number;
  for (const auto& line : text::split(*passwd, '\n')) {
    const auto fields = text::split(line, ':');
    if (fields.size() > 2 && fields[2] == number) return std::string(fields[0]);
  }
  return number;
}

Result<std::string> saved_config(const Globals& globals, const std::string& id) {
  const Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  return entry.load_config();
}

Result<cgroup::Stats> stats(const Globals& globals, const std::string& id) {
  const Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  const State state = CAISSON_TRY(entry.load_state());
  return CAISSON_TRY(cgroup::open(state.cgroup_paths))->stats();
}

Result<sys::ProcessHandle> init_of(const Globals& globals, const std::string& id) {
  const Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  const State state = CAISSON_TRY(entry.load_state());
  auto init = open_init(state);
  if (!init && init.error().kind() == ErrorKind::destroyed) return fail(ErrorKind::destroyed, "container not running");
  return init;
}

bool is_ending(const Globals& globals, const std::string& id) {
  const auto init = init_of(globals, id);
  if (!init) return init.error().kind() == ErrorKind::destroyed;
  const auto stat = sys::read_stat(init->pid());
  const pid_t parent = stat ? stat->parent : 0;  // 0 also when that is of another PID namespace
  if (sys::is_ending(init->pid()) || (parent > 0 && sys::is_ending(parent))) return true;
  // Not somebody else's pid by now: what was read was its own.
  return init->wait_for_end(0).value_or(false);
}

}  // namespace caisson::container
