// SPDX-License-Identifier: Apache-2.0
#include "cli/signals.hpp"

#include <signal.h>

#include <charconv>
#include <optional>
#include <string>

#include "base/fixed_text.hpp"

namespace caisson::cli {
namespace {

/// Names that sigabbrev_np(3) does not say.
struct Alias {
  text::Fixed<7> name;
  int number;
};
constexpr Alias kAliases[] = {{"CLD", SIGCHLD}, {"IO", SIGIO}, {"IOT", SIGIOT}, {"POLL", SIGPOLL}, {"UNUSED", SIGSYS}};

std::optional<int> read_number(std::string_view text) {
  int number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || number < 0 || number > SIGRTMAX)
    return std::nullopt;
  return number;
}

/// "RTMIN+3", "RTMAX-1".
std::optional<int> read_realtime(std::string_view name) {
  const bool from_least = name.starts_with("RTMIN");
  if (!from_least && !name.starts_with("RTMAX")) return std::nullopt;
  const int base = from_least ? SIGRTMIN : SIGRTMAX;
  const auto rest = name.substr(5);
  if (rest.empty()) return base;
  if (rest.front() != (from_least ? '+' : '-')) return std::nullopt;
  const auto offset = read_number(rest.substr(1));
  if (!offset || *offset > SIGRTMAX - SIGRTMIN) return std::nullopt;
  return from_least ? base + *offset : base - *offset;
}

std::optional<int> read_name(std::string_view text) {
  std::string name(text);
  for (char& c : name)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int number = 1; number < SIGRTMIN; ++number) {
    const char* const known = ::sigabbrev_np(number);
    if (known && name == known) return number;
  }
  for (const auto& alias : kAliases)
    if (alias.name.view() == name) return alias.number;
  return read_realtime(name);
}

}  // namespace

Result<int> read_signal(std::string_view text) {
  if (auto number = read_number(text)) return *number;
  if (auto number = read_name(text)) return *number;
  return fail(ErrorKind::config, "unknown signal \"{}\"", text);
}

}  // namespace caisson::cli
