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

/// Status of a container. Source: runtime-spec 1.3 runtime.md, "State"; `paused` is not in the spec.
enum class Status {
  creating,  ///< create is under way
  created,   ///< init waits for start()
  running,
  paused,   ///< its cgroup is frozen
  stopped,  ///< init has ended; destroy() has not been called
};

/// The spec's word for a status: "creating", ...
std::string_view to_string(Status status);

/// State of a container at one moment.
struct State {
  std::string id;
  Status status = Status::stopped;
  pid_t pid = 0;        ///< of init, in this program's PID namespace; 0 when stopped or creating
  std::string bundle;   ///< absolute path
  std::string rootfs;   ///< absolute path on the host
  std::string created;  ///< RFC 3339 with nanoseconds, UTC
  std::map<std::string, std::string> annotations;
};

/// Counters of the container's cgroup. nullopt if the host lacks the controller.
struct Stats {
  std::optional<std::uint64_t> cpu_nanoseconds;     ///< processor time used
  std::optional<std::uint64_t> memory_bytes;        ///< current use, page cache included
  std::optional<std::uint64_t> memory_limit_bytes;  ///< nullopt also without a limit
  std::optional<std::uint64_t> processes;           ///< current number of processes and threads
  std::optional<std::uint64_t> process_limit;       ///< nullopt also without a limit
  std::optional<std::uint64_t> read_bytes;          ///< from block devices
  std::optional<std::uint64_t> written_bytes;       ///< to block devices
  std::optional<std::uint64_t> oom_kills;           ///< processes killed by the OOM killer
};

/// An out-of-memory notice of the kernel.
struct OomNotice {
  std::string cgroup;       ///< directory of the cgroup that reached its limit; empty = the host ran out of memory
  std::uint64_t limit = 0;  ///< bytes; 0 if the host ran out of memory
  std::uint64_t peak = 0;   ///< bytes
  /// Processes of the container killed so far. On cgroup v1 a notice may come before the kill, and several notices may
  /// report one kill.
  std::uint64_t kills = 0;
};

/// The out-of-memory notices of one container, from Container::notify_on_oom() until its cgroup is removed. Copies
/// share one queue: each notice is returned once.
class OomNotices {
 public:
  /// Blocks until the next notice. nullopt: the container's cgroup has been removed and no more notices follow.
  Result<std::optional<OomNotice>> wait();

  /// As wait(), for at most `milliseconds`; 0 does not block. Returns nullopt also on timeout: see ended().
  Result<std::optional<OomNotice>> wait_for(int milliseconds);

  /// True if the last wait() or wait_for() found that the container's cgroup has been removed.
  bool ended() const;

  /// Descriptor for poll(2), owned by this object. Readable when wait_for(0) should be called, and always after the
  /// end.
  int descriptor() const;

  struct Inside;
  explicit OomNotices(std::shared_ptr<Inside> inside) : inside_(std::move(inside)) {}

 private:
  std::shared_ptr<Inside> inside_;
};

/// A handle on a container, identified by its id. All state is on disk and in the kernel: several programs may hold the
/// same container at once, and the container continues to run when the last handle is destroyed. Copies refer to the
/// same container.
///
/// Every call may fail with ContainerDestroyed if the container has been removed, and with SystemError.
class Container {
 public:
  const std::string& id() const;

  /// Reads the state from the container's process, cgroup and files. Nothing is cached.
  Result<State> state() const;
  /// The status of state().
  Result<Status> status() const;

  /// The config.json the container was made from, in canonical form: compact, without members that have no effect.
  Result<std::string> config() const;

  /// Pids of all its processes in this program's PID namespace, sorted. Empty when it is stopped.
  Result<std::vector<pid_t>> processes() const;

  Result<Stats> stats() const;

  /// Subscribes to out-of-memory notices. ContainerDestroyed: it is stopped. SystemError: the host has no memory
  /// controller.
  Result<OomNotices> notify_on_oom() const;

  /// Starts the process of a created container. Returns after its execve has succeeded and the poststart hooks have
  /// run. ConfigInvalid or SystemError with the pointer /process/args/0: the program cannot be executed, and the
  /// container is stopped. ContainerDestroyed: init has ended. ContainerPaused. SystemError: it runs already.
  Result<void> start();

  /// Starts another process in a created or running container, as a child of this program. Returns after its execve has
  /// succeeded. ConfigInvalid: wrong options. ContainerDestroyed: it is stopped. ContainerPaused.
  Result<Process> start(const ProcessOptions& options);

  /// The container's init process. ContainerDestroyed: it has ended, and this Container did not come from
  /// Factory::create. After Factory::create init is a child of this program and can be waited for.
  Result<Process> init() const;

  /// Blocks until init has ended: init() and Process::wait(). ExitStatus::known is false if the container was stopped
  /// already and init was not a child of this program.
  Result<ExitStatus> wait() const;

  /// Freezes all processes of the container. ContainerPaused: it is paused already. ContainerDestroyed: it is stopped.
  Result<void> pause();
  /// Thaws a paused container. SystemError: it is not paused.
  Result<void> resume();

  /// Sends a signal to init. SIGKILL also goes to the other processes if init's end does not kill them.
  /// ContainerDestroyed: it is stopped.
  Result<void> signal(int number) const;

  enum class Force { no, yes };
  /// Removes the container's cgroup and record, then runs the poststop hooks. With Force::yes its processes are killed
  /// first, and a container that does not exist is no error. Without it the container must be created or stopped
  /// (SystemError otherwise). What could not be removed stays on record and can be destroyed again.
  Result<void> destroy(Force force = Force::no);

  struct Inside;
  explicit Container(std::shared_ptr<Inside> inside) : inside_(std::move(inside)) {}

 private:
  std::shared_ptr<Inside> inside_;
};

}  // namespace caisson::v1
