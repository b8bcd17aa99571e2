// SPDX-License-Identifier: Apache-2.0
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.hpp"
#include "base/timeline.hpp"
#include "cgroup/manager.hpp"
#include "config/spec.hpp"
#include "container/commands.hpp"
#include "container/foreground/readiness.hpp"
#include "container/record/container_dir.hpp"
#include "container/record/salvage.hpp"
#include "container/record/undo.hpp"
#include "container/record/update.hpp"
#include "container/watch/events_json.hpp"
#include "container/watch/status.hpp"
#include "process/run_hooks.hpp"
#include "sys/file.hpp"
#include "sys/interrupt.hpp"
#include "sys/lock.hpp"
#include "sys/process.hpp"
#include "sys/socket.hpp"
#include "wire/channel.hpp"

namespace caisson::container {

namespace {

/// How long a killed process may take to end.
constexpr int kEndTimeoutMs = 10'000;

std::unexpected<Error> cannot_start(ContainerStatus status) {
  switch (status) {
    case ContainerStatus::stopped: return fail(ErrorKind::destroyed, "cannot start a container that has stopped");
    case ContainerStatus::running: return fail(ErrorKind::wrong_state, "cannot start an already running container");
    default: return fail(ErrorKind::wrong_state, "cannot start a container in the {} state", to_string(status));
  }
}

/// runtime-spec 1.3 runtime.md, "Lifecycle", step 9: when one fails, the container is stopped and destroyed, and
/// poststop hooks run. Others may use the container meanwhile, the hooks' own commands among them: the lock is not
/// held.
Status run_poststart_hooks(Entry& entry, const State& state) {
  if (!state.has_hooks) return {};
  const config::Spec spec = CAISSON_TRY(config::load_saved(CAISSON_TRY(entry.load_config())));
  if (!spec.hooks || spec.hooks->poststart.empty()) return {};
  auto ran = process::run_hooks(spec.hooks->poststart, state_for_hooks(state, "running", state.init_process_pid),
                                {.stage = "poststart", .cwd = state.bundle, .annotations = &state.annotations});
  if (ran) return {};
  auto gone = entry.lock();
  if (gone) gone = undo(entry, state, {.spec = &spec});
  if (!gone && gone.error().kind() != ErrorKind::destroyed) log::warn("{}", gone.error().message());
  return ran;
}

/// Whether the process has ended, or is just about to, which this waits for: whoever has killed it may delete.
Result<bool> has_ended(const State& state) {
  auto init = open_init(state);
  if (!init) {
    if (init.error().kind() == ErrorKind::destroyed) return true;
    return std::unexpected(std::move(init).error());
  }
  return sys::is_ending(init->pid()) && CAISSON_TRY(init->wait_for_end(kEndTimeoutMs));
}

/// SIGKILL for the creator that holds the container's lock. What it has made so far is on record, and its init ends
/// with it. A program that embeds us is spared.
void kill_creator(const Entry& entry, const State& state) {
  if (!state.intent || state.made_by_embedder) return;
  const auto pid = sys::lock_holder(entry.dir());
  if (!pid) return;
  auto holder = sys::adopt_child(*pid);
  // Asked again now that the pid is held: it still is the same process.
  if (holder && sys::lock_holder(entry.dir()) == pid) (void)holder->signal(SIGKILL);
}

/// The lock for a removal that does not ask. The process that holds it may hang, in a creation for instance: the
/// container's process is killed first, or its creator, and then the wait has its limit.
Status lock_by_force(const Entry& entry) {
  if (CAISSON_TRY(entry.try_lock())) return {};
  const auto state = entry.load_state();
  if (state) {
    if (auto init = open_init(*state))
      (void)init->signal(SIGKILL);
    else
      kill_creator(entry, *state);
  }
  auto locked = entry.lock();
  if (locked || locked.error().kind() == ErrorKind::destroyed || !state || !state->intent) return locked;
  kill_creator(entry, *state);
  return entry.lock();
}

Status remove_present(const Globals& globals, Entry& entry, bool force) {
  const timeline::Span span("remove the container");
  auto state = entry.load_state();
  if (!state) {
    // A record that is there but cannot be read may stand for a container that runs.
    if (force && is_damage(state.error())) return remove_damaged(globals, entry, state.error());
    if (state.error().kind() != ErrorKind::destroyed) return std::unexpected(std::move(state).error());
    // A creator that was killed before its first record: nothing but the directory can be there.
    CAISSON_TRY(entry.remove());
    if (force) return {};
    return std::unexpected(std::move(state).error());
  }
  // With force no state is refused, and nothing is waited for but the end.
  if (!force) {
    const Look look = CAISSON_TRY(look_at(entry, *state, LockHeld::by_us));
    const bool rests = look.status == ContainerStatus::stopped || look.status == ContainerStatus::created;
    if (!rests && !(look.status == ContainerStatus::running && CAISSON_TRY(has_ended(*state))))
      return fail(ErrorKind::wrong_state, "cannot delete container {} that is not stopped: {}", entry.id(),
                  to_string(look.status));
  }
  return undo(entry, *state);
}

/// Why a start has come to nothing though init has said nothing.
Error cause_of_silence(const Entry& entry, const State& state, const sys::ProcessHandle& init,
                       cgroup::CgroupManager& manager, Error error) {
  // Two may start it at a time: init hears one of them, and then listens no more.
  if (!sys::is_ending(init.pid())) {
    if (!sys::connect_at(entry.dir(), kStartSocket, SOCK_SEQPACKET))
      return cannot_start(ContainerStatus::running).error();
    return Error(ErrorKind::system, "container init did not take the start, and still waits for one");
  }
  // It is on its way out, and has to see the end of its hooks first: no caller must find it running after this error.
  (void)init.wait_for_end(kEndTimeoutMs);
  if (auto report = manager.oom_report(); report && *report)
    return Error(ErrorKind::system, oom_sentence(**report, state.cgroup_paths));
  return error;
}

/// Init's answer to `start`. Its startContainer hooks may take their time: the lock is not held.
Status wait_for_execve(const Entry& entry, const State& state, const sys::ProcessHandle& init,
                       cgroup::CgroupManager& manager, const wire::Channel& channel) {
  auto started = channel.expect_end();
  if (started) {
    // No process listens at it any more: removing its name is tidiness.
    if (auto gone = sys::remove_file(entry.dir(), kStartSocket); !gone) log::debug("{}", gone.error().message());
    return {};
  }
  Error error = std::move(started).error();
  // A failed start leaves nothing that runs: it is unknown how far init has come when a signal ends the wait.
  if (sys::interruption() != 0) {
    (void)init.signal(SIGKILL);
    (void)init.wait_for_end(kEndTimeoutMs);
  }
  if (error.kind() == ErrorKind::destroyed) error = cause_of_silence(entry, state, init, manager, std::move(error));
  // A startContainer hook may have left something running outside its session: the cgroup still has it.
  if (!state.own_pid_namespace && init.wait_for_end(0).value_or(false)) (void)manager.kill(SIGKILL);
  return std::unexpected(std::move(error));
}

/// Before it is recorded as created, init hears no signal but SIGKILL, and the creation ends with it.
Status kill_creation(const State& state, int signal, bool all) {
  auto init = open_init(state);
  if (init && signal == SIGKILL) return init->signal(SIGKILL);
  if (!init && all && init.error().kind() == ErrorKind::destroyed) return {};
  if (!init) return fail(ErrorKind::destroyed, "container not running: it is being created");
  return fail(ErrorKind::destroyed, "container not running: it is being created, and SIGKILL alone ends that");
}

}  // namespace

Status start(const Globals& globals, const std::string& id) {
  // From here to the end a signal fails a wait and a hook, and is ignored once the process runs. The signals of a
  // program that embeds us, which names no init, are its own.
  std::optional<sys::Interruptible> interruptible;
  if (globals.init != nullptr) interruptible.emplace();
  Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  CAISSON_TRY(entry.lock());
  const State state = CAISSON_TRY(load_settled_state(entry, LockHeld::by_us));
  auto init = open_init(state);
  if (CAISSON_TRY(is_being_created(entry, state, LockHeld::by_us))) return cannot_start(ContainerStatus::creating);
  if (!init && init.error().kind() != ErrorKind::destroyed) return std::unexpected(std::move(init).error());
  if (state.intent || !init) return cannot_start(ContainerStatus::stopped);
  auto manager = CAISSON_TRY(cgroup::open(state.cgroup_paths));
  if (CAISSON_TRY(manager->frozen())) return cannot_start(ContainerStatus::paused);
  auto socket = sys::connect_at(entry.dir(), kStartSocket, SOCK_SEQPACKET);
  if (!socket) {
    const int why = socket.error().sys_errno();
    if (why != ENOENT && why != ECONNREFUSED) return std::unexpected(std::move(socket).error());
    // Refused: somebody has started it and could not remove the socket any more.
    CAISSON_TRY(sys::remove_file(entry.dir(), kStartSocket));
    return cannot_start(ContainerStatus::running);
  }
  const wire::Channel channel(std::move(*socket));
  const auto readiness = CAISSON_TRY(Readiness::open(entry));
  auto sent = channel.send(wire::Start{});
  entry.unlock();
  if (!sent) return std::unexpected(cause_of_silence(entry, state, *init, *manager, std::move(sent).error()));
  CAISSON_TRY(wait_for_execve(entry, state, *init, *manager, channel));
  CAISSON_TRY(run_poststart_hooks(entry, state));
  if (readiness) CAISSON_TRY(readiness->wait(*init));
  if (interruptible) interruptible->ignore_from_now_on();
  return {};
}

Status kill(const Globals& globals, const std::string& id, int signal, bool all) {
  const Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  const State state = CAISSON_TRY(entry.load_state());
  if (CAISSON_TRY(is_being_created(entry, state, LockHeld::unknown))) return kill_creation(state, signal, all);
  auto init = open_init(state);
  if (!init && init.error().kind() != ErrorKind::destroyed) return std::unexpected(std::move(init).error());
  // The kernel spares the first process of a PID namespace what it has no handler for: only SIGKILL would arrive.
  if (init && signal != SIGKILL && CAISSON_TRY(entry.init_becomes(state)))
    return fail(ErrorKind::destroyed, "container not running");
  // Nor is a process ours that another container has brought to the same cgroup, or that is of another boot.
  const bool shares_pids = !state.own_pid_namespace && !is_of_another_boot(state) &&
                           (init || cgroup_users(entry, state.cgroup_paths).empty());
  auto manager = CAISSON_TRY(cgroup::open(state.cgroup_paths));
  if (signal == SIGKILL && shares_pids && !state.intent && !state.cgroup_paths.empty()) {
    // Init's end does not end the others here, and they may live on without it.
    const bool some = init.has_value() || !CAISSON_TRY(manager->pids()).empty();
    if (!some && !all) return fail(ErrorKind::destroyed, "container not running");
    return manager->kill(SIGKILL);
  }
  if (!init) return all ? Status() : fail(ErrorKind::destroyed, "container not running");
  if (auto sent = init->signal(signal); !sent)
    return all && sent.error().kind() == ErrorKind::destroyed ? Status() : sent;
  // A frozen process dies of SIGKILL on cgroup v2 at once, on v1 when it is thawed.
  if (signal == SIGKILL && CAISSON_TRY(manager->frozen())) return manager->freeze(false);
  return {};
}

Status remove(const Globals& globals, const std::string& id, bool force) {
  // What has begun to go goes: a signal ends a wait, or a poststop hook, and nothing between two steps. The signals of
  // a program that embeds us, which names no init, are its own.
  std::optional<sys::Interruptible> interruptible;
  if (globals.init != nullptr) interruptible.emplace();
  auto entry = Store(globals.root).open(id);
  if (!entry) {
    if (force && entry.error().kind() == ErrorKind::destroyed) return {};
    return std::unexpected(std::move(entry).error());
  }
  auto locked = force ? lock_by_force(*entry) : entry->lock();
  // Somebody else deleted it while we waited.
  if (!locked) return force && locked.error().kind() == ErrorKind::destroyed ? Status() : locked;
  return remove_present(globals, *entry, force);
}

Status pause(const Globals& globals, const std::string& id) {
  Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  CAISSON_TRY(entry.lock());
  const State state = CAISSON_TRY(load_settled_state(entry, LockHeld::by_us));
  const Look look = CAISSON_TRY(look_at(entry, state, LockHeld::by_us));
  if (look.status != ContainerStatus::running && look.status != ContainerStatus::created)
    return fail(look.status == ContainerStatus::paused ? ErrorKind::paused : ErrorKind::destroyed,
                "container not running");
  return CAISSON_TRY(cgroup::open(state.cgroup_paths))->freeze(true);
}

Status resume(const Globals& globals, const std::string& id) {
  Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  CAISSON_TRY(entry.lock());
  const State state = CAISSON_TRY(load_settled_state(entry, LockHeld::by_us));
  const Look look = CAISSON_TRY(look_at(entry, state, LockHeld::by_us));
  if (look.status != ContainerStatus::paused) return fail(ErrorKind::wrong_state, "container not paused");
  CAISSON_TRY(CAISSON_TRY(cgroup::open(state.cgroup_paths))->freeze(false));
  const std::string ancestor = CAISSON_TRY(cgroup::frozen_ancestor(state.cgroup_paths));
  if (ancestor.empty()) return {};
  return fail(ErrorKind::wrong_state,
              "the container stays frozen, because cgroup '{}' above its own is: thaw that first", ancestor);
}

Result<ContainerState> state(const Globals& globals, const std::string& id) {
  const Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  return observe(entry, CAISSON_TRY(load_settled_state(entry, LockHeld::unknown)), Detail::why_it_died);
}

Result<std::vector<int>> processes(const Globals& globals, const std::string& id) {
  const Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  const State state = CAISSON_TRY(entry.load_state());
  if (state.cgroup_paths.empty())
    return fail(ErrorKind::system, "the container has no cgroup: its processes cannot be listed");
  return CAISSON_TRY(cgroup::open(state.cgroup_paths))->pids();
}

}  // namespace caisson::container
