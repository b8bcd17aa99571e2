// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace caisson::plan {

/// A user as the files of a container know it.
struct FoundUser {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  ///< supplementary ones
  std::string home = "/";
  bool operator==(const FoundUser&) const = default;
};

/// Finds "user", "uid", "user:group", "uid:gid", "user:gid", "uid:group" or "" (the user `uid` with `gid`) in the texts
/// of passwd(5) and group(5), either of which may be empty. The first entry of that name or number counts; a number
/// needs none. With a group named that is the only one, else those of the entry and of the groups that name the user.
/// Lines that are no entries are passed over, missing fields are empty. Errors: "Unable to find user X",
/// "Unable to find group X", "Uids and gids must be in range 0-2147483647".
Result<FoundUser> find_user(std::string_view wanted, std::string_view passwd, std::string_view group, std::uint32_t uid,
                            std::uint32_t gid);

}  // namespace caisson::plan
