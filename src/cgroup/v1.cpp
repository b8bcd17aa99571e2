// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "cgroup/common.hpp"
#include "cgroup/device_filter.hpp"
#include "sys/file.hpp"

namespace caisson::cgroup {

namespace {

/// The CPUs or memory nodes of a cpuset, which gets those of its parent when it is empty.
Result<std::string> ensure_cpuset(const std::string& path, const std::string& mountpoint, const char* file) {
  auto value = CAISSON_TRY(read_value(path, file));
  if (!value.empty() || path == mountpoint) return value;
  value = CAISSON_TRY(ensure_cpuset(path.substr(0, path.rfind('/')), mountpoint, file));
  CAISSON_TRY(write_value(path, file, value));
  return value;
}

/// v1 cpusets start empty, and a process cannot enter an empty one.
Status fill_cpuset(const plan::CgroupDir& dir, bool fresh) {
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    if (fresh) {
      const std::string parent = dir.path.substr(0, dir.path.rfind('/'));
      CAISSON_TRY(write_value(dir.path, file, CAISSON_TRY(ensure_cpuset(parent, dir.mountpoint, file))));
    } else {
      CAISSON_TRY(ensure_cpuset(dir.path, dir.mountpoint, file));
    }
  }
  return {};
}

/// A directory in each v1 hierarchy and, on a hybrid host, in the unified one, which brings cgroup.kill and events.
class V1Manager final : public CommonManager {
 public:
  explicit V1Manager(const plan::CgroupPlan& plan) : CommonManager(plan) {}
  V1Manager(std::vector<plan::CgroupDir> dirs, std::vector<std::string> parents)
      : CommonManager(std::move(dirs), std::move(parents)) {}

  Result<FileDescriptor> create() override;
  Result<FileDescriptor> create_clone_cgroup() override;
  Status attach(pid_t pid) override;
  Result<Entrance> entrance(bool late) override;
  Status apply(const plan::CgroupPlan& plan) override;
  Status freeze(bool on) override;
  Result<bool> frozen() override;
  Status kill(int signal) override;
  Result<std::vector<pid_t>> pids() override;
  Result<Stats> stats() override { return stats_v1(finder()); }
  Result<Counters> counters() override { return counters_v1(finder()); }
  Result<std::uint64_t> oom_kills() override {
    const std::string* dir = dir_of("memory");
    return dir ? cgroup::oom_kills(*dir, false) : 0;
  }
  Result<std::optional<OomReport>> oom_report(bool anyway) override {
    const std::string* dir = dir_of("memory");
    return dir ? cgroup::oom_report(*dir, false, anyway) : std::optional<OomReport>();
  }
  Result<OomNotice> watch_oom() override;

 private:
  const std::string* dir_for(const plan::CgroupWrite& write) const override { return dir_of(write.controller); }
  Error explain(Error error, const plan::CgroupWrite& write, const std::string& dir) const override;
  Status check_usage(const plan::MemoryCheck& check) const override;
  Status change_devices(const plan::DevicePlan& devices) override { return write_devices(devices, true); }
  DirOf finder() const {
    return [this](std::string_view controller) { return controller.empty() ? unified() : dir_of(controller); };
  }
  Status create_all();
  Status refuse_frozen();
  Status write_devices(const plan::DevicePlan& devices, bool found);
  Status set_freezer_state(const std::string& dir, bool on);
  Status wait_until_empty() override;

  bool birthplace_made_ = false;

