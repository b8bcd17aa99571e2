// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

namespace caisson::faults {

/// One line of what a worker says.
struct Result {
  std::string operation, fault_class, verdict, text;  ///< verdict: "clean", "missed", "broken", "error"
};

/// As a line of a pipe and back.
std::string to_line(const Result& result);
Result from_line(const std::string& line);

/// Counts per operation and class of fault.
class Tally {
 public:
  void add(const Result& result);
  /// "ok" and "FAILED" lines as all test programs of the tree print them, failures below theirs.
  std::string lines(const std::string& name) const;
  /// Operation by class of fault: clean of tried.
  std::string table() const;
  bool all_clean() const;

 private:
  struct Count {
    int clean = 0, broken = 0, missed = 0;
    std::vector<std::string> why;
  };
  static std::string cell(const Count& count);

  std::vector<std::string> order_;  ///< operations, as they came
  std::map<std::string, std::map<std::string, Count>> counts_;
};

}  // namespace caisson::faults
