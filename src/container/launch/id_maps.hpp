// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "base/error.hpp"
#include "plan/facts.hpp"
#include "plan/namespaces.hpp"

namespace caisson::container {

/// Writes the uid and gid maps of a process in a new user namespace. Without privilege, a map of our own id alone is
/// written by us, and any other by newuidmap(1) and newgidmap(1), looked up in PATH, which know what /etc/subuid and
/// /etc/subgid grant. user_namespaces(7).
Status write_id_maps(pid_t pid, const plan::NamespacePlan& plan, const plan::HostFacts& facts);

}  // namespace caisson::container
