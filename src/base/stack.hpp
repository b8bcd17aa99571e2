// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace caisson {

/// Calls `run` and gives its value. Where the limit on the stack (setrlimit(2), RLIMIT_STACK; `ulimit -s`) is below
/// what this program needs, `run` and the threads that it makes have stacks of another size. The limit itself, which a
/// container's process inherits, stays.
int call_on_large_stack(int (*run)(int, char**), int argc, char** argv);

}  // namespace caisson
