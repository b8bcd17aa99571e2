// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "cgroup/manager.hpp"
#include "cgroup/resctrl_groups.hpp"
#include "config/spec.hpp"
#include "container/commands.hpp"
#include "container/foreground/readiness.hpp"
#include "container/foreground/signals.hpp"
#include "container/launch/bring_up.hpp"
#include "container/launch/conversation.hpp"
#include "container/launch/handover.hpp"
#include "container/launch/kept_descriptors.hpp"
#include "container/record/container_dir.hpp"
#include "container/record/state.hpp"
#include "container/record/undo.hpp"
#include "network/veth.hpp"
#include "plan/plan.hpp"
#include "sys/event_loop.hpp"
#include "sys/interrupt.hpp"

namespace caisson::container {

/// The making of one container, for create and run. Until it is released, everything it made is undone when it goes
/// out of scope.
class Creation {
 public:
  /// How the container goes on once it is created. `hand_over`: as create, for a program that keeps the process and its
  /// terminal: see take_init() and take_console().
  enum class Mode { create, run_detached, run_foreground, hand_over };

  Creation(const Globals& globals, const CreateOptions& options, Mode mode)
      : globals_(globals), options_(options), mode_(mode) {}
  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;
  ~Creation();

  /// run: the caller has nothing to do between make() and start(). Before decide().
  void let_init_run_at_once() { may_run_at_once_ = true; }
  /// Reads and decides; touches nothing.
  Status decide();
  /// From the first side effect until init is recorded and waits for its start, or runs at once.
  Status make();
  /// run: the word that the process may run, and the wait for its execve. Then poststart hooks.
  Status start();
  /// Whether make() has let init go on to its execve by itself.
  bool runs_at_once() const;
  /// run_foreground, where init runs at once: the caller's signals since before it did. After start().
  SignalCustody take_signals() { return std::move(*signals_); }
  /// run_foreground, where init does not run at once: the caller's signals. Those that end programs end start(), and
  /// the hooks that it and remove() run. Must outlive this.
  void watch_signals(SignalCustody& signals) { watched_signals_ = &signals; }
  /// The container stays: nothing is undone.
  void release();

  const config::Spec& spec() const { return spec_; }
  const State& state() const { return state_; }
  const sys::ProcessHandle& init() const { return child_->process(); }
  /// Init is the caller's to wait for from now on. After release().
  sys::ProcessHandle take_init() { return child_->take_process(); }
  /// The terminal's master, for the foreground and for hand_over.
  FileDescriptor take_console() { return std::move(console_); }
  /// Where the container says that it is ready, when a service manager waits for that. After start().
  const std::optional<Readiness>& readiness() const { return readiness_; }
  /// Warns when the OOM killer was in the container.
  void tell_of_oom() const;
  /// Removes what has ended: the foreground's delete. Calls `locked`, if it is not empty, once it is sure of the lock.
  Status remove(const std::function<void()>& locked);
  /// What RunCallbacks::before_start gets.
  Standing standing() const;

 private:
  /// It waits for a start() that may come from anybody.
  bool waits_for_start() const { return mode_ == Mode::create || mode_ == Mode::hand_over; }

  Status make_in_order();
  void tell_warnings() const;
  Error name_cause(Error error) const;
  Error name_tight_limit(Error error) const;
  Status read_config(std::vector<std::string>& warnings);
  Status check_options() const;
  Status check_rootfs() const;
  Status reserve();
  bool awaits_rootfs() const;
  bool enters_pids_last() const;
  Status take_spawned(const wire::Spawned& spawned, FileDescriptor pidfd);
  /// systemd moves init and sets limits at once: with tight ones, not before the mounts stand.
  bool moved_late() const { return plan_.cgroup.unit && plan_.cgroup.enter_late; }
  wire::Begin make_begin() const;
  Status spawn_init();
  Status save_config();
  Status give_maps();
  Status set_limits();
  Status make_cgroups();
  Status join_resctrl();
  Status prepare_host();
  bool has_creation_hooks() const;
  Status run_runtime_hooks();
  Answers answers();
  Status run_poststart_hooks();
  Status lock_again();
  Status succeed();
  std::vector<process::HookWatch> signal_watches();
  UndoExtras undo_extras();
  std::optional<Error> how_init_ended(const Error& error) const;
  Status wait_for_created();
  Status let_run();
  Status record();
  void abandon();

  const Globals& globals_;
  const CreateOptions& options_;
  Mode mode_;

  std::string bundle_;
  KeptDescriptors kept_;
  config::Spec spec_;
  plan::HostFacts facts_;
  plan::Plan plan_;

  std::optional<sys::Interruptible> interruptible_;  ///< from the first side effect until the container stands
  std::optional<Entry> entry_;
  State state_;
  FileDescriptor config_;  ///< made and locked, yet to be written
  FileDescriptor start_listener_;
  std::unique_ptr<cgroup::CgroupManager> cgroup_;
  cgroup::ResctrlMade resctrl_missing_;
  FileDescriptor cgroup_dir_;  ///< to be born in; none without cgroup2
  bool in_clone_cgroup_ = false;
  std::optional<selfexe::ProtectedProgram> program_;
  std::optional<Child> child_;
  FileDescriptor console_;
  network::MadeNetwork made_network_;
  bool environment_stands_ = false;  ///< hooks have run or may have: poststop hooks must follow
  bool pid_file_written_ = false;
  bool lock_is_free_ = false;  ///< while hooks run
  std::vector<std::string> warnings_;
  bool may_run_at_once_ = false;
  std::optional<SignalCustody> signals_;
  SignalCustody* watched_signals_ = nullptr;  ///< `signals_`, or the caller's
  bool shares_readiness_ = false;
  std::optional<Readiness> readiness_;
};

}  // namespace caisson::container
