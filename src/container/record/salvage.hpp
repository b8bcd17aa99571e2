// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "container/commands.hpp"
#include "container/record/container_dir.hpp"

namespace caisson::container {

/// `delete --force` of a container whose record is damaged, for the reason `why`: what can be found without the record
/// is ended and removed. That is the cgroup that its saved config, or else its id, leads to, with the processes in it,
/// and its directory. A warning names what was found, and what cannot be known. The lock must be held.
///
/// An error, and nothing is removed, while somebody still listens at its start.sock: that init could not be found.
Status remove_damaged(const Globals& globals, Entry& entry, const Error& why);

}  // namespace caisson::container
