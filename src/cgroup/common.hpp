// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cgroup/cgroup_dir.hpp"
#include "cgroup/manager.hpp"

namespace caisson::cgroup {

/// What the managers share: the directories, how they are made and removed, how values are written.
class CommonManager : public CgroupManager {
 public:
  Status destroy(Processes processes) override;
  std::vector<KeptValue> keep(const plan::CgroupChange& change) override;
  Status change(const plan::CgroupChange& change, const Kept& before) override;
  Status undo_change(const plan::CgroupChange& change, const Kept& before) override;
  void before_parents(const std::function<Status(const std::vector<std::string>&)>& tell) override { tell_ = tell; }
  std::map<std::string, std::string> paths() const override { return plan::paths(dirs_); }
  std::vector<std::string> made_parents() const override { return parents_; }

 protected:
  CommonManager(std::vector<plan::CgroupDir> dirs, std::vector<std::string> parents)
      : dirs_(std::move(dirs)), parents_(std::move(parents)) {}
  explicit CommonManager(const plan::CgroupPlan& plan)
      : dirs_(plan.dirs),
        rootless_(plan.rootless),
        optional_(plan.optional),
        path_origin_(plan.path_origin),
        asked_by_(plan.asked_by) {}

  /// Makes one directory or takes over the one that is there. Absent: denied, and the run may go without.
  enum class Made { fresh, found, denied };
  Result<Made> make_one(const plan::CgroupDir& dir);
  /// Undoes a create() that failed, and forgets the directories: they are not ours.
  void abandon();
  void remove_made();
  /// Writes in order, each to a file of the directory that dir_for() gives.
  Status write_all(const std::vector<plan::CgroupWrite>& writes);
  /// Where a value goes; null when the container has no cgroup in that hierarchy.
  virtual const std::string* dir_for(const plan::CgroupWrite& write) const = 0;
  /// A refused write's error, bettered by what the kernel's files say.
  virtual Error explain(Error error, const plan::CgroupWrite& write, const std::string& dir) const = 0;
  /// memory.checkBeforeUpdate.
  virtual Status check_usage(const plan::MemoryCheck& check) const = 0;
  /// Puts device rules in the place of those that are there.
  virtual Status change_devices(const plan::DevicePlan& devices) = 0;
  /// Waits until the cgroup holds no process.
  virtual Status wait_until_empty() = 0;

  std::vector<plan::CgroupDir> dirs_;
  std::vector<std::string> parents_;  ///< made by us, above the container's own
  std::vector<std::string> made_;     ///< the container's own, as far as create() made them
  std::vector<std::string> found_;    ///< the container's own, as far as they were there
  std::function<Status(const std::vector<std::string>&)> tell_;
  bool rootless_ = false;
  bool optional_ = false;
  std::string path_origin_, asked_by_;

 private:
  void remove_parents();
};

/// How long a process that has closed its descriptors may take to leave its cgroup.
inline constexpr std::chrono::seconds kEndingTime{1};

/// memory.checkBeforeUpdate. `both` is the usage of memory and swap together; on v2 there is no such file and it is "".
Status check_memory(const plan::MemoryCheck& check, const std::string& dir, std::string_view usage,
                    std::string_view both);

/// For the few kernel states whose change nothing announces: yields at first, then sleeps 0.2 to 1 ms.
void pause_a_moment(int round);

/// Signals every process that `list` gives, and none that has one of their numbers later. With `all_stopped` none can
/// fork meanwhile; else again until no new one appears.
Status signal_all(const std::function<Result<std::vector<pid_t>>()>& list, int signal, bool all_stopped);

/// Waits for the ends of the processes that `list` gives, until it gives none.
Status wait_for_ends(const std::function<Result<std::vector<pid_t>>()>& list, Deadline end);

/// cgroup2's own freezer and killer, in a pure v2 and in the unified hierarchy of a hybrid host.
Status freeze_v2(const std::string& path, bool on);
Result<bool> frozen_v1(const std::string& path);
Result<bool> frozen_v2(const std::string& path);
/// What a freezer.state, and a cgroup.events, say.
bool says_frozen_v1(std::string_view state);
bool says_frozen_v2(std::string_view events);
/// cgroup.kill: false when there is none (before Linux 5.14, and in threaded cgroups).
Result<bool> kill_v2(const std::string& path);

/// Bytes read and written, by device.
Result<std::vector<IoEntry>> io_v1(const DirOf& dir_of);
/// cgroup2's io.stat; false when there is none.
Result<bool> read_io_stat(const std::string& dir, IoCounters& io);

std::unique_ptr<CgroupManager> make_v1(const plan::CgroupPlan& plan);
std::unique_ptr<CgroupManager> make_v2(const plan::CgroupPlan& plan);
/// For a cgroup that is there already, with the container's process: sees that its controllers are there, too.
Result<std::unique_ptr<CgroupManager>> adopt_v2(const plan::CgroupPlan& plan);
std::unique_ptr<CgroupManager> open_v1(std::vector<plan::CgroupDir> dirs, std::vector<std::string> parents);
std::unique_ptr<CgroupManager> open_v2(std::vector<plan::CgroupDir> dirs, std::vector<std::string> parents);
Result<std::unique_ptr<CgroupManager>> make_systemd(const plan::CgroupPlan& plan);
std::unique_ptr<CgroupManager> open_systemd(Unit unit, std::unique_ptr<CgroupManager> files, std::string path);

/// The property that systemd's refusal says it does not know; empty when it is about something else.
std::string refused_property(std::string_view text);

}  // namespace caisson::cgroup
