// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "container/commands.hpp"
#include "plan/identity.hpp"

namespace caisson::container {

/// Makes the user of a process the owner of the standard streams that it will have: `streams`, or ours where one is
/// -1. `pid` is in the user namespace that the process is in, or will be. Only who holds CAP_CHOWN on the host can give
/// away what belongs to the host's root; init itself, root of the user namespace alone, cannot. Where it is not
/// permitted, the streams are left as they are. See process::give_stream.
void give_streams_to_namespace(const Streams& streams, pid_t pid, const plan::IdentityPlan& identity);

}  // namespace caisson::container
