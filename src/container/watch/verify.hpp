// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "container/commands.hpp"

namespace caisson::container {

/// One thing in which a running container is not what its config asks for.
struct Difference {
  std::string pointer;  ///< of the config value (RFC 6901); empty: the runtime's own default
  std::string what;     ///< "options of '/tmp'"
  std::string wanted;
  std::string found;
  bool operator==(const Difference&) const = default;
};

/// Compares a running container with the config that was saved for it: namespaces; mounts with their types and
/// options; masked and read-only paths; device nodes; the first process's user, groups, capability sets, limits, OOM
/// score, seccomp and no_new_privs; values of the cgroup.
/// ErrorKind::destroyed when it does not run; wrong_state while it is being made.
Result<std::vector<Difference>> verify(const Globals& globals, const std::string& id);

}  // namespace caisson::container
