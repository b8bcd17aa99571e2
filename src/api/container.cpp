// SPDX-License-Identifier: Apache-2.0
#include "api/inside.hpp"
#include "container/watch/status.hpp"

namespace caisson::v1 {

namespace {

constexpr Status kAllStatus[] = {Status::creating, Status::created, Status::running, Status::paused, Status::stopped};

Status status_of(std::string_view word) {
  for (const Status status : kAllStatus)
    if (to_string(status) == word) return status;
  return Status::stopped;
}

caisson::Result<State> look(const Container::Inside& inside) {
  auto seen = CAISSON_TRY(container::state(inside.globals, inside.id));
  State state;
  state.id = std::move(seen.id);
  state.status = status_of(seen.status);
  state.pid = seen.pid;
  state.bundle = std::move(seen.bundle);
  state.rootfs = std::move(seen.rootfs);
  state.created = std::move(seen.created);
  state.annotations = std::move(seen.annotations);
  return state;
}

caisson::Result<Stats> read_stats(const Container::Inside& inside) {
  const auto counted = CAISSON_TRY(container::stats(inside.globals, inside.id));
  return Stats{.cpu_nanoseconds = counted.cpu_nanoseconds,
               .memory_bytes = counted.memory_bytes,
               .memory_limit_bytes = counted.memory_limit_bytes,
               .processes = counted.processes,
               .process_limit = counted.process_limit,
               .read_bytes = counted.read_bytes,
               .written_bytes = counted.written_bytes,
               .oom_kills = counted.oom_kills};
}

caisson::Result<Process> join(const Container::Inside& inside, const ProcessOptions& wanted) {
  if (wanted.gid && !wanted.uid) return fail(ErrorKind::config, "a gid needs a uid");
  container::ExecOptions options;
  options.args = wanted.args;
  options.env = wanted.env;
  options.cwd = wanted.cwd;
  if (wanted.uid)
    options.user = wanted.gid ? fmt::format("{}:{}", *wanted.uid, *wanted.gid) : fmt::format("{}", *wanted.uid);
  options.additional_gids = wanted.additional_gids;
  options.caps = wanted.capabilities;
  options.no_new_privs = wanted.no_new_privileges;
  options.tty = wanted.terminal;
  options.streams = {wanted.streams.in, wanted.streams.out, wanted.streams.err};
  auto joined = CAISSON_TRY(container::join(inside.globals, inside.id, options, container::Owner::embedder));
  return Process(std::make_shared<Process::Inside>(
      Process::Inside{std::move(joined.process), std::move(joined.console), std::nullopt}));
}

/// The command says the peers' words, which engines know.
caisson::Status pause(const Container::Inside& inside) {
  auto paused = container::pause(inside.globals, inside.id);
  if (!paused && paused.error().kind() == ErrorKind::paused) return fail(ErrorKind::paused, "container already paused");
  return paused;
}

caisson::Result<Process> find_init(const Container::Inside& inside) {
  if (inside.init) return *inside.init;
  auto handle = CAISSON_TRY(container::init_of(inside.globals, inside.id));
  return Process(std::make_shared<Process::Inside>(Process::Inside{std::move(handle), {}, std::nullopt}));
}

}  // namespace

std::string_view to_string(Status status) {
  switch (status) {
    case Status::creating: return "creating";
    case Status::created: return "created";
    case Status::running: return "running";
    case Status::paused: return "paused";
    case Status::stopped: break;
  }
  return "stopped";
}

const std::string& Container::id() const { return inside_->id; }

Result<State> Container::state() const { return to_public(look(*inside_), "state of " + id()); }

Result<Status> Container::status() const {
  auto now = state();
  if (!now) return std::unexpected(std::move(now).error());
  return now->status;
}

Result<std::string> Container::config() const {
  return to_public(container::saved_config(inside_->globals, id()), "config of " + id());
}

Result<std::vector<pid_t>> Container::processes() const {
  return to_public(container::processes(inside_->globals, id()), "processes of " + id());
}

Result<Stats> Container::stats() const { return to_public(read_stats(*inside_), "stats of " + id()); }

Result<void> Container::start() { return to_public(container::start(inside_->globals, id()), "start " + id()); }

Result<Process> Container::start(const ProcessOptions& options) {
  return to_public(join(*inside_, options), "start a process in " + id());
}

Result<Process> Container::init() const { return to_public(find_init(*inside_), "first process of " + id()); }

Result<ExitStatus> Container::wait() const {
  auto process = init();
  if (process) return process->wait();
  // Stopped, and not our child: nobody can say any more how it ended.
  if (process.error().code() == ErrorCode::ContainerDestroyed && state()) return ExitStatus{.known = false};
  return std::unexpected(std::move(process).error());
}

Result<void> Container::pause() { return to_public(v1::pause(*inside_), "pause " + id()); }

Result<void> Container::resume() { return to_public(container::resume(inside_->globals, id()), "resume " + id()); }

Result<void> Container::signal(int number) const {
  return to_public(container::kill(inside_->globals, id(), number, false), "signal " + id());
}

Result<void> Container::destroy(Force force) {
  auto removed = to_public(container::remove(inside_->globals, id(), force == Force::yes), "destroy " + id());
  // It has ended: no zombie is left of it, and its status stays to be asked for.
  if (removed && inside_->init) (void)inside_->init->wait_for(0);
  return removed;
}

}  // namespace caisson::v1
