// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace caisson::faults {

/// A system call, and the errors that a healthy program has to expect of it: those of its man page that say something
/// of the host's state (no memory, no descriptors, not allowed, interrupted), not those that answer the question asked
/// (ENOENT, EEXIST, ESRCH).
struct Call {
  long number = 0;
  const char* name = "";
  std::vector<int> errors;
  /// The call is made, and its result replaced: close(2) frees the descriptor whatever it returns.
  bool fails_after = false;
};

/// Null: a call that cannot fail in a way worth trying.
const Call* find_call(long number);
/// "openat2", or "call 999".
std::string name_of(long number);
/// -1: no such call.
long number_of(const std::string& name);

/// "EPERM"
std::string error_name(int error);
/// 0: no such error.
int error_of(const std::string& name);

}  // namespace caisson::faults
