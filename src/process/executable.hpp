// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace caisson::process {

/// The file that `name` runs, looked for as execvp(3) does in PATH of `env` (no PATH = nothing is found), and checked
/// with the caller's own permissions. Call it as the container's user, in its root and working directory.
/// Errors bear the phrases that engines match on: "executable file not found in $PATH", "no such file or directory",
/// "permission denied", "is a directory"; they name `pointer`, when there is one.
Result<std::string> find_executable(const std::string& name, std::span<const std::string> env,
                                    const std::string& pointer = {});

/// execve(2); returns only when it failed, with the error of diagnose().
Error execute(const std::string& path, std::span<const std::string> args, std::span<const std::string> env);

/// Why execve of `path` failed with `sys_errno`: the file, its #! interpreter or its ELF loader is missing, or it is
/// built for another machine. Reads the file again.
Error diagnose(const std::string& path, int sys_errno);

/// Closes every descriptor from `first` on but those of `keep`. close_range(2), Linux 5.9.
Status close_descriptors(int first, std::span<const int> keep = {});

}  // namespace caisson::process
