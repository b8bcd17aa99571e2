// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "plan/controllers/controller.hpp"

namespace caisson::plan::controllers {

namespace {

// A negative number means no limit. 0 becomes 1: init itself could not be cloned into a cgroup of 0, and with neither
// number it can fork (runtime-spec 1.3 config-linux.md, "PIDs"). config::load() turns the 0 of older spec versions into
// no limit.
Status write(const config::Resources& resources, WriteList& out) {
  if (!resources.pids) return {};
  const std::optional<std::int64_t> limit = resources.pids->limit;
  if (!limit) return {};
  if (*limit < 0)
    out.add("/pids/limit", "pids.max", "max", Refusal::missing_is_met);
  else
    out.add("/pids/limit", "pids.max", std::to_string(std::max<std::int64_t>(*limit, 1)));
  return {};
}

}  // namespace

const Controller kPids{"pids", "pids", write, write};

}  // namespace caisson::plan::controllers
