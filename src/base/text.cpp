// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace caisson::text {
namespace {

constexpr std::uint64_t kMostId = 65535;

/// Length of the UTF-8 sequence at the start of `text`, 0 when it is none. Source: Unicode 15 table 3-7.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i, unsigned least = 0x80, unsigned most = 0xbf) {
    return byte(i) >= least && byte(i) <= most;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return follows(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const bool second = follows(1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf);
    return second && follows(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool second = follows(1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/// The code point of the control character (Unicode category Cc) that the text begins with, if it does. Terminals act
/// on those of the second range, U+0080 ... U+009F, as on ESC: U+009B begins the same sequences as "ESC [".
std::optional<unsigned> control_code(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x20 || lead == 0x7f) return lead;
  if (lead != 0xc2 || text.size() < 2) return std::nullopt;
  const auto second = static_cast<unsigned char>(text[1]);
  return second >= 0x80 && second <= 0x9f ? std::optional<unsigned>(second) : std::nullopt;
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (const auto& part : parts) {
    if (&part != parts.data()) text += separator;
    text += part;
  }
  return text;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::optional<std::uint64_t> parse_uint(std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_int(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  if (auto plain = parse_int(text)) return *plain < -1 ? std::nullopt : plain;
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || number < 0 || end == last) return std::nullopt;
  std::string unit;
  for (const char c : std::string_view(end, last)) unit += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (unit.ends_with("ib")) {
    unit.resize(unit.size() - 2);
  } else if (unit.size() > 1 && unit.ends_with('b')) {
    unit.pop_back();
  }
  constexpr std::string_view kUnits = "bkmgtp";
  const auto power = kUnits.find(unit);
  if (unit.size() != 1 || power == kUnits.npos) return std::nullopt;
  for (std::size_t i = 0; i < power; ++i) number *= 1024;
  constexpr double kMost = 9.2e18;
  return number <= kMost ? std::optional(static_cast<std::int64_t>(number)) : std::nullopt;
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double nanoseconds;
  };
  constexpr Unit kDurations[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
  if (text == "0") return 0;
  double sum = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || !(number >= 0)) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const auto word = text.substr(0, text.find_first_of(".0123456789"));
    const auto unit = std::ranges::find(kDurations, word, &Unit::name);
    if (unit == std::end(kDurations)) return std::nullopt;
    sum += number * unit->nanoseconds;
    text.remove_prefix(word.size());
  }
  constexpr double kMost = 9.2e18;
  return sum <= kMost ? std::optional(static_cast<std::int64_t>(sum)) : std::nullopt;
}

std::string format_size(std::uint64_t bytes) {
  constexpr const char* kNames[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{}B", bytes);
  auto number = static_cast<double>(bytes);
  std::size_t power = 0;
  for (; number >= 1024 && power + 1 < std::size(kNames); ++power) number /= 1024;
  return number < 10    ? fmt::format("{:.2f}{}", number, kNames[power])
         : number < 100 ? fmt::format("{:.1f}{}", number, kNames[power])
                        : fmt::format("{:.0f}{}", number, kNames[power]);
}

std::optional<std::vector<IdRange>> parse_id_list(std::string_view text) {
  std::vector<IdRange> ranges;
  if (trim(text).empty()) return ranges;
  for (const auto part : split(text, ',')) {
    const auto dash = part.find('-');
    const auto first = parse_uint(trim(part.substr(0, dash)), kMostId);
    const auto last = dash == std::string_view::npos ? first : parse_uint(trim(part.substr(dash + 1)), kMostId);
    if (!first || !last || *first > *last) return std::nullopt;
    ranges.push_back({static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*last)});
  }
  std::ranges::sort(ranges, {}, &IdRange::first);
  std::vector<IdRange> merged;
  for (const auto& range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

std::string format_id_list(std::span<const IdRange> ranges) {
  std::string text;
  for (const auto& range : ranges) {
    if (!text.empty()) text += ',';
    text += std::to_string(range.first);
    if (range.last != range.first) text.append("-").append(std::to_string(range.last));
  }
  return text;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    // Eight characters of ASCII at a time: most texts have no others.
    std::uint64_t eight = 0;
    while (text.size() >= sizeof eight) {
      std::memcpy(&eight, text.data(), sizeof eight);
      if ((eight & 0x8080808080808080) != 0) break;
      text.remove_prefix(sizeof eight);
    }
    if (text.empty()) break;
    const auto length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string to_utf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const auto length = sequence_length(text);
    clean += length > 0 ? text.substr(0, length) : std::string_view("\xef\xbf\xbd");
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return clean;
}

std::string printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const auto length = sequence_length(text);
    const auto lead = static_cast<unsigned char>(text.front());
    if (length == 0) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned>(lead));
    } else if (const auto control = control_code(text)) {
      if (*control == '\n')
        shown += "\\n";
      else if (*control == '\t')
        shown += "\\t";
      else
        shown += fmt::format("\\u{:04x}", *control);
    } else {
      shown += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return shown;
}

std::string pointer_token(std::string_view key) {
  std::string token;
  token.reserve(key.size());
  for (const char c : key) {
    if (c == '~') {
      token += "~0";
    } else if (c == '/') {
      token += "~1";
    } else {
      token += c;
    }
  }
  return token;
}

std::string json_quoted(std::string_view text) {
  const std::string clean = to_utf8(text);
  std::string quoted = "\"";
  for (std::string_view rest = clean; !rest.empty();) {
    const char c = rest.front();
    const auto length = sequence_length(rest);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (const auto control = control_code(rest)) {
      quoted += fmt::format("\\u{:04x}", *control);
    } else {
      quoted += rest.substr(0, length);
    }
    rest.remove_prefix(length);
  }
  return quoted += '"';
}

}  // namespace caisson::text
