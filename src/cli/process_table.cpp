// SPDX-License-Identifier: Apache-2.0
#include "cli/process_table.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace caisson::cli {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  const auto word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

std::string_view column(std::string_view line, int index) {
  std::string_view word = take_word(line);
  while (index-- > 0) word = take_word(line);
  return word;
}

int find_pid_column(std::string_view header) {
  for (int index = 0;; ++index) {
    const auto word = take_word(header);
    if (word == "PID") return index;
    if (word.empty()) return -1;
  }
}

}  // namespace

Result<std::string> select_processes(std::string_view ps_output, std::span<const int> pids) {
  const auto header = take_line(ps_output);
  const int index = find_pid_column(header);
  if (index < 0) return fail(ErrorKind::config, "the output of ps(1) has no PID column: its options must ask for one");
  std::string selected;
  const auto keep = [&selected](std::string_view line) { selected.append(text::printable(line)).append("\n"); };
  keep(header);
  bool kept = false;
  while (!ps_output.empty()) {
    const auto line = take_line(ps_output);
    const auto word = column(line, index);
    if (word.empty()) continue;
    if (word != "-") {
      int pid = 0;
      const auto read = std::from_chars(word.data(), word.data() + word.size(), pid);
      kept = read.ec == std::errc{} && std::ranges::find(pids, pid) != pids.end();
    }
    if (kept) keep(line);
  }
  return selected;
}

}  // namespace caisson::cli
