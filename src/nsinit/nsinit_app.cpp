// SPDX-License-Identifier: Apache-2.0
#include "nsinit/nsinit_app.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <utility>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "container/watch/status.hpp"
#include "nsinit/container_json.hpp"
#include "nsinit/data_dir.hpp"
#include "nsinit/lower.hpp"
#include "nsinit/name_lock.hpp"
#include "nsinit/state_json.hpp"
#include "nsinit/stats_json.hpp"
#include "nsinit/words.hpp"
#include "sys/file.hpp"

namespace caisson::nsinit {

namespace {

/// What the original's exit code was for a process that a signal ended: -1.
constexpr int kCodeWhenKilled = 255;

Status print(std::string_view text) { return sys::write_all(FdView::of(STDOUT_FILENO), text, "standard output"); }

/// One call of nsinit: the directory, and the container that belongs to it.
struct Session {
  const container::Globals& globals;
  const Words& words;
  Directory directory;

  Result<int> exec();
  Result<int> start(NameLock lock);
  Result<int> join();
  Status clear_leftovers(const std::optional<container::ContainerState>& recorded);
  Result<std::optional<container::ContainerState>> look() const;
  Result<Container> load_config() const;
};

Result<Container> Session::load_config() const {
  const std::string text = CAISSON_TRY(directory.read_config());
  return CAISSON_TRY(read(text), "parse '{}'", directory.config_path());
}

Result<std::optional<container::ContainerState>> Session::look() const {
  auto state = container::state(globals, directory.id());
  if (state) {
    // Killed and not gone yet: who joins now would end with it.
    if (state->status != "creating" && container::is_ending(globals, directory.id())) state->status = "stopped";
    return std::optional(std::move(*state));
  }
  if (state.error().kind() == ErrorKind::destroyed) return std::optional<container::ContainerState>();
  return std::unexpected(std::move(state).error());
}

/// What a container that has ended left because its runtime was killed.
Status Session::clear_leftovers(const std::optional<container::ContainerState>& recorded) {
  const auto old = CAISSON_TRY(directory.read_state());
  if (old && old->init_pid != 0)
    log::warn("'{}' is stale: its process {} has ended; starting anew", directory.state_path(), old->init_pid);
  else if (old)
    log::warn("'{}' is stale: it names no process; starting anew", directory.state_path());
  CAISSON_TRY(container::remove(globals, directory.id(), true), "clear what is left of the container");
  if (recorded || old) CAISSON_TRY(directory.remove_state());
  return {};
}

Result<int> Session::join() {
  const Container config = CAISSON_TRY(load_config());
  container::ExecOptions options;
  options.args = words.args;
  if (words.function != "exec") options.function = words.function;
  // A function's answer is for whoever called, not for a terminal of the container's.
  if (words.function == "ip") options.args = {"ip"};
  options.tty = config.tty && options.function.empty();
  options.code_when_killed = kCodeWhenKilled;
  return container::exec(globals, directory.id(), options);
}

/// Every later command reads what is saved of this, and JSON is UTF-8: what it could not read is refused now.
Status check_readable_again(const config::Spec& spec, const std::vector<std::string>& args, const std::string& rootfs) {
  constexpr const char* kWhy = "is not UTF-8: later commands could not read what is saved of the container";
  for (std::size_t i = 0; i < args.size(); ++i)
    if (!text::is_utf8(args[i])) return fail(ErrorKind::config, "argument {} of the command {}", i + 1, kWhy);
  if (!text::is_utf8(rootfs)) return fail(ErrorKind::config, "the path '{}' of the root file system {}", rootfs, kWhy);
  if (!text::is_utf8(config::save(spec))) return fail(ErrorKind::config, "a value of the container's config {}", kWhy);
  return {};
}

Result<int> Session::start(NameLock lock) {
  const Container config = CAISSON_TRY(load_config());
  const std::string rootfs = CAISSON_TRY(directory.rootfs_of(config));
  const Facts facts = CAISSON_TRY(look_at_host(config, rootfs));
  if (!facts.note.empty()) log::warn("'{}': {}", directory.config_path(), facts.note);
  Surroundings around{.rootfs = rootfs,
                      .config_file = directory.config_path(),
                      .id = directory.id(),
                      .args = words.args,
                      .uid = ::geteuid(),
                      .gid = ::getegid(),
                      .no_apparmor = facts.no_apparmor,
                      .selinux = facts.selinux,
                      .mcs = facts.mcs,
                      .process_label = facts.process_label,
                      .mount_label = facts.mount_label};
  Lowered lowered = CAISSON_TRY(lower(config, around), "'{}'", directory.config_path());
  for (const auto& warning : lowered.warnings) log::warn("'{}': {}", directory.config_path(), warning);
  CAISSON_TRY(check_readable_again(lowered.spec, words.args, rootfs), "'{}'", directory.config_path());
  CAISSON_TRY(prepare_labels(lowered));
  container::CreateOptions create;
  create.id = directory.id();
  create.bundle = directory.path();
  create.spec = std::make_shared<const config::Spec>(std::move(lowered.spec));
  create.no_pivot = lowered.no_pivot;
  container::RunOptions run;
  run.code_when_killed = kCodeWhenKilled;
  int recorded = 0;
  run.callbacks.before_start = [&](const container::Standing& standing) {
    recorded = standing.pid;
    State state{.init_pid = standing.pid,
                .init_start_time = std::to_string(standing.start_time),
                .network_state = {},
                .cgroup_paths = standing.cgroup_paths};
    if (!standing.veths.empty()) state.network_state = {standing.veths.front(), "eth0"};
    return directory.write_state(state);
  };
  run.callbacks.after_start = [&]() -> Status {
    if (lowered.starts_frozen) CAISSON_TRY(container::pause(globals, directory.id()), "freeze");
    lock.free();
    return {};
  };
  run.callbacks.after_end = [&] { directory.remove_state_of(recorded); };
  auto code = container::run(globals, create, run);
  if (code) return code;
  directory.remove_state_of(recorded);
  return std::unexpected(raise(std::move(code).error(), lowered.origins));
}

Result<int> Session::exec() {
  auto lock = CAISSON_TRY(NameLock::take(globals.root, directory.id()));
  auto recorded = CAISSON_TRY(look());
  while (recorded && recorded->status != "stopped" && recorded->status != "creating") {
    lock.free();
    auto joined = join();
    // The command has not run: what it was to join ended before.
    if (joined || !container::is_ending(globals, directory.id())) return joined;
    lock = CAISSON_TRY(NameLock::take(globals.root, directory.id()));
    recorded = CAISSON_TRY(look());
  }
  if (words.function != "exec")
    return fail(ErrorKind::destroyed, "no container runs in '{}': --func {} needs one", directory.path(),
                words.function);
  CAISSON_TRY(clear_leftovers(recorded));
  return start(std::move(lock));
}

Status change_state(const container::Globals& globals, const Directory& directory, bool pause) {
  return pause ? container::pause(globals, directory.id()) : container::resume(globals, directory.id());
}

Result<std::string> stats_text(const container::Globals& globals, const Directory& directory) {
  const auto account = container::account(globals, directory.id());
  if (account) return write_stats(*account) + "\n";
  if (account.error().kind() != ErrorKind::destroyed) return std::unexpected(account.error());
  return fail(ErrorKind::destroyed, "no container runs in '{}'", directory.path());
}

Result<int> run_words(const container::Globals& globals, const Words& words) {
  using enum Words::Command;
  switch (words.command) {
    case help: CAISSON_TRY(print(help_text())); return 0;
    case version: CAISSON_TRY(print("nsinit version 0.1\n")); return 0;
    case list_functions: CAISSON_TRY(print(function_table())); return 0;
    case init: return fail(ErrorKind::config, "init is internal: it is started by the runtime alone");
    default: break;
  }
  Session session{globals, words, CAISSON_TRY(Directory::open())};
  switch (words.command) {
    case exec: return CAISSON_TRY(session.exec(), "exec");
    case config: CAISSON_TRY(print(write(CAISSON_TRY(session.load_config())) + "\n")); return 0;
    case pause: CAISSON_TRY(change_state(globals, session.directory, true), "pause"); return 0;
    case unpause: CAISSON_TRY(change_state(globals, session.directory, false), "unpause"); return 0;
    default: CAISSON_TRY(print(CAISSON_TRY(stats_text(globals, session.directory), "stats"))); return 0;
  }
}

}  // namespace

Result<int> run(const container::Globals& globals, std::span<const char* const> words) {
  if (const char* file = ::getenv("log"); file != nullptr && *file != '\0')
    CAISSON_TRY(log::open(file, log::Format::text, log::level()));
  const Words asked = CAISSON_TRY(read_words(words), "nsinit");
  return CAISSON_TRY(run_words(globals, asked), "nsinit");
}

}  // namespace caisson::nsinit
