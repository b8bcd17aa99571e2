// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "config/hooks.hpp"

namespace caisson::process {

/// Ends a hook before its time: its process group is killed when `found` answers with an error, which becomes the
/// hook's. `found` is asked whenever `fd` is readable.
struct HookWatch {
  FdView fd;
  std::function<Status()> found;
};

struct HookOptions {
  std::string_view stage;                                 ///< the spec's name, "createRuntime"
  std::size_t index = 0;                                  ///< in its list
  std::string cwd;                                        ///< empty = the caller's
  const std::vector<std::string>* default_env = nullptr;  ///< for a hook without env; null = empty environment
  /// Called in the hook's own process, on the runner's memory, right before its program; errno, 0 = done. May be empty.
  std::function<int()> confine = {};
  std::vector<HookWatch> watches = {};
};

/// Runs one hook to its end with `state_json` on its standard input. Output is kept, bounded, for the error alone.
/// A hook that runs past its timeout (seconds) is killed with its process group.
/// Errors: "error running createRuntime hook #0: exit status 1, stdout: ..., stderr: ..." at /hooks/STAGE/INDEX.
/// runtime-spec 1.3 config.md, "POSIX-platform Hooks".
Status run_hook(const config::Hook& hook, const std::string& state_json, const HookOptions& options);

/// Runs them in order; the first that fails ends it. `options.index` is not used.
Status run_hooks(const std::vector<config::Hook>& hooks, const std::string& state_json, HookOptions options);

}  // namespace caisson::process
