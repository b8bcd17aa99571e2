// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/text.hpp"
#include "json/fields.hpp"
#include "json/write.hpp"
#include "sys/file.hpp"

namespace caisson {

// The order of the members is part of the format: people and scripts compare this text.
template <>
inline constexpr auto json::fields<container::ContainerState> = table(
    required("ociVersion", &container::ContainerState::oci_version), required("id", &container::ContainerState::id),
    required("pid", &container::ContainerState::pid), required("status", &container::ContainerState::status),
    required("bundle", &container::ContainerState::bundle), required("rootfs", &container::ContainerState::rootfs),
    required("created", &container::ContainerState::created),
    optional("annotations", &container::ContainerState::annotations),
    required("owner", &container::ContainerState::owner));

namespace cli {
namespace {

constexpr std::size_t kLeastWidth = 12;
constexpr std::size_t kGap = 3;

/// Characters, not bytes, of UTF-8.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

Status print(std::string_view text) {
  const auto written = sys::write_all(FdView::of(STDOUT_FILENO), text, "standard output");
  if (written) return {};
  return std::unexpected(Error(ErrorKind::system, "write to standard output", written.error().sys_errno()));
}

void print_error(std::string_view line) {
  const std::string text = text::printable(line) + "\n";
  // A failure to write is not reported: the exit code says that the command failed.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

std::string table(std::span<const std::vector<std::string>> given) {
  std::vector<std::vector<std::string>> rows(given.begin(), given.end());
  for (auto& row : rows)
    for (auto& cell : row) cell = text::printable(cell);
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    if (widths.size() < row.size()) widths.resize(row.size(), kLeastWidth);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]) + kGap);
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - width_of(row[i]), ' ');
    }
    text += '\n';
  }
  return text;
}

std::string state_json(const container::ContainerState& state) { return json::write(state, json::Style::two_spaces); }

std::string list_json(std::span<const container::ContainerState> states) {
  if (states.empty()) return "null\n";
  std::string text = "[";
  for (const auto& state : states) {
    if (text.size() > 1) text += ',';
    json::append(text, state);
  }
  return text + "]\n";
}

std::string numbers_json(std::span<const int> numbers) {
  if (numbers.empty()) return "null\n";
  std::string text = "[";
  for (const int number : numbers) {
    if (text.size() > 1) text += ',';
    text += std::to_string(number);
  }
  return text + "]\n";
}

}  // namespace cli
}  // namespace caisson