  const std::string* dir_of(std::string_view controller) const {
    for (const auto& dir : dirs_)
      if (std::ranges::find(dir.controllers, controller) != dir.controllers.end()) return &dir.path;
    return nullptr;
  }
  const std::string* unified() const {
    for (const auto& dir : dirs_)
      if (dir.v2) return &dir.path;
    return nullptr;
  }
};

Result<FileDescriptor> V1Manager::create() {
  auto created = create_all();
  if (created) return FileDescriptor();
  abandon();
  return std::unexpected(std::move(created.error()));
}

Result<FileDescriptor> V1Manager::create_clone_cgroup() {
  const auto dir = std::ranges::find_if(dirs_, &plan::CgroupDir::v2);
  if (dir == dirs_.end()) return FileDescriptor();
  const std::string path = dir->path;
  auto made = make_one(*dir);
  if (made) {
    birthplace_made_ = true;
    if (*made == Made::denied) {
      dirs_.erase(dir);
      return FileDescriptor();
    }
    auto opened = sys::open_at(FdView::cwd(), path, O_RDONLY | O_DIRECTORY);
    if (opened) return opened;
    made = std::unexpected(std::move(opened.error()));
  }
  abandon();
  return std::unexpected(std::move(made.error()));
}

Status V1Manager::create_all() {
  std::vector<plan::CgroupDir> usable;
  usable.reserve(dirs_.size());
  for (const auto& dir : dirs_) {
    if (dir.v2 && birthplace_made_) {
      usable.push_back(dir);
      continue;
    }
    const Made made = CAISSON_TRY(make_one(dir));
    if (made == Made::denied) continue;
    if (std::ranges::find(dir.controllers, "cpuset") != dir.controllers.end())
      CAISSON_TRY(fill_cpuset(dir, made == Made::fresh));
    usable.push_back(dir);
  }
  dirs_ = std::move(usable);
  return refuse_frozen();
}

Status V1Manager::refuse_frozen() {
  // A new cgroup in a frozen one is frozen too, and the container's process would never reach its first instruction.
  if (!CAISSON_TRY(frozen())) return {};
  return fail(ErrorKind::system, "container's cgroup unexpectedly frozen");
}

Status V1Manager::attach(pid_t pid) {
  const std::string text = std::to_string(pid);
  for (const auto& dir : dirs_) {
    auto written = write_value(dir.path, "cgroup.procs", text);
    if (written || (optional_ && is_denied(written.error()))) continue;
    return std::unexpected(std::move(written.error()));
  }
  return {};
}

Result<Entrance> V1Manager::entrance(bool) {
  Entrance entrance;
  entrance.files.reserve(dirs_.size());
  for (const auto& dir : dirs_) {
    if (dir.v2) {
      entrance.clone_cgroup = CAISSON_TRY(sys::open_at(FdView::cwd(), dir.path, O_RDONLY | O_DIRECTORY));
    } else {
      // cgroup.procs moves the whole process, and so takes the lock even when it has one thread.
      entrance.files.push_back(CAISSON_TRY(sys::open_at(FdView::cwd(), dir.path + "/tasks", O_WRONLY)));
    }
  }
  return entrance;
}

Error V1Manager::explain(Error error, const plan::CgroupWrite& write, const std::string& dir) const {
  if (error.sys_errno() != EBUSY || write.file != "memory.limit_in_bytes") return error;
  const auto usage = read_value(dir, "memory.usage_in_bytes");
  const auto peak = read_value(dir, "memory.max_usage_in_bytes");
  if (!usage || !peak) return error;
  return Error(
      ErrorKind::system,
      fmt::format("unable to set memory limit to {} (current usage: {}, peak usage: {})", write.value, *usage, *peak),
      EBUSY);
}

Status V1Manager::apply(const plan::CgroupPlan& plan) {
  if (plan.memory_check) CAISSON_TRY(check_usage(*plan.memory_check));
  CAISSON_TRY(write_all(plan.writes));
  return write_devices(plan.devices, unified() && std::ranges::find(found_, *unified()) != found_.end());
}

Status V1Manager::check_usage(const plan::MemoryCheck& check) const {
  const std::string* dir = dir_of("memory");
  return dir ? check_memory(check, *dir, "memory.usage_in_bytes", "memory.memsw.usage_in_bytes") : Status();
}

Status V1Manager::write_devices(const plan::DevicePlan& devices, bool found) {
  const std::string* dir = dir_of("devices");
  if (!dir) {
    if (!unified()) return {};
    return install_device_filter(*unified(), devices, found);
  }
  std::vector<plan::CgroupWrite> writes;
  for (const auto& line : CAISSON_TRY(plan::device_lines(devices)))
    writes.push_back({.controller = "devices",
                      .file = line.allow ? "devices.allow" : "devices.deny",
                      .value = line.text,
                      .origin = line.origin.empty() ? "/linux/resources/devices" : line.origin,
                      .other_file = {},
                      .other_value = {}});
  auto written = write_all(writes);
  if (!written && devices.may_fail && is_denied(written.error())) return {};
  return written;
}

Status V1Manager::set_freezer_state(const std::string& dir, bool on) {
  if (!on) return write_value(dir, "freezer.state", "THAWED");
  const auto end = deadline();
  // Reading the state is what completes it, and nothing tells when: processes on their way into the kernel need a
  // moment. Writing anew catches those that were forked meanwhile.
  for (int round = 0;; ++round) {
    if (round % 64 == 0) CAISSON_TRY(write_value(dir, "freezer.state", "FROZEN"));
    if (CAISSON_TRY(read_value(dir, "freezer.state")) == "FROZEN") return {};
    if (milliseconds_until(end) == 0) break;
    pause_a_moment(round);
  }
  return fail(ErrorKind::system, "cgroup '{}' does not freeze", dir);
}

Result<OomNotice> V1Manager::watch_oom() {
  const std::string* dir = dir_of("memory");
  if (!dir) return OomNotice();
  // Kernel Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control".
  FileDescriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return fail_errno("eventfd()");
  const FileDescriptor control = CAISSON_TRY(sys::open_at(FdView::cwd(), *dir + "/memory.oom_control", O_RDONLY));
  CAISSON_TRY(write_value(*dir, "cgroup.event_control", fmt::format("{} {}", event.get(), control.get())));
  return OomNotice{std::move(event), true};
}

Status V1Manager::freeze(bool on) {
  const std::string* freezer = dir_of("freezer");
  if (!freezer && unified()) return freeze_v2(*unified(), on);
  if (!freezer) return fail(ErrorKind::system, "the freezer controller is not mounted");
  auto done = set_freezer_state(*freezer, on);
  if (!done && on) (void)write_value(*freezer, "freezer.state", "THAWED");
  return done;
}

Result<bool> V1Manager::frozen() {
  const std::string* freezer = dir_of("freezer");
  if (freezer) return frozen_v1(*freezer);
  return unified() ? frozen_v2(*unified()) : Result<bool>(false);
}

Status V1Manager::kill(int signal) {
  auto list = [this] { return pids(); };
  const bool was_frozen = CAISSON_TRY(frozen());
  if (signal == SIGKILL && unified() && CAISSON_TRY(kill_v2(*unified()))) {
    // Processes that the v1 freezer holds do not even die.
    return was_frozen ? freeze(false) : Status();
  }
  const bool can_freeze = dir_of("freezer") || unified();
  if (!was_frozen && can_freeze && CAISSON_TRY(pids()).empty()) return {};
  if (!was_frozen && can_freeze) CAISSON_TRY(freeze(true));
  auto signalled = signal_all(list, signal, can_freeze);
  if (can_freeze && (!was_frozen || signal == SIGKILL)) CAISSON_TRY(freeze(false));
  return signalled;
}

Result<std::vector<pid_t>> V1Manager::pids() {
  const std::string* dir = dir_of("freezer");
  if (!dir) dir = unified();
  if (!dir && !dirs_.empty()) dir = &dirs_.front().path;
  return dir ? pids_below(*dir) : std::vector<pid_t>();
}

Status V1Manager::wait_until_empty() {
  const auto end = deadline();
  if (unified()) {
    auto empty = wait_for_event(*unified(), "populated", false, end);
    if (!empty && !is_gone(empty.error())) return std::unexpected(std::move(empty.error()));
    if (empty && !*empty) return fail(ErrorKind::system, "the processes of cgroup '{}' do not end", *unified());
  }
  // A process that some hierarchies have and the unified one does not: attach() ended half-way.
  auto list = [this] { return pids(); };
  CAISSON_TRY(signal_all(list, SIGKILL, false));
  return wait_for_ends(list, end);
}

}  // namespace

std::unique_ptr<CgroupManager> make_v1(const plan::CgroupPlan& plan) { return std::make_unique<V1Manager>(plan); }

std::unique_ptr<CgroupManager> open_v1(std::vector<plan::CgroupDir> dirs, std::vector<std::string> parents) {
  return std::make_unique<V1Manager>(std::move(dirs), std::move(parents));
}

}  // namespace caisson::cgroup
