// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "faults/operations.hpp"
#include "faults/sandbox.hpp"
#include "faults/tracer.hpp"

namespace caisson::faults {

/// One fault at one point of one operation.
struct Trial {
  Point point;
  Fault fault;
};

/// "runtime openat2 #3 ENOMEM": what --only takes.
std::string to_string(const Trial& trial);
/// The class of a fault in the table: "SIGKILL", "signals" or "errors".
std::string class_of(const Fault& fault);

/// What came of a trial.
struct Verdict {
  enum class Kind { clean, missed, broken } kind = Kind::clean;
  std::string why;  ///< for broken: what was wrong, one line
};

/// Tries faults at the points of one operation, in one sandbox.
class Sweep {
 public:
  /// Runs the operation undisturbed, three times: for its points and for what it brings about. Throws when it fails, or
  /// when it brings about something else each time.
  Sweep(Sandbox& box, const Operation& operation);

  /// Every fault at every point.
  std::vector<Trial> trials() const;
  const std::vector<Point>& points() const { return points_; }
  Verdict run(const Trial& trial);

 private:
  struct Undisturbed {
    std::string outcome;
    std::vector<Point> points;
  };
  Undisturbed run_undisturbed();
  Trace follow(const Command& command, const Trial* trial);
  void judge(const Trial& trial, const Trace& trace, const Ledger& prepared, const std::string& before);
  void judge_success(const Trial& trial);
  bool has_ended();
  void judge_failure(const Trial& trial, const Trace& trace, const Ledger& prepared, const std::string& before);
  void judge_message(const Trial& trial, const Trace& trace);
  void clean_up(bool killed);
  void complain(const std::string& text);
  std::string first_difference(const std::string& wanted, const std::string& got) const;

  Sandbox& box_;
  const Operation& operation_;
  Ledger base_;          ///< before anything
  std::string outcome_;  ///< of success
  std::vector<Point> points_;
  std::vector<std::string> complaints_;
};

}  // namespace caisson::faults
