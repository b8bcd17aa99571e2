// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
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
  std::string_view stage;  ///< the spec's name, "createRuntime"
  std::size_t index = 0;   ///< in its list
  /// Working directory; empty = the caller's. A hook starts in "/" where it cannot be entered: delete must run the
  /// poststop hooks of a container whose bundle is gone.
  std::string cwd;
  int cwd_fd = -1;  ///< the same as a descriptor, which is preferred; -1 = none
  /// Environment of a hook without `env`; null = the caller's. A hook whose `env` is [] has none.
  const std::vector<std::string>* default_env = nullptr;
  /// Called in the hook's own process, on the runner's memory, right before its program; errno, 0 = done. May be empty.
  std::function<int()> confine = {};
  std::vector<HookWatch> watches = {};
  /// The container's, for kHookStdout and kHookStderr; null = output is kept for the error.
  const std::map<std::string, std::string>* annotations = nullptr;
  /// The files of these annotations, opened before: for hooks that run where their paths are out of reach.
  int out = -1;
  int err = -1;
};

/// Annotations that name files of the host, to which the hooks' output is appended. Known from crun.
inline constexpr const char* kHookStdout = "run.oci.hooks.stdout";
inline constexpr const char* kHookStderr = "run.oci.hooks.stderr";

/// The file that annotation `key` names, open for appending and made when it is missing; none without the annotation.
/// Its path must be absolute: hooks run by create, start and delete, each with a working directory of its own. Errors
/// name the annotation.
Result<FileDescriptor> open_hook_output(const std::map<std::string, std::string>& annotations, const char* key);

/// Gives each hook without `env` this process' environment, as it is: for those that run in another process.
void keep_environment(std::vector<config::Hook>& hooks);

/// Runs one hook to completion with `state_json` on its standard input. Output without a descriptor of its own is kept,
/// bounded, for the error alone. A hook that runs past its timeout (seconds) is killed with its process group.
/// Errors: "error running createRuntime hook #0: exit status 1, stdout: ..., stderr: ..." at /hooks/STAGE/INDEX; for
/// a program that cannot be executed the text of diagnose().
/// runtime-spec 1.3 config.md, "POSIX-platform Hooks".
Status run_hook(const config::Hook& hook, const std::string& state_json, const HookOptions& options);

/// Runs them in order; the first that fails ends it. `options.index` is not used.
Status run_hooks(const std::vector<config::Hook>& hooks, const std::string& state_json, HookOptions options);

}  // namespace caisson::process
