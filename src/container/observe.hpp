// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "container/commands.hpp"
#include "container/state.hpp"
#include "container/store.hpp"

namespace caisson::container {

/// Who holds a container's lock while it is looked at.
enum class LockHeld { by_us, unknown };

/// What a look at a container's process and files says.
struct Look {
  ContainerStatus status = ContainerStatus::stopped;
  int pid = 0;  ///< 0 when stopped
};
Result<Look> look_at(const Entry& entry, const State& state, LockHeld lock);

/// The container as `state` prints it; `owner` stays empty.
Result<ContainerState> observe(const Entry& entry);

/// Name of a user of the host, by its /etc/passwd; the number where there is none.
std::string owner_name(std::uint32_t uid);

}  // namespace caisson::container
