// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "caisson/error.hpp"

namespace caisson::v1 {

/// Descriptors of this program that become a process' standard streams; -1 = this program's stream of that number. They
/// stay open in this program. Ignored if the process has a terminal.
struct Streams {
  int in = -1;
  int out = -1;
  int err = -1;
};

/// A process to start in a running or created container. Defaults come from the container's config.
struct ProcessOptions {
  std::vector<std::string> args = {};     ///< argv; never empty. args[0] is looked up in the container's PATH
  std::vector<std::string> env = {};      ///< "NAME=VALUE", added to the config's; the last entry of a name wins
  std::string cwd = {};                   ///< absolute path in the container; empty = the config's
  std::optional<std::uint32_t> uid = {};  ///< in the container's user namespace
  std::optional<std::uint32_t> gid = {};  ///< in the container's user namespace; needs uid
  std::vector<std::uint32_t> additional_gids = {};  ///< added to the config's
  std::vector<std::string> capabilities = {};       ///< added to the bounding, effective and permitted sets: "CAP_KILL"
  bool no_new_privileges = false;                   ///< false = as in the config
  bool terminal = false;                            ///< standard streams are a new terminal: see console()
  Streams streams = {};
};

/// How a process ended.
struct ExitStatus {
  bool known = true;  ///< false: not a child of this program, or reaped elsewhere
  int code = 0;       ///< exit code; 128 + signal if a signal ended it
  int signal = 0;     ///< the signal that ended it; 0 = it exited
};

/// A process of a container: init, or one started later. Copies refer to the same process, which continues to run when
/// the last copy is destroyed. A child that is not waited for stays a zombie until this program ends, as with fork(2).
class Process {
 public:
  /// The pid in this program's PID namespace. Not valid after the process has been waited for.
  pid_t pid() const;

  /// Sends a signal, by pidfd: a recycled pid is never hit. ContainerDestroyed: the process has ended.
  Result<void> signal(int number) const;

  /// Blocks until the process has ended, and reaps it if it is a child of this program. Later calls return the same
  /// value.
  Result<ExitStatus> wait() const;

  /// As wait(), for at most `milliseconds`. nullopt: it has not ended by then. 0 does not block.
  Result<std::optional<ExitStatus>> wait_for(int milliseconds) const;

  /// A descriptor, owned by this object, that is readable for poll(2) once the process has ended.
  int pidfd() const;

  /// The master of the process' terminal, owned by this object; -1 without a terminal. Window size: ioctl(TIOCSWINSZ).
  /// read(2) fails with EIO after the last process has closed the terminal.
  int console() const;

  struct Inside;
  explicit Process(std::shared_ptr<Inside> inside) : inside_(std::move(inside)) {}

 private:
  std::shared_ptr<Inside> inside_;
};

}  // namespace caisson::v1
