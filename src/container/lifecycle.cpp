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
#include "container/record/undo.hpp"
#include "container/record/update.hpp"
#include "container/watch/events_json.hpp"
#include "container/watch/status.hpp"
#include "process/run_hooks.hpp"
#include "sys/file.hpp"
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

Status run_poststart_hooks(Entry& entry, const State& state) {
  if (!state.has_hooks) return {};
  const config::Spec spec = CAISSON_TRY(config::load_saved(CAISSON_TRY(entry.load_config())));
  if (!spec.hooks || spec.hooks->poststart.empty()) return {};
  auto ran = process::run_hooks(spec.hooks->poststart, state_for_hooks(state, "running", state.init_process_pid),
                                {.stage = "poststart", .cwd = state.bundle, .annotations = &state.annotations});
  if (ran) return {};
  // runtime-spec 1.3 runtime.md, "Lifecycle", step 9: the container is stopped and destroyed, and poststop hooks run.
  auto gone = undo(entry, state);
  if (gone)
    run_poststop_hooks(spec, state);
  else
    log::warn("{}", gone.error().message());
  return ran;
}

/// The bundle's config, needed after the directory is gone; nothing when there are no hooks to run then.
config::Spec spec_for_poststop(const Entry& entry, const State& state) {
  if (!state.has_hooks) return {};
  auto text = entry.load_config();
  if (!text) return {};
  auto spec = config::load_saved(*text);
  return spec ? std::move(*spec) : config::Spec{};
}

/// Whether the process has ended, or is just about to, which this waits for: whoever has killed it may delete.
Result<bool> has_ended(const State& state) {
  auto init = open_init(state);
  if (!init) return init.error().kind() == ErrorKind::destroyed;
  return sys::is_ending(init->pid()) && CAISSON_TRY(init->wait_for_end(kEndTimeoutMs));
}

Status remove_present(Entry& entry, bool force) {
  const timeline::Span span("remove the container");
  auto state = entry.load_state();
  if (!state) {
    // A record that is there but cannot be read may stand for a container that runs.
    if (state.error().kind() != ErrorKind::destroyed) return std::unexpected(std::move(state).error());
    // A creator that was killed before its first record: nothing but the directory can be there.
    CAISSON_TRY(entry.remove());
    if (force) return {};
    return std::unexpected(std::move(state).error());
  }
  // Force asks not what it does, and waits for nothing but its end.
  if (!force) {
    const Look look = CAISSON_TRY(look_at(entry, *state, LockHeld::by_us));
    const bool rests = look.status == ContainerStatus::stopped || look.status == ContainerStatus::created;
    if (!rests && !(look.status == ContainerStatus::running && CAISSON_TRY(has_ended(*state))))
      return fail(ErrorKind::wrong_state, "cannot delete container {} that is not stopped: {}", entry.id(),
                  to_string(look.status));
  }
  const config::Spec spec = spec_for_poststop(entry, *state);
  CAISSON_TRY(undo(entry, *state));
  run_poststop_hooks(spec, *state);
  return {};
}

}  // namespace

Status start(const Globals& globals, const std::string& id) {
  Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  CAISSON_TRY(entry.lock());
  const State state = CAISSON_TRY(load_settled_state(entry, LockHeld::by_us));
  auto init = open_init(state);
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
  CAISSON_TRY(channel.send(wire::Start{}));
  auto started = channel.expect_end();
  CAISSON_TRY(sys::remove_file(entry.dir(), kStartSocket));
  if (!started && started.error().kind() == ErrorKind::destroyed) {
    // It is on its way out, and has to see the end of its hooks first: nobody is to find it running after our word.
    (void)init->wait_for_end(kEndTimeoutMs);
    if (auto report = manager->oom_report(); report && *report)
      return fail(ErrorKind::system, "{}", oom_sentence(**report, state.cgroup_paths));
  }
  if (!started) return started;
  CAISSON_TRY(run_poststart_hooks(entry, state));
  if (!readiness) return {};
  entry.unlock();
  return readiness->wait(*init);
}

Status kill(const Globals& globals, const std::string& id, int signal, bool all) {
  const Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  const State state = CAISSON_TRY(entry.load_state());
  auto init = open_init(state);
  if (!init && init.error().kind() != ErrorKind::destroyed) return std::unexpected(std::move(init).error());
  // The kernel spares the first process of a PID namespace what it has no handler for: only SIGKILL would arrive.
  if (init && signal != SIGKILL && CAISSON_TRY(entry.init_becomes(state)))
    return fail(ErrorKind::destroyed, "container not running");
  const bool shares_pids = !state.own_pid_namespace;
  auto manager = CAISSON_TRY(cgroup::open(state.cgroup_paths));
  if (signal == SIGKILL && shares_pids && !state.intent) {
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
  auto entry = Store(globals.root).open(id);
  if (!entry) {
    if (force && entry.error().kind() == ErrorKind::destroyed) return {};
    return std::unexpected(std::move(entry).error());
  }
  auto locked = entry->lock();
  // Somebody else deleted it while we waited.
  if (!locked) return force && locked.error().kind() == ErrorKind::destroyed ? Status() : locked;
  return remove_present(*entry, force);
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
  return CAISSON_TRY(cgroup::open(state.cgroup_paths))->freeze(false);
}

Result<ContainerState> state(const Globals& globals, const std::string& id) {
  const Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  return observe(entry, CAISSON_TRY(load_settled_state(entry, LockHeld::unknown)), Detail::why_it_died);
}

Result<std::vector<int>> processes(const Globals& globals, const std::string& id) {
  const Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  const State state = CAISSON_TRY(entry.load_state());
  if (state.cgroup_paths.empty()) return fail(ErrorKind::system, "the container has no cgroup");
  return CAISSON_TRY(cgroup::open(state.cgroup_paths))->pids();
}

}  // namespace caisson::container
