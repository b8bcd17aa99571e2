// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "cgroup/stats.hpp"
#include "plan/cgroup.hpp"
#include "plan/update_plan.hpp"

namespace caisson::cgroup {

/// How a process that is yet to be cloned gets into the cgroup by itself.
struct Entrance {
  FileDescriptor clone_cgroup;        ///< cgroup2 directory for CLONE_INTO_CGROUP; owns none on a host without cgroup2
  std::vector<FileDescriptor> files;  ///< v1: the process, still of one thread, writes "0" to each
};

/// How the kernel tells that a limit on memory was hit.
struct OomNotice {
  FileDescriptor fd;           ///< for poll(2)
  bool counts_itself = false;  ///< v1: an eventfd(2). v2: memory.events, whose text has changed (POLLPRI)
};

/// The systemd unit that a container's cgroup belongs to; no name: none.
struct Unit {
  std::string name;
  bool user = false;        ///< of a user's own systemd
  std::uint32_t owner = 0;  ///< the user whose systemd it is, as the host numbers users
};

/// What destroy() does with processes that still are in the cgroup.
enum class Processes {
  kill,   ///< SIGKILL and wait: the cgroup is the container's
  spare,  ///< leave them and their cgroup, with a warning that names both: they are not the container's
};

/// What a file of the cgroup held before a change.
struct KeptValue {
  std::string dir;
  std::string file;
  std::string value;  ///< as it is to be written
  bool operator==(const KeptValue&) const = default;
};

/// What a change is undone by.
struct Kept {
  std::vector<KeptValue> values;  ///< in the order of the writes
  bool resumed = false;           ///< the change was begun before, by a process that was killed: any of it may stand
};

/// The cgroup of one container. Paths are the host's and trusted; nothing here is reached through the container's tree.
class CgroupManager {
 public:
  virtual ~CgroupManager() = default;

  /// `tell` is called with the directories above the container's that are about to be made, whenever create() finds
  /// some missing: whoever is killed between then and made_parents() has them on record. Few containers are the first
  /// of theirs, and no other calls it.
  virtual void before_parents(const std::function<Status(const std::vector<std::string>&)>& tell) { (void)tell; }

  /// Makes the directories. On v2 the result is the cgroup's directory, for CLONE_INTO_CGROUP; on v1 (and without
  /// cgroups) it owns no descriptor and attach() is needed. An existing cgroup is taken over when it is empty, else
  /// refused: "container's cgroup is not empty", "container's cgroup unexpectedly frozen". On failure nothing is left.
  virtual Result<FileDescriptor> create() = 0;

  /// The part of create() that must stand before the process is cloned: on v2 all of it, on a hybrid host the cgroup of
  /// the unified hierarchy. Its directory, or no descriptor where there is none. create() must follow.
  virtual Result<FileDescriptor> create_clone_cgroup() = 0;

  /// Moves the process into the cgroup, in every hierarchy. ESRCH: it is gone.
  virtual Status attach(pid_t pid) = 0;

  /// In place of attach(): the kernel moves another process only after it has stopped every fork on the host, which
  /// takes up to ten milliseconds when nobody did so lately, but lets a single thread move itself at once (Linux 5.5).
  /// `late`: on v2, too, it moves itself, at that price, and is not born in the cgroup.
  virtual Result<Entrance> entrance(bool late = false) = 0;

  /// Writes limits and device rules; an error names the value's place in the config. Delegation is part of it.
  virtual Status apply(const plan::CgroupPlan& plan) = 0;

  /// What the files hold that `change` is about to write to.
  virtual std::vector<KeptValue> keep(const plan::CgroupChange& change) = 0;

  /// Writes other limits, all or none: when the kernel refuses one, what the others were is put back. May be called
  /// again with the same when it was cut short.
  virtual Status change(const plan::CgroupChange& change, const Kept& before) = 0;

  /// Puts back what a change may have written. An error names the files that do not take it.
  virtual Status undo_change(const plan::CgroupChange& change, const Kept& before) = 0;

  /// Returns when every process is frozen (true) or thawing has begun (false). Freezing that does not end within
  /// ten seconds is undone and an error.
  virtual Status freeze(bool on) = 0;

  /// Also true when an ancestor is frozen; false when there is no cgroup or no freezer.
  virtual Result<bool> frozen() = 0;

  /// Signals every process in the cgroup and its children, with no fork in between. A frozen cgroup stays frozen,
  /// but SIGKILL thaws it where the kernel would otherwise keep the dead. No process is no error.
  virtual Status kill(int signal) = 0;

  /// Process ids in the cgroup and its children, as the caller's PID namespace numbers them, sorted.
  virtual Result<std::vector<pid_t>> pids() = 0;

  virtual Result<Stats> stats() = 0;
  virtual Result<Counters> counters() = 0;

  /// How many processes here and beneath the OOM killer has ended; 0 where memory is not counted.
  virtual Result<std::uint64_t> oom_kills() = 0;

  /// What the OOM killer has done here, and whose limit it was. Absent: nothing, unless `anyway`, when a notice of the
  /// kernel's says that it is about to; or memory is not counted.
  virtual Result<std::optional<OomReport>> oom_report(bool anyway = false) = 0;

  /// Readable, or has urgent news, when memory runs out; see OomNotice. Owns no descriptor where memory is not counted.
  virtual Result<OomNotice> watch_oom() = 0;

  /// Removes the cgroup, its children, and those parents that create() made if they are empty. Idempotent. After a
  /// create() that refused a cgroup it does nothing to it.
  virtual Status destroy(Processes processes = Processes::kill) = 0;

  /// For state.json: controller -> directory, "" on v2. Less than plan::paths() when a rootless run went without some.
  virtual std::map<std::string, std::string> paths() const = 0;

  /// Directories above the container's that create() had to make, outermost first; open() takes them back.
  virtual std::vector<std::string> made_parents() const = 0;
};

/// The manager for a container that is to be made. Touches nothing yet.
Result<std::unique_ptr<CgroupManager>> make(const plan::CgroupPlan& plan);

/// The manager of an existing container, from its state: what paths() and made_parents() gave. No path = no cgroup.
/// systemd is asked for nothing but the end of `unit`, so only who may come to that need name it.
Result<std::unique_ptr<CgroupManager>> open(const std::map<std::string, std::string>& paths,
                                            const std::vector<std::string>& made_parents = {}, const Unit& unit = {});

/// The cgroup of process `pid`, as a manager, when it lies below the container's cgroup (`paths`, cgroup v2 alone) or
/// is that; null when it does not. An init that has delegated controllers to cgroups below its first one, or has moved
/// and removed that one, leaves no process there, and the kernel lets no other process in (EBUSY, ENOENT).
Result<std::unique_ptr<CgroupManager>> open_own_of(const std::map<std::string, std::string>& paths, pid_t pid);

/// The nearest directory above the container's cgroup that is frozen by itself; empty when none is. Thawing the
/// container's own cgroup does not resume it as long as there is one.
Result<std::string> frozen_ancestor(const std::map<std::string, std::string>& paths);

/// open(paths)->frozen(), without more than that takes.
Result<bool> is_frozen(const std::map<std::string, std::string>& paths);

/// is_frozen() of one container after another: the directory that their cgroups have in common stays open, and is not
/// found anew through /sys each time.
class FrozenLook {
 public:
  Result<bool> at(const std::map<std::string, std::string>& paths);

 private:
  std::string parent_;
  FileDescriptor dir_;
};

}  // namespace caisson::cgroup
