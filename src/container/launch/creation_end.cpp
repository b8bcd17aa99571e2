// SPDX-License-Identifier: Apache-2.0
// How a creation ends that has failed, and what a container in the foreground leaves when it has ended.
#include <signal.h>
#include <unistd.h>

#include "base/log.hpp"
#include "base/timeline.hpp"
#include "container/launch/creation.hpp"
#include "container/record/undo.hpp"
#include "container/watch/events_json.hpp"
#include "sys/filtered.hpp"

namespace caisson::container {

/// When init fails, what we were doing for it fails too (no such process, broken pipe, connection reset): its own word
/// is the cause, or how it ended.
Error Creation::name_cause(Error error) const {
  if (child_) {
    if (auto word = child_->channel().pending_failure())
      error = std::move(*word);
    else if (auto end = how_init_ended(error))
      error = std::move(*end);
  }
  return name_tight_limit(std::move(error));
}

/// Absent when it has not ended, or `error` is about something else.
std::optional<Error> Creation::how_init_ended(const Error& error) const {
  const int why = error.sys_errno();
  const bool silent = error.kind() == ErrorKind::destroyed || why == EPIPE || why == ECONNRESET;
  const bool missed = why == ESRCH || why == ENOENT;
  if (!silent && !missed) return std::nullopt;
  // What it held open is closed a moment before its end can be waited for.
  constexpr int kEndingMs = 1000;
  if (!child_->process().wait_for_end(silent ? kEndingMs : 0).value_or(false)) return std::nullopt;
  const auto status = child_->process().look_at_end();
  if (!status || (!status->signalled && status->value == 0)) return std::nullopt;
  // An init that exits has said why: an ENOENT may be just that.
  if (missed && !status->signalled) return std::nullopt;
  std::string text = status->signalled
                         ? fmt::format("container init was killed by signal {} (SIG{})", status->value,
                                       ::sigabbrev_np(status->value) ? ::sigabbrev_np(status->value) : "?")
                         : fmt::format("container init ended with exit status {}", status->value);
  Error ended(ErrorKind::destroyed, std::move(text));
  return error.pointer().empty() ? std::move(ended) : std::move(ended).with(error.what()).at(error.pointer());
}

/// Limits that are too tight for our own init, which they hold for before the program runs, do not fail where they
/// stand in the config.
Error Creation::name_tight_limit(Error error) const {
  if (!error.pointer().empty()) return sys::name_filtered_call(std::move(error));
  if (cgroup_ && error.kind() == ErrorKind::destroyed)
    if (auto report = cgroup_->oom_report(); report && *report)
      return Error(ErrorKind::system, oom_sentence(**report, state_.cgroup_paths));
  return sys::name_filtered_call(std::move(error));
}

UndoExtras Creation::undo_extras() {
  return {.by_creator = true,
          .cgroup = cgroup_.get(),
          .bridges = {},
          .spec = &spec_,
          .poststop_hooks = environment_stands_,
          .hook_watches = signal_watches()};
}

Status Creation::remove(const std::function<void()>& locked) {
  const timeline::Span span("remove the container");
  auto ours = entry_->lock();
  if (!ours && ours.error().kind() == ErrorKind::destroyed) {
    // Somebody else has deleted it, and has run its hooks.
    release();
    return {};
  }
  // Its process has ended: another who holds the lock can do no more than we do, and it must not be left behind.
  if (!ours) log::warn("{}", ours.error().message());
  if (locked) locked();
  // What came for the process is not to end a hook that has not begun.
  while (watched_signals_ != nullptr && watched_signals_->next() != 0) {
  }
  auto gone = undo(*entry_, state_, undo_extras());
  release();
  return gone;
}

/// What a creation that failed has made goes. A second interruption does not stop that, but it ends a poststop hook.
void Creation::abandon() {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, &before);
  interruptible_.reset();
  watched_signals_ = nullptr;  // their owner is gone
  child_.reset();              // killed and reaped
  if (pid_file_written_) ::unlink(options_.pid_file.c_str());
  const auto locked = lock_is_free_ ? entry_->lock() : Status();
  // Somebody has deleted it: what was made is gone, and what bears its names now is not ours.
  if (locked || locked.error().kind() != ErrorKind::destroyed) {
    UndoExtras extras = undo_extras();
    state_.veths = made_network_.veths;
    // Nothing has been done about cgroups: those that are there are not ours.
    if (!cgroup_) {
      state_.cgroup_paths.clear();
      state_.systemd_unit.clear();
    }
    extras.bridges = made_network_.bridges;
    auto source = sys::SignalSource::block(std::vector<int>{SIGHUP, SIGINT, SIGQUIT, SIGTERM});
    std::optional<SignalCustody> signals;
    if (source) signals.emplace(std::move(*source));
    if (signals && mode_ != Mode::hand_over && extras.poststop_hooks) {
      while (signals->next() != 0) {
      }
      watched_signals_ = &*signals;
      extras.hook_watches = signal_watches();
    }
    if (auto gone = undo(*entry_, state_, extras); !gone) log::warn("{}", gone.error().message());
  } else {
    network::remove_unused_bridges(made_network_.bridges);
  }
  entry_.reset();
  // The command line ends now with its own error; a program that embeds us goes on.
  if (mode_ == Mode::hand_over) ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

Creation::~Creation() {
  if (entry_) abandon();
}

}  // namespace caisson::container
