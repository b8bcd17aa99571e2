// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"
#include "container/commands.hpp"
#include "container/foreground/supervise.hpp"
#include "container/launch/creation.hpp"
#include "sys/process.hpp"

namespace caisson::container {

namespace {

Status start(Creation& creation, const RunCallbacks& callbacks) {
  if (callbacks.before_start) CAISSON_TRY(callbacks.before_start(creation.standing()));
  CAISSON_TRY(creation.start());
  return callbacks.after_start ? callbacks.after_start() : Status();
}

/// From before the process runs every signal is the container's.
Result<Supervisor> start_supervised(Creation& creation, const RunCallbacks& callbacks) {
  if (!creation.runs_at_once()) {
    auto supervisor = CAISSON_TRY(Supervisor::make(CAISSON_TRY(SignalCustody::take()), creation.take_console()));
    creation.watch_signals(supervisor.signals());
    CAISSON_TRY(start(creation, callbacks));
    return supervisor;
  }
  CAISSON_TRY(creation.start());
  auto supervisor = CAISSON_TRY(Supervisor::make(creation.take_signals(), FileDescriptor()));
  creation.watch_signals(supervisor.signals());
  return supervisor;
}

Result<int> run_in_foreground(Creation& creation, const RunOptions& options) {
  auto supervisor = CAISSON_TRY(start_supervised(creation, options.callbacks));
  if (creation.readiness()) supervisor.pass_on(*creation.readiness());
  const auto status = CAISSON_TRY(supervisor.wait(creation.init()));
  if (status.code() != 0) creation.tell_of_oom();
  if (options.keep) {
    creation.release();
  } else {
    CAISSON_TRY(creation.remove(options.callbacks.after_end));
  }
  return status.signalled ? options.code_when_killed.value_or(status.code()) : status.code();
}

}  // namespace

Status create(const Globals& globals, const CreateOptions& options) {
  Creation creation(globals, options, Creation::Mode::create);
  CAISSON_TRY(creation.decide());
  CAISSON_TRY(creation.make());
  creation.release();
  return {};
}

Result<int> run(const Globals& globals, const CreateOptions& options, const RunOptions& run_options) {
  using Mode = Creation::Mode;
  Creation creation(globals, options, run_options.detach ? Mode::run_detached : Mode::run_foreground);
  if (!run_options.callbacks.before_start && !run_options.callbacks.after_start) creation.let_init_run_at_once();
  CAISSON_TRY(creation.decide());
  if (!run_options.detach && !run_options.no_subreaper) CAISSON_TRY(sys::become_subreaper());
  CAISSON_TRY(creation.make());
  if (!run_options.detach) return run_in_foreground(creation, run_options);
  CAISSON_TRY(creation.start());
  creation.release();
  return 0;
}

}  // namespace caisson::container
