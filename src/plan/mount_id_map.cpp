// SPDX-License-Identifier: Apache-2.0
#include "plan/mount_id_map.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.hpp"

namespace caisson::plan {
namespace {

// One range over every id: 4294967295 is none (user_namespaces(7)).
constexpr std::string_view kSame = "0 0 4294967295\n";
constexpr std::uint64_t kIds = UINT32_MAX;

struct Range {
  std::uint64_t inside = 0;  ///< in the file system
  std::uint64_t host = 0;
  std::uint64_t size = 0;
};

std::string line(const Range& range) { return fmt::format("{} {} {}\n", range.inside, range.host, range.size); }

/// "A-B-N"; false when it is something else.
bool parse(std::string_view text, Range& range) {
  std::array<std::uint64_t*, 3> numbers{&range.inside, &range.host, &range.size};
  std::size_t count = 0;
  for (const auto part : text::split(text, '-')) {
    const auto number = text::parse_uint(part, kIds);
    if (!number || count == numbers.size()) return false;
    *numbers[count++] = *number;
  }
  return count == numbers.size() && range.size > 0 && range.inside + range.size <= kIds &&
         range.host + range.size <= kIds;
}

/// The lines for a range whose second number is an id of the container. It may lie in several ranges of its maps.
Result<std::string> relative_lines(Range range, const std::vector<config::IdMapping>& maps, std::string_view text,
                                   const std::string& pointer) {
  if (maps.empty()) return line(range);
  std::string lines;
  while (range.size > 0) {
    const auto map = std::ranges::find_if(
        maps, [&](const auto& m) { return range.host >= m.container_id && range.host - m.container_id < m.size; });
    if (map == maps.end())
      return fail_config(pointer, "the mapping '{}' names id {} of the container, which is not mapped", text,
                         range.host);
    const std::uint64_t offset = range.host - map->container_id;
    const std::uint64_t part = std::min<std::uint64_t>(range.size, map->size - offset);
    lines += line({range.inside, map->host_id + offset, part});
    range = {range.inside + part, range.host + part, range.size - part};
  }
  return lines;
}

Result<std::string> read_ranges(std::string_view list, const std::vector<config::IdMapping>& maps,
                                const std::string& pointer) {
  std::string lines;
  for (const auto text : text::split(list, '#')) {
    const bool relative = text.starts_with('@');
    Range range;
    if (!parse(text.substr(relative ? 1 : 0), range))
      return fail_config(pointer, "'{}' is not a mapping of the form [@]ID-ID-SIZE", text);
    lines += relative ? CAISSON_TRY(relative_lines(range, maps, text, pointer)) : line(range);
  }
  return lines;
}

}  // namespace

Result<IdMapTexts> read_id_map(std::string_view value, const config::Linux& os, const std::string& pointer) {
  IdMapTexts read;
  for (const auto part : text::split(value, ';')) {
    const bool uids = part.starts_with("uids=");
    if (!uids && !part.starts_with("gids=")) return fail_config(pointer, "'{}' is neither uids=... nor gids=...", part);
    std::string& text = uids ? read.uids : read.gids;
    if (!text.empty()) return fail_config(pointer, "'{}' is given twice", part.substr(0, 4));
    text = CAISSON_TRY(read_ranges(part.substr(5), uids ? os.uid_mappings : os.gid_mappings, pointer));
  }
  if (read.uids.empty()) read.uids = kSame;
  if (read.gids.empty()) read.gids = kSame;
  return read;
}

}  // namespace caisson::plan
