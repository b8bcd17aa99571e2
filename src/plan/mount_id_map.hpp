// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"

namespace caisson::plan {

/// Text for the uid_map and gid_map of a user namespace that holds the mapping of a mount.
struct IdMapTexts {
  std::string uids;
  std::string gids;
  bool operator==(const IdMapTexts&) const = default;
};

/// The value of the options idmap= and ridmap= as engines write it: "uids=0-1000-10#10-5000-1;gids=@0-0-10". Each range
/// is the first id in the file system, the first id on the host, and how many follow. Behind "@" the second number is
/// an id of the container, which `os` maps to the host; without a user namespace the two are the same. A kind of ids
/// that the value does not name is not mapped: such ids stay as they are. Errors name `pointer`.
Result<IdMapTexts> read_id_map(std::string_view value, const config::Linux& os, const std::string& pointer);

}  // namespace caisson::plan
