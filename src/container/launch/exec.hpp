// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "cgroup/manager.hpp"
#include "container/commands.hpp"
#include "container/foreground/signals.hpp"
#include "sys/process.hpp"

namespace caisson::container {

/// Who owns a process that joins a container.
enum class Owner {
  none,        ///< detached; a terminal's master goes to the console socket
  foreground,  ///< the caller's signals and terminal are passed on to it
  embedder,    ///< a program that embeds caisson: it gets the process and its terminal, and keeps its own signals and
               ///< descriptors
};

/// A process in a container whose execve has succeeded: the caller's child.
struct Joined {
  sys::ProcessHandle process;
  FileDescriptor console;                ///< its terminal's master, unless a console socket got it
  std::optional<SignalCustody> signals;  ///< foreground: since before it was made
  /// foreground: the cgroup it is in, and how many processes the OOM killer had ended there before.
  std::unique_ptr<cgroup::CgroupManager> cgroup = {};
  std::uint64_t oom_kills_before = 0;
};

/// exec() up to where the process runs. Errors as exec()'s.
Result<Joined> join(const Globals& globals, const std::string& id, const ExecOptions& options, Owner owner);

}  // namespace caisson::container
