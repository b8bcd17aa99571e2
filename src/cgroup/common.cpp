// SPDX-License-Identifier: Apache-2.0
#include "cgroup/common.hpp"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "sys/file.hpp"
#include "sys/process.hpp"

namespace caisson::cgroup {

namespace {

constexpr const char* kRootlessText =
    "rootless needs no limits + no cgrouppath when no permission is granted for cgroups";

/// Consecutive writes to one file (device rules are a dozen) share its descriptor.
class ValueFile {
 public:
  Status write(const std::string& path, const std::string& value) {
    if (path != path_) {
      path_.clear();
      fd_ = CAISSON_TRY(sys::open_at(FdView::cwd(), path, O_WRONLY));
      path_ = path;
    }
    if (::write(fd_.get(), value.data(), value.size()) < 0) return fail_errno("write '{}' to '{}'", value, path);
    return {};
  }

 private:
  std::string path_;
  FileDescriptor fd_;
};

Status write_one(ValueFile& file, const std::string& dir, const plan::CgroupWrite& write) {
  auto written = file.write(dir + '/' + write.file, write.value);
  if (written || written.error().sys_errno() != ENOENT) return written;
  if (!write.other_file.empty()) return file.write(dir + '/' + write.other_file, write.other_value);
  if (write.refusal == plan::Refusal::missing_is_met) return {};
  return written;
}

/// Removes a cgroup whose last process is dead. Nothing tells when the kernel lets go of it, so this wait is by the
/// clock.
Status remove_emptied(const std::string& path) {
  const auto end = deadline();
  for (int round = 0; !CAISSON_TRY(remove_tree(path)); ++round) {
    if (milliseconds_until(end) == 0)
      return fail(ErrorKind::system, "remove cgroup '{}': it still holds {} process(es)", path,
                  CAISSON_TRY(pids_below(path)).size());
    pause_a_moment(round);
  }
  return {};
}

}  // namespace

void pause_a_moment(int round) {
  if (round < 16) {
    ::sched_yield();
    return;
  }
  const timespec moment{.tv_sec = 0, .tv_nsec = std::min(round, 100) * 10'000};
  ::nanosleep(&moment, nullptr);
}

Result<CommonManager::Made> CommonManager::make_one(const plan::CgroupDir& dir) {
  auto made = make_directory(dir.path, dir.mountpoint, parents_, tell_);
  if (!made) {
    Error error = std::move(made.error());
    if (is_denied(error) && optional_) return Made::denied;
    // On a hybrid host a user may have been given directories of v1 alone. The unified hierarchy has no controllers
    // there, so no limit is lost without it.
    if (is_denied(error) && rootless_ && dir.v2 && dirs_.size() > 1) return Made::denied;
    if (is_denied(error) && rootless_) error = std::move(error).with(kRootlessText).at(asked_by_);
    if (!path_origin_.empty()) error = std::move(error).at(path_origin_);
    return std::unexpected(std::move(error));
  }
  if (*made) {
    made_.push_back(dir.path);
    return Made::fresh;
  }
  const auto pids = CAISSON_TRY(pids_below(dir.path));
  if (!pids.empty())
    return fail(ErrorKind::system, "container's cgroup is not empty: {} process(es) found in '{}'", pids.size(),
                dir.path);
  found_.push_back(dir.path);
  return Made::found;
}

void CommonManager::abandon() {
  dirs_.clear();
  remove_made();
}

/// What still holds the process that was born there stays on the list until destroy(), by when it has ended.
void CommonManager::remove_made() {
  std::erase_if(made_, [](const std::string& path) { return ::rmdir(path.c_str()) == 0 || errno == ENOENT; });
  if (made_.empty()) remove_parents();
}

void CommonManager::remove_parents() {
  // The innermost were made last. Those that others use by now stay.
  for (auto parent = parents_.rbegin(); parent != parents_.rend(); ++parent) ::rmdir(parent->c_str());
  parents_.clear();
}

Status CommonManager::write_all(const std::vector<plan::CgroupWrite>& writes) {
  ValueFile file;
  std::vector<const plan::CgroupWrite*> late;
  auto put = [&](const plan::CgroupWrite& write, bool last_chance) -> Status {
    const std::string* dir = dir_for(write);
    if (!dir && write.refusal == plan::Refusal::missing_is_met) return {};
    if (!dir) return fail_config(write.origin, "the {} controller is not mounted", write.controller);
    auto written = write_one(file, *dir, write);
    if (written) return {};
    if (!last_chance && write.refusal == plan::Refusal::retry_last && written.error().sys_errno() == EINVAL) {
      late.push_back(&write);
      return {};
    }
    return std::unexpected(explain(std::move(written.error()), write, *dir).at(write.origin));
  };
  for (const auto& write : writes) CAISSON_TRY(put(write, false));
  for (const auto* write : std::vector(std::move(late))) CAISSON_TRY(put(*write, true));
  return {};
}

namespace {

/// Removes a cgroup unless processes are in it that stay. One that is ending leaves its cgroup a moment after its
/// descriptors: pidfds tell of its end, and nothing of the moment when the kernel lets go of the cgroup.
Result<bool> remove_unless_used(const std::string& path, Deadline end) {
  (void)wait_for_ends([&path] { return pids_below(path); }, end);
  for (int round = 0; !CAISSON_TRY(remove_tree(path)); ++round) {
    if (!CAISSON_TRY(pids_below(path)).empty() || milliseconds_until(end) == 0) return false;
    pause_a_moment(round);
  }
  return true;
}

/// Says which cgroups stay, and for whom.
void report_spared(const std::vector<std::string>& paths) {
  if (paths.empty()) return;
  std::set<pid_t> pids;
  for (const auto& path : paths)
    for (const pid_t pid : pids_below(path).value_or(std::vector<pid_t>())) pids.insert(pid);
  log::warn("cgroup '{}' stays: process {} in it is not the container's", fmt::join(paths, "', '"),
            fmt::join(pids, ", "));
}

}  // namespace

Status CommonManager::destroy(Processes processes) {
  const Deadline gone = std::chrono::steady_clock::now() + kEndingTime;
  bool killed = false;
  std::vector<std::string> spared;
  for (const auto& dir : dirs_) {
    if (CAISSON_TRY(remove_tree(dir.path)) ||
        (processes == Processes::spare && CAISSON_TRY(remove_unless_used(dir.path, gone)))) {
      std::erase(made_, dir.path);
      continue;
    }
    if (processes == Processes::spare) {
      std::erase(made_, dir.path);
      spared.push_back(dir.path);
      continue;
    }
    if (!std::exchange(killed, true)) {
      CAISSON_TRY(kill(SIGKILL));
      CAISSON_TRY(wait_until_empty());
    }
    CAISSON_TRY(remove_emptied(dir.path));
  }
  report_spared(spared);
  remove_made();
  return {};
}

Status check_memory(const plan::MemoryCheck& check, const std::string& dir, std::string_view usage,
                    std::string_view both) {
  auto refuse = [&](std::string_view file, std::int64_t limit, std::string_view what, const char* key) -> Status {
    if (limit <= 0 || file.empty()) return {};
    const std::string text = CAISSON_TRY(read_value(dir, file));
    const auto used = text::parse_int(text).value_or(0);
    if (limit > used) return {};
    return fail_config(key, "rejecting {} limit {} <= usage {}", what, limit, used);
  };
  CAISSON_TRY(refuse(usage, check.limit, "memory", "/linux/resources/memory/limit"));
  return refuse(both, check.swap, "memory+swap", "/linux/resources/memory/swap");
}

Status signal_all(const std::function<Result<std::vector<pid_t>>()>& list, int signal, bool all_stopped) {
  std::set<pid_t> done;
  for (bool again = true; again;) {
    again = false;
    std::vector<std::pair<pid_t, FileDescriptor>> held;
    for (const pid_t pid : CAISSON_TRY(list())) {
      if (done.contains(pid)) continue;
      FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
      if (!pidfd && errno != ESRCH && errno != EINVAL && errno != ENOENT) return fail_errno("pidfd_open({})", pid);
      if (pidfd) held.emplace_back(pid, std::move(pidfd));
    }
    if (held.empty()) return {};
    // The number may have been another process's by the time that it was opened: asked for again, now that it is held.
    const auto present = CAISSON_TRY(list());
    for (const auto& [pid, pidfd] : held) {
      if (std::ranges::find(present, pid) == present.end()) continue;
      const bool sent = ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0;
      if (!sent && errno != ESRCH) return fail_errno("pidfd_send_signal({}, {})", pid, signal);
      // One that has ended may leave its number to another process of the cgroup.
      if (!sent) continue;
      done.insert(pid);
      again = !all_stopped;
    }
  }
  return {};
}

Status wait_for_ends(const std::function<Result<std::vector<pid_t>>()>& list, Deadline end) {
  for (;;) {
    const auto pids = CAISSON_TRY(list());
    if (pids.empty()) return {};
    for (pid_t pid : pids) {
      const auto process = sys::open_unchecked(pid);
      if (!process) continue;
      if (!CAISSON_TRY(process->wait_for_end(milliseconds_until(end))))
        return fail(ErrorKind::system, "{} process(es) of the cgroup do not end, the first is {}", pids.size(), pid);
    }
  }
}

Status freeze_v2(const std::string& path, bool on) {
  CAISSON_TRY(write_value(path, "cgroup.freeze", on ? "1" : "0"));
  if (!on) return {};
  auto frozen = wait_for_event(path, "frozen", true, deadline());
  if (frozen && *frozen) return {};
  (void)write_value(path, "cgroup.freeze", "0");
  if (!frozen) return std::unexpected(std::move(frozen.error()));
  return fail(ErrorKind::system, "cgroup '{}' does not freeze", path);
}

Result<bool> frozen_v1(const std::string& path) {
  auto state = read_value(path, "freezer.state");
  if (!state && is_gone(state.error())) return false;
  return says_frozen_v1(CAISSON_TRY(std::move(state)));
}

bool says_frozen_v1(std::string_view state) {
  // FREEZING: somebody is about to pause it.
  return text::trim(state) != "THAWED";
}

Result<bool> frozen_v2(const std::string& path) {
  auto events = read_value(path, "cgroup.events");
  if (!events && is_gone(events.error())) return false;
  return says_frozen_v2(CAISSON_TRY(std::move(events)));
}

namespace {}  // namespace

bool says_frozen_v2(std::string_view events) { return flat_value(events, "frozen") == "1"; }

Result<bool> kill_v2(const std::string& path) {
  auto written = write_value(path, "cgroup.kill", "1");
  if (written) return true;
  if (written.error().sys_errno() == EOPNOTSUPP) return false;  // a threaded cgroup
  if (written.error().sys_errno() == ENOENT && ::access(path.c_str(), F_OK) == 0) return false;
  if (is_gone(written.error())) return true;
  return std::unexpected(std::move(written.error()));
}

}  // namespace caisson::cgroup
