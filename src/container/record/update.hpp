// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "container/record/container_dir.hpp"
#include "container/record/state.hpp"
#include "container/watch/status.hpp"

namespace caisson::container {

/// The container's record, once kernel and saved config agree: an update whose process was killed is brought to its end
/// first, or undone where the kernel takes it no more. Who may not do so, or comes while it is under way, gets the
/// record as it is.
Result<State> load_settled_state(const Entry& entry, LockHeld lock);

}  // namespace caisson::container
