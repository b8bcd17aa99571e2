// SPDX-License-Identifier: Apache-2.0
#include "faults/tally.hpp"

#include <algorithm>
#include <sstream>

namespace caisson::faults {

namespace {

constexpr const char* kClasses[] = {"SIGKILL", "signals", "errors"};

}  // namespace

std::string to_line(const Result& result) {
  return result.operation + "\t" + result.fault_class + "\t" + result.verdict + "\t" + result.text + "\n";
}

Result from_line(const std::string& line) {
  Result result;
  std::istringstream stream(line);
  std::getline(stream, result.operation, '\t');
  std::getline(stream, result.fault_class, '\t');
  std::getline(stream, result.verdict, '\t');
  std::getline(stream, result.text);
  return result;
}

void Tally::add(const Result& result) {
  if (std::ranges::find(order_, result.operation) == order_.end()) order_.push_back(result.operation);
  Count& count = counts_[result.operation][result.fault_class];
  if (result.verdict == "clean") ++count.clean;
  if (result.verdict == "missed") ++count.missed;
  if (result.verdict != "broken" && result.verdict != "error") return;
  ++count.broken;
  count.why.push_back(result.text);
}

std::string Tally::lines(const std::string& name) const {
  std::string text;
  for (const auto& operation : order_)
    for (const auto& [fault_class, count] : counts_.at(operation)) {
      text += count.broken == 0 ? "ok  " : "FAILED  ";
      text += name + ": " + operation + ", " + fault_class + ": " + cell(count) + " points clean";
      if (count.missed != 0) text += ", " + std::to_string(count.missed) + " not met";
      text += "\n";
      for (const auto& why : count.why) text += "    " + why + "\n";
    }
  return text;
}

std::string Tally::cell(const Count& count) {
  return std::to_string(count.clean) + " of " + std::to_string(count.clean + count.broken);
}

std::string Tally::table() const {
  std::string text = "| operation | SIGKILL | SIGTERM, SIGINT, SIGHUP | errors |\n| --- | --- | --- | --- |\n";
  std::map<std::string, Count> sums;
  for (const auto& operation : order_) {
    text += "| " + operation + " |";
    for (const char* fault_class : kClasses) {
      const auto& row = counts_.at(operation);
      const Count count = row.contains(fault_class) ? row.at(fault_class) : Count{};
      sums[fault_class].clean += count.clean;
      sums[fault_class].broken += count.broken;
      text += " " + cell(count) + " |";
    }
    text += "\n";
  }
  text += "| all |";
  for (const char* fault_class : kClasses) text += " " + cell(sums[fault_class]) + " |";
  return text + "\n";
}

bool Tally::all_clean() const {
  for (const auto& [operation, row] : counts_)
    for (const auto& [fault_class, count] : row)
      if (count.broken != 0) return false;
  return true;
}

}  // namespace caisson::faults
