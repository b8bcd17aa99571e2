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

/// Descriptors of this program that become a process' standard streams; -1 = the program's own stream of that number.
/// They stay open here. With a terminal they are not used.
struct Streams {
  int in = -1;
  int out = -1;
  int err = -1;
};

/// A process to be started in a running or created container. What is not said is as in the container's config.
struct ProcessOptions {
  std::vector<std::string> args = {};               ///< argv; never empty. args[0] is looked up in the container's PATH
  std::vector<std::string> env = {};                ///< "NAME=VALUE", added to the config's; the last of a name counts
  std::string cwd = {};                             ///< absolute path in the container; empty = the config's
  std::optional<std::uint32_t> uid = {};            ///< as the container sees it
  std::optional<std::uint32_t> gid = {};            ///< as the container sees it; needs uid
  std::vector<std::uint32_t> additional_gids = {};  ///< added to the config's
  std::vector<std::string> capabilities = {};       ///< added to the bounding, effective and permitted sets: "CAP_KILL"
  bool no_new_privileges = false;                   ///< true sets it; false leaves the config's
  bool terminal = false;  ///< a new terminal of the container is its standard streams: see console()
  Streams streams = {};
};

/// How a process ended.
struct ExitStatus {
  bool known = true;  ///< false: it was not this program's child, or somebody else has reaped it
  int code = 0;       ///< exit code; 128 + signal when a signal ended it
  int signal = 0;     ///< what ended it; 0 = it ended by itself
};

/// A process of a container: its first one, or one that joined. Copies are the same process. It goes on when the last
/// copy goes; a child that nobody waits for stays a zombie until this program ends, as with fork(2).
class Process {
 public:
  /// Its pid, as this program sees it; of no use once it has been waited for.
  pid_t pid() const;

  /// Sends it a signal. A process that has ended: ContainerDestroyed. A pid that became somebody else's is never hit.
  Result<void> signal(int number) const;

  /// Blocks until it has ended, and reaps it when it is a child of this program. Further calls give the same answer.
  Result<ExitStatus> wait() const;

  /// As wait(), for at most `milliseconds`; nothing when it has not ended by then. 0 only looks.
  Result<std::optional<ExitStatus>> wait_for(int milliseconds) const;

  /// A descriptor that is readable (poll(2)) from its end on; owned by the Process.
  int pidfd() const;

  /// Our side of its terminal, owned by the Process; -1 without one. Size: ioctl(TIOCSWINSZ). When it reads EIO the
  /// last process on the terminal is gone.
  int console() const;

  struct Inside;
  explicit Process(std::shared_ptr<Inside> inside) : inside_(std::move(inside)) {}

 private:
  std::shared_ptr<Inside> inside_;
};

}  // namespace caisson::v1
