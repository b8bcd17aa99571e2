// SPDX-License-Identifier: Apache-2.0
#include "faults/sweep.hpp"

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "faults/calls.hpp"

namespace caisson::faults {

namespace {

int signal_of(const Fault& fault) {
  switch (fault.kind) {
    case Fault::Kind::kill: return SIGKILL;
    case Fault::Kind::terminate: return SIGTERM;
    case Fault::Kind::interrupt: return SIGINT;
    case Fault::Kind::hang_up: return SIGHUP;
    case Fault::Kind::error: break;
  }
  return 0;
}

/// A line of the log that is no error.
bool is_warning(const std::string& line) {
  return line.find("level=warn") != std::string::npos || line.find("level=info") != std::string::npos ||
         line.find("level=debug") != std::string::npos || line.find("[warn") != std::string::npos;
}

std::string one_line(const std::string& text) { return replaced(text, "\n", "\\n"); }

}  // namespace

std::string to_string(const Trial& trial) { return to_string(trial.point) + " " + to_string(trial.fault); }

std::string class_of(const Fault& fault) {
  if (fault.kind == Fault::Kind::kill) return "SIGKILL";
  return fault.kind == Fault::Kind::error ? "errors" : "signals";
}

Sweep::Sweep(Sandbox& box, const Operation& operation) : box_(box), operation_(operation) {
  box_.clear();
  const Undisturbed first = run_undisturbed();
  outcome_ = first.outcome;
  points_ = first.points;
  for (int more = 0; more < 2; ++more) {
    const Undisturbed again = run_undisturbed();
    if (again.outcome != outcome_)
      throw std::runtime_error("two undisturbed runs differ: " + first_difference(outcome_, again.outcome));
    // A point that is not there each time cannot be tried at will, but may be met.
    for (const auto& point : again.points)
      if (std::ranges::find(points_, point) == points_.end()) points_.push_back(point);
  }
}

Trace Sweep::follow(const Command& command, const Trial* trial) {
  return Tracer(command, trial != nullptr ? &trial->point : nullptr, trial != nullptr ? trial->fault : Fault{}).run();
}

Sweep::Undisturbed Sweep::run_undisturbed() {
  const Ledger fresh = take_ledger(box_.watched());
  operation_.prepare(box_);
  const Command command = operation_.command(box_);
  const Trace trace = follow(command, nullptr);
  if (trace.code != 0)
    throw std::runtime_error("fails undisturbed: code " + std::to_string(trace.code) + ": " + read_text(command.err));
  Undisturbed done{operation_.outcome(box_, read_text(command.out)), trace.points};
  box_.call({"delete", "--force", box_.id()});
  eventually(3, [&] { return take_ledger(box_.watched()) == fresh; });
  // What the runtime leaves without any fault does not count.
  box_.clear();
  base_ = take_ledger(box_.watched());
  return done;
}

std::vector<Trial> Sweep::trials() const {
  std::vector<Trial> all;
  for (const auto& point : points_) {
    for (const auto kind : {Fault::Kind::kill, Fault::Kind::terminate, Fault::Kind::interrupt, Fault::Kind::hang_up})
      all.push_back({point, {kind, 0}});
    if (const Call* call = find_call(point.call))
      for (const int error : call->errors) all.push_back({point, {Fault::Kind::error, error}});
  }
  return all;
}

void Sweep::complain(const std::string& text) { complaints_.push_back(one_line(text)); }

std::string Sweep::first_difference(const std::string& wanted, const std::string& got) const {
  const auto ours = lines_of(wanted), theirs = lines_of(got);
  for (std::size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
    const std::string one = i < ours.size() ? ours[i] : "nothing", other = i < theirs.size() ? theirs[i] : "nothing";
    if (one != other) return "'" + other.substr(0, 200) + "' instead of '" + one.substr(0, 200) + "'";
  }
  return "nothing";
}

/// Whether what the command was to start is no more.
bool Sweep::has_ended() {
  if (operation_.name == std::string_view("exec -d")) return !exists(box_.dir() + "/out/exec");
  return box_.status() == "stopped";
}

/// rc 0: all is as it is without the fault.
void Sweep::judge_success(const Trial& trial) {
  const std::string outcome = operation_.outcome(box_, read_text(box_.dir() + "/scratch/out"));
  // A process of the container's that was killed in its last calls is like one that was killed after its execve: its
  // container has stopped. And a poststop hook that fails is a warning (runtime-spec, "Lifecycle").
  const bool killed = trial.fault.kind == Fault::Kind::kill && trial.point.process != "runtime";
  const bool warned = read_text(box_.dir() + "/scratch/err").find("poststop") != std::string::npos;
  const std::string without_poststop = replaced(outcome_, "hook poststop\n", "");
  const bool as_good = (killed && has_ended()) || (warned && outcome == without_poststop);
  if (outcome != outcome_ && !as_good) complain("code 0, but " + first_difference(outcome_, outcome));
  // A container that has run in the foreground is gone without a delete.
  if (operation_.leaves != Leaves::nothing || operation_.command(box_).leaves_init) return;
  if (eventually(2, [&] { return reap(), take_ledger(box_.watched()) == base_; })) return;
  for (const auto& line : differences(base_, take_ledger(box_.watched()))) complain("code 0, but " + line);
}

/// One line says what failed.
void Sweep::judge_message(const Trial& trial, const Trace& trace) {
  const int signal = signal_of(trial.fault);
  // The signal was passed on to the container's process, or has ended the runtime: the caller knows what it sent.
  if (signal != 0 && trace.code == 128 + signal) return;
  const std::string text = read_text(box_.dir() + "/scratch/err");
  if (trace.by_signal) return complain("died of signal " + std::to_string(trace.code - 128) + ": " + text);
  std::vector<std::string> lines;
  for (const auto& line : lines_of(text))
    if (!is_warning(line)) lines.push_back(line);
  if (lines.empty()) return complain("code " + std::to_string(trace.code) + " without a word");
  if (box_.runtime().name != "caisson") return;  // whether a peer's line says enough is not ours to judge
  if (lines.size() > 1) return complain("more than one line: " + text);
  if (std::ranges::count(lines[0], ':') < 2) complain("the error names no step: " + lines[0]);
}

void Sweep::judge_failure(const Trial& trial, const Trace& trace, const Ledger& prepared, const std::string& before) {
  judge_message(trial, trace);
  const auto is = [&](const Ledger& wanted) {
    return eventually(2, [&] { return reap(), take_ledger(box_.watched()) == wanted; });
  };
  const auto left = [&](const Ledger& wanted) {
    for (const auto& line : differences(wanted, take_ledger(box_.watched()))) complain("after a failure: " + line);
  };
  // A killed init leaves a container that has stopped.
  const bool init_killed = trial.fault.kind == Fault::Kind::kill;
  switch (operation_.leaves) {
    case Leaves::nothing:
      if (!is(base_)) left(base_);
      break;
    case Leaves::the_container:
      if (!is(prepared)) left(prepared);
      break;
    case Leaves::old_or_new: {
      const std::string now = operation_.outcome(box_, "");
      const auto without_output = [](const std::string& text) { return text.substr(0, text.rfind("output ")); };
      if (without_output(now) != without_output(before) && without_output(now) != without_output(outcome_))
        complain("after a failure neither as before nor as after: " + first_difference(before, now));
      break;
    }
    case Leaves::container_or_nothing: {
      const std::string status = box_.status();
      // What a delete has begun, the next one ends.
      if (status.empty() && std::string_view(operation_.name).starts_with("delete")) box_.call({"delete", box_.id()});
      if (status.empty() && !is(base_)) left(base_);
      if (status == "creating") complain("after a failure the container is '" + status + "'");
      if (operation_.name == std::string_view("start") && status == "running" && !init_killed)
        complain("start failed, but the container runs");
      break;
    }
  }
}

void Sweep::judge(const Trial& trial, const Trace& trace, const Ledger& prepared, const std::string& before) {
  if (trace.code < 0) {
    std::string stuck;
    for (const auto& process : trace.left) stuck += " " + process + ";";
    return complain("did not end:" + stuck);
  }
  const bool killed = trial.fault.kind == Fault::Kind::kill && trace.by_signal && trace.code == 128 + SIGKILL;
  if (killed) return;
  for (const auto& process : trace.left) complain("left running: " + process);
  if (trace.code == 0)
    judge_success(trial);
  else
    judge_failure(trial, trace, prepared, before);
}

/// `delete --force`, and the host as before.
void Sweep::clean_up(bool killed) {
  const bool nsinit = operation_.only_caisson;
  if (killed && nsinit) {
    // Its way to clear up is the next call.
    const Ran again = call_program(box_.words({"nsinit", "exec", "/probe", "--quiet"}), box_.nsinit_dir(),
                                   box_.dir() + "/scratch", 30);
    if (again.code != 0) complain("the next nsinit exec fails: " + again.err);
  }
  const Ran deleted = box_.call({"delete", "--force", box_.id()});
  if (deleted.code == -1) complain("delete --force did not end");
  if (deleted.code > 0) complain("delete --force fails: " + deleted.err);
  // That of a command that succeeded stays; one that failed has been looked at.
  std::filesystem::remove(box_.bundle() + "/pid");
  const bool as_before = eventually(3, [&] { return reap(), take_ledger(box_.watched()) == base_; });
  if (as_before) return;
  for (const auto& line : differences(base_, take_ledger(box_.watched()))) complain("after delete --force: " + line);
}

Verdict Sweep::run(const Trial& trial) {
  complaints_.clear();
  operation_.prepare(box_);
  const bool compares = operation_.leaves == Leaves::old_or_new;
  const std::string before = compares ? box_.seen_from_host() + "output \n" : "";
  const Ledger prepared = take_ledger(box_.watched());
  const Trace trace = follow(operation_.command(box_), &trial);
  reap();
  if (trace.reached) judge(trial, trace, prepared, before);
  clean_up(trial.fault.kind == Fault::Kind::kill);
  // The next trial must not see anything of this one.
  box_.clear();
  if (!trace.reached) return {Verdict::Kind::missed, ""};
  if (complaints_.empty()) return {};
  std::string why;
  for (const auto& complaint : complaints_) why += (why.empty() ? "" : "; ") + complaint;
  return {Verdict::Kind::broken, why};
}

}  // namespace caisson::faults
