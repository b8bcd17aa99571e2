// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::text {

/// The parts between the separators; an empty text has one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);
/// Without the spaces, tabs and line ends around it.
std::string_view trim(std::string_view text);

/// Decimal digits alone: no sign, no space, nothing after. Nothing for anything else and for a number above `most`.
std::optional<std::uint64_t> parse_uint(std::string_view text,
                                        std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
/// The same with an optional '-'.
std::optional<std::int64_t> parse_int(std::string_view text);

/// Bytes as people write them: "1048576", "64k", "1.5g", "64MiB", "-1". k, m, g, t and p are powers of 1024, in any
/// case, and may be followed by "b" or "ib".
std::optional<std::int64_t> parse_size(std::string_view text);

/// A duration in nanoseconds, as Go programs write it: "5s", "1m30s", "1.5h", "250ms". Only "0" goes without a unit.
std::optional<std::int64_t> parse_duration(std::string_view text);
/// Bytes for people: "0B", "1.5MiB".
std::string format_size(std::uint64_t bytes);

/// The ids first ... last.
struct IdRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  bool operator==(const IdRange&) const = default;
};

/// A list as the kernel writes those of CPUs and memory nodes, "0-3,7" (cpuset(7), "List format"), sorted and with
/// neighbours merged. Spaces around the parts do not matter and an empty text is an empty list. Nothing for anything
/// else, for a range that runs backwards and for ids above 65535.
std::optional<std::vector<IdRange>> parse_id_list(std::string_view text);
std::string format_id_list(std::span<const IdRange> ranges);

bool is_utf8(std::string_view text);

/// The text with U+FFFD for each byte that is no part of UTF-8.
std::string to_utf8(std::string_view text);

/// The text for a terminal: control characters as "\n", "\t" or "\u001b", bytes that are not UTF-8 as "\x9b".
/// Names and output that an image chose must not move the cursor, set the title or answer for the user of a terminal.
std::string printable(std::string_view text);

/// The name of a member as it stands in a JSON pointer (RFC 6901): "a/b" is "a~1b".
std::string pointer_token(std::string_view key);

/// The text as a quoted JSON string of valid UTF-8, with all control characters escaped.
std::string json_quoted(std::string_view text);

}  // namespace caisson::text
