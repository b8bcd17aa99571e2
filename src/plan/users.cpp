// SPDX-License-Identifier: Apache-2.0
#include "plan/users.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"

namespace caisson::plan {

namespace {

constexpr std::uint64_t kLargestId = 2147483647;

/// The first `N` fields of a line; those that are missing are empty.
template <std::size_t N>
std::array<std::string_view, N> fields_of(std::string_view line) {
  std::array<std::string_view, N> fields;
  for (auto& field : fields) {
    const auto end = std::min(line.find(':'), line.size());
    field = text::trim(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return fields;
}

std::unexpected<Error> out_of_range() {
  return fail(ErrorKind::config, "Uids and gids must be in range 0-{}", kLargestId);
}

/// A field that is missing counts as 0; nothing for one that is no number.
std::optional<std::uint64_t> number_in(std::string_view field) {
  return field.empty() ? std::optional<std::uint64_t>(0) : text::parse_uint(field);
}

/// Digits, with a sign or too many of them: a number, if one that no user can have.
bool looks_like_number(std::string_view word) {
  if (word.starts_with('-')) word.remove_prefix(1);
  return !word.empty() && word.find_first_not_of("0123456789") == word.npos;
}

Result<std::uint32_t> checked(std::uint64_t id) {
  if (id > kLargestId) return out_of_range();
  return static_cast<std::uint32_t>(id);
}

struct Entry {
  std::string name;
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  std::string home;
};

/// name:password:uid:gid:comment:home:shell
std::optional<Entry> find_entry(std::string_view passwd, std::string_view wanted, std::uint32_t uid) {
  const std::string own = std::to_string(uid);
  for (const auto line : text::split(passwd, '\n')) {
    if (text::trim(line).empty()) continue;
    const auto fields = fields_of<6>(line);
    if (wanted.empty() ? fields[2] != own : fields[0] != wanted && fields[2] != wanted) continue;
    const auto number = number_in(fields[2]);
    const auto group = number_in(fields[3]);
    if (!number || !group) continue;
    return Entry{std::string(fields[0]), *number, *group, std::string(fields[5])};
  }
  return std::nullopt;
}

bool names(std::string_view members, std::string_view user) {
  const auto list = text::split(members, ',');
  return std::ranges::any_of(list, [user](std::string_view member) { return text::trim(member) == user; });
}

/// name:password:gid:members
Result<std::uint32_t> find_group(std::string_view group, std::string_view wanted) {
  for (const auto line : text::split(group, '\n')) {
    if (text::trim(line).empty()) continue;
    const auto fields = fields_of<4>(line);
    const auto number = number_in(fields[2]);
    if (number && (fields[0] == wanted || fields[2] == wanted)) return checked(*number);
  }
  if (const auto number = text::parse_uint(wanted)) return checked(*number);
  if (looks_like_number(wanted)) return out_of_range();
  return fail(ErrorKind::config, "Unable to find group {}", wanted);
}

Result<std::vector<std::uint32_t>> groups_with(std::string_view group, std::string_view user) {
  std::vector<std::uint32_t> groups;
  for (const auto line : text::split(group, '\n')) {
    const auto fields = fields_of<4>(line);
    const auto number = number_in(fields[2]);
    if (number && names(fields[3], user)) groups.push_back(CAISSON_TRY(checked(*number)));
  }
  return groups;
}

}  // namespace

Result<FoundUser> find_user(std::string_view wanted, std::string_view passwd, std::string_view group, std::uint32_t uid,
                            std::uint32_t gid) {
  const auto colon = wanted.find(':');
  const auto user = wanted.substr(0, colon);
  const auto group_name = colon == wanted.npos ? std::string_view() : wanted.substr(colon + 1);
  FoundUser found{.uid = uid, .gid = gid, .groups = {}, .home = "/"};
  const auto entry = find_entry(passwd, user, uid);
  if (entry) {
    found.uid = CAISSON_TRY(checked(entry->uid));
    found.gid = CAISSON_TRY(checked(entry->gid));
    if (!entry->home.empty()) found.home = entry->home;
  } else if (const auto number = text::parse_uint(user)) {
    found.uid = CAISSON_TRY(checked(*number));
  } else if (looks_like_number(user)) {
    return out_of_range();
  } else if (!user.empty()) {
    return fail(ErrorKind::config, "Unable to find user {}", user);
  }
  if (!group_name.empty())
    found.gid = CAISSON_TRY(find_group(group, group_name));
  else if (entry)
    found.groups = CAISSON_TRY(groups_with(group, entry->name));
  return found;
}

}  // namespace caisson::plan
