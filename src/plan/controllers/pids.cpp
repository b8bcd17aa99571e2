// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "plan/controllers/controller.hpp"

namespace caisson::plan::controllers {

namespace {

// A negative number means no limit. 0 becomes 1: init itself could not be born into a cgroup of 0, and neither number
// lets it fork (runtime-spec 1.3 config-linux.md, "PIDs").
Status write(const config::Resources& resources, WriteList& out) {
  if (!resources.pids) return {};
  const std::optional<std::int64_t> limit = resources.pids->limit;
  if (!limit) return {};
  out.add("/pids/limit", "pids.max", *limit < 0 ? "max" : std::to_string(std::max<std::int64_t>(*limit, 1)));
  return {};
}

}  // namespace

const Controller kPids{"pids", "pids", write, write};

}  // namespace caisson::plan::controllers
