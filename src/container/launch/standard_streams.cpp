// SPDX-License-Identifier: Apache-2.0
#include "container/launch/standard_streams.hpp"

#include "process/apply_identity.hpp"
#include "sys/file.hpp"
#include "sys/namespace.hpp"

namespace caisson::container {

void give_streams_to_namespace(const Streams& streams, pid_t pid, const plan::IdentityPlan& identity) {
  if (identity.terminal) return;  // the terminal takes their place
  const auto map = sys::read_file(FdView::cwd(), fmt::format("/proc/{}/uid_map", pid));
  if (!map) return;
  const auto uid = sys::outer_id(*map, identity.uid);
  if (!uid) return;
  for (std::size_t i = 0; i < streams.size(); ++i)
    process::give_stream(streams[i] >= 0 ? streams[i] : static_cast<int>(i), *uid);
}

}  // namespace caisson::container
