// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "caisson/error.hpp"
#include "caisson/process.hpp"

namespace caisson::v1 {

/// runtime-spec 1.3 runtime.md, "State"; and paused.
enum class Status {
  creating,  ///< somebody is making it
  created,   ///< its process waits for start()
  running,
  paused,   ///< no process of it gets any processor time
  stopped,  ///< its process has ended; it waits for destroy()
};

/// "creating", ...
std::string_view to_string(Status status);

/// What is known of a container at one moment.
struct State {
  std::string id;
  Status status = Status::stopped;
  pid_t pid = 0;        ///< of its first process as this program sees it; 0 when stopped or creating
  std::string bundle;   ///< absolute path
  std::string rootfs;   ///< absolute path on the host
  std::string created;  ///< RFC 3339 with nanoseconds, UTC
  std::map<std::string, std::string> annotations;
};

/// Counters of the container's cgroup; absent where the host does not count.
struct Stats {
  std::optional<std::uint64_t> cpu_nanoseconds;     ///< processor time used
  std::optional<std::uint64_t> memory_bytes;        ///< in use now, page cache included
  std::optional<std::uint64_t> memory_limit_bytes;  ///< absent also when there is no limit
  std::optional<std::uint64_t> processes;           ///< processes and threads now
  std::optional<std::uint64_t> process_limit;       ///< absent also when there is no limit
  std::optional<std::uint64_t> read_bytes;          ///< from block devices
  std::optional<std::uint64_t> written_bytes;       ///< to block devices
  std::optional<std::uint64_t> oom_kills;           ///< processes killed for want of memory
};

/// The kernel's word that a container ran out of memory.
struct OomNotice {
  std::string cgroup;       ///< directory of the cgroup whose limit was hit; empty = memory of the host itself
  std::uint64_t limit = 0;  ///< bytes; 0 with the host
  std::uint64_t peak = 0;   ///< bytes
  /// Processes of the container killed so far. On cgroup v1 a notice may precede its kill, and more than one be of it.
  std::uint64_t kills = 0;
};

/// The notices of one container, from Container::notify_on_oom() on, until its cgroup is gone. Copies are the same
/// notices: each comes once.
class OomNotices {
 public:
  /// Blocks until the next one. Nothing: the container's cgroup has been removed, and no other will come.
  Result<std::optional<OomNotice>> wait();

  /// As wait(), for at most `milliseconds`; 0 only looks. Nothing also when none has come by then: see ended().
  Result<std::optional<OomNotice>> wait_for(int milliseconds);

  /// Whether the container's cgroup was gone at the last call of wait() or wait_for().
  bool ended() const;

  /// For poll(2), owned by the notices: readable when wait_for(0) should be called, and for ever after the end.
  int descriptor() const;

  struct Inside;
  explicit OomNotices(std::shared_ptr<Inside> inside) : inside_(std::move(inside)) {}

 private:
  std::shared_ptr<Inside> inside_;
};

/// A container by its id. All that is true of it stands on disk and in the kernel: several programs may hold the same
/// one at once, and it goes on when the last Container goes. Copies are the same container.
///
/// Every call may fail with ContainerDestroyed when somebody has removed the container, and with SystemError.
class Container {
 public:
  const std::string& id() const;

  /// Looks at the container's process, cgroup and files: the answer is never remembered.
  Result<State> state() const;
  /// state()'s status alone.
  Result<Status> status() const;

  /// The config.json it was made from, in canonical form: compact, without what means nothing.
  Result<std::string> config() const;

  /// Pids of all its processes as this program sees them, sorted. Empty when it is stopped.
  Result<std::vector<pid_t>> processes() const;

  Result<Stats> stats() const;

  /// Watches for the moments in which it runs out of memory, from now on. ContainerDestroyed: it is stopped.
  /// SystemError: the host does not count its memory.
  Result<OomNotices> notify_on_oom() const;

  /// Lets the process of a created container run; returns when its execve has succeeded and the poststart hooks have
  /// run. A program that cannot be executed is ConfigInvalid or SystemError and names /process/args/0; the container is
  /// then stopped. ContainerDestroyed: its process has ended. ContainerPaused. SystemError: it runs already.
  Result<void> start();

  /// Starts another process in a created or running container, as this program's child; returns when its execve has
  /// succeeded. ConfigInvalid: wrong options. ContainerDestroyed: it is stopped. ContainerPaused.
  Result<Process> start(const ProcessOptions& options);

  /// The container's first process. ContainerDestroyed when it has ended, unless this Container came from
  /// Factory::create: then it is that child of this program, and may be waited for.
  Result<Process> init() const;

  /// Blocks until the container's first process has ended: init() and wait(). A container that is stopped already, and
  /// whose process was not this program's child: a status that is not known.
  Result<ExitStatus> wait() const;

  /// Freezes every process of the container. ContainerPaused: it is paused already. ContainerDestroyed: it is stopped.
  Result<void> pause();
  /// Lets a paused container go on. SystemError: it is not paused.
  Result<void> resume();

  /// Sends a signal to the container's first process; SIGKILL also to the rest when its end does not end them.
  /// ContainerDestroyed: it is stopped.
  Result<void> signal(int number) const;

  enum class Force { no, yes };
  /// Removes the container: its cgroup and its record, then runs the poststop hooks. With Force::yes its processes are
  /// killed first, and that there is no container any more is no error; without, it must be created or stopped
  /// (SystemError otherwise). What could not be removed stays recorded and can be destroyed again.
  Result<void> destroy(Force force = Force::no);

  struct Inside;
  explicit Container(std::shared_ptr<Inside> inside) : inside_(std::move(inside)) {}

 private:
  std::shared_ptr<Inside> inside_;
};

}  // namespace caisson::v1
