// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::sys {

/// What clone3 gave: in the parent the child's pid and pidfd, in the child pid 0 and no pidfd.
struct Cloned {
  pid_t pid = -1;
  FileDescriptor pidfd;
};

struct CloneOptions {
  std::uint64_t flags = 0;    ///< CLONE_NEW*, CLONE_PARENT
  int cgroup = -1;            ///< directory of the cgroup2 to clone into (CLONE_INTO_CGROUP, Linux 5.7); -1 = inherit
  int exit_signal = SIGCHLD;  ///< 0: the parent gets none, and must ask waitid(2) for __WALL
};

/// fork(2) with namespaces: the child returns from the call too, with a copied address space. clone3(2), Linux 5.3.
/// The child sends SIGCHLD to its parent; with CLONE_PARENT, what the caller itself would send.
Result<Cloned> clone3(const CloneOptions& options);

/// How a process ended.
struct ExitStatus {
  bool signalled = false;
  int value = 0;  ///< exit code, or the signal's number
  /// As shells say it: 128 + signal when killed.
  int code() const { return signalled ? 128 + value : value; }
};

/// Of /proc/PID/stat. proc_pid_stat(5).
struct ProcessStat {
  std::string name;              ///< field 2: at most 15 bytes, any but NUL. An execve sets it, and the process may
  std::uint64_t start_time = 0;  ///< field 22, in clock ticks since boot
  char state = '?';              ///< field 3
  pid_t parent = 0;
};
/// The text of a /proc/PID/stat. Absent when it is none.
std::optional<ProcessStat> parse_stat(std::string_view text);
/// Absent when there is no such process, or no looking.
std::optional<ProcessStat> read_stat(pid_t pid);
/// The process `pid` that started at `start_time`, absent unless it runs at this moment; a zombie does not. For a look:
/// whoever is about to act on it needs a ProcessHandle. What cannot be looked at, for want of descriptors or memory, is
/// an error, and not taken for dead.
Result<std::optional<ProcessStat>> stat_of_running(pid_t pid, std::uint64_t start_time);

/// Whether the process exits at this moment, has ended, or has a SIGKILL that it has not died of yet: /proc still shows
/// it alive then, but a PID namespace of which it is the first takes nobody in any more, or ends whoever comes.
bool is_ending(pid_t pid);

/// Identifies this boot of the machine; empty when it cannot be read. /proc/sys/kernel/random/boot_id, random(4).
const std::string& boot_id();

/// A process that cannot be mistaken for another: pidfd, pid and start time. Where a filter refuses pidfd_open(2) the
/// descriptor is the process' directory in /proc, which is bound to that one process, too: it can be signalled and
/// joined, but not polled.
class ProcessHandle {
 public:
  ProcessHandle() = default;
  /// `pidfd`: a pidfd, as clone3() gives it.
  ProcessHandle(pid_t pid, FileDescriptor pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  /// The process `pid` that started at `start_time`. ErrorKind::destroyed when it has ended or when the pid is
  /// somebody else's by now. A zombie counts as ended.
  static Result<ProcessHandle> open(pid_t pid, std::uint64_t start_time);

  pid_t pid() const { return pid_; }
  FdView pidfd() const { return FdView::of(pidfd_.get()); }
  explicit operator bool() const { return static_cast<bool>(pidfd_); }
  /// pidfd_send_signal(2). ErrorKind::destroyed when the process has ended.
  Status signal(int number) const;
  /// pidfd() can be polled for the end of the process.
  bool is_pollable() const { return !is_directory_; }
  /// Blocks until the process, which need not be our child, has ended; false when `timeout_ms` (-1 = none) ran out.
  Result<bool> wait_for_end(int timeout_ms) const;
  /// How our own child has ended, which stays to be reaped; absent when it has not.
  std::optional<ExitStatus> look_at_end() const;
  /// Reaps our own child. Blocks.
  Result<ExitStatus> reap() const;

 private:
  friend Result<ProcessHandle> open_unchecked(pid_t pid);
  pid_t pid_ = -1;
  FileDescriptor pidfd_;
  bool is_directory_ = false;  ///< of /proc
};

/// A handle on whatever process has `pid` now. ESRCH or ENOENT: none has.
Result<ProcessHandle> open_unchecked(pid_t pid);

/// A handle on our own child, which cannot have been reaped and replaced yet.
inline Result<ProcessHandle> adopt_child(pid_t pid) { return open_unchecked(pid); }

/// Copies descriptor `number` out of the process behind `pidfd` (pidfd_getfd(2), Linux 5.6).
Result<FileDescriptor> take_descriptor(FdView pidfd, int number);

/// prctl(PR_SET_CHILD_SUBREAPER).
Status become_subreaper();
/// SIGKILL for the caller when the thread that made it ends; cleared by 0. prctl(PR_SET_PDEATHSIG).
Status set_parent_death_signal(int signal);
/// prctl(PR_SET_DUMPABLE, 0): nobody without CAP_SYS_PTRACE over us reads our /proc entries (CVE-2016-9962).
Status hide_from_others();
/// The signals that the caller ignores: bit N - 1 for signal N.
std::uint64_t ignored_signals();
/// Gives the signals of `which` (as ignored_signals() has them) their default action and blocks none, as a program
/// expects that is not told otherwise: execve keeps what is ignored or blocked. Async-signal-safe.
void reset_signals(std::uint64_t which = ~0ULL);
/// Marks every descriptor from `first` on close-on-exec. close_range(2), Linux 5.11.
Status close_on_exec_from(unsigned first);

}  // namespace caisson::sys
