// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "cgroup/common.hpp"
#include "cgroup/device_filter.hpp"
#include "sys/file.hpp"

namespace caisson::cgroup {

namespace {

// Controllers that work in a threaded cgroup: kernel Documentation/admin-guide/cgroup-v2.rst, "Threads".
constexpr std::array<std::string_view, 4> kThreaded = {"cpu", "cpuset", "perf_event", "pids"};

/// A controller that a value of the config needs.
struct Need {
  std::string controller;
  std::string origin;
};

bool contains(const std::vector<std::string_view>& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

std::vector<Need> needs_of(const std::vector<plan::CgroupWrite>& writes) {
  std::vector<Need> needs;
  for (const auto& write : writes)
    if (write.controller != "unified" && write.refusal != plan::Refusal::missing_is_met)
      needs.push_back({write.controller, write.origin});
  return needs;
}

class V2Manager final : public CommonManager {
 public:
  explicit V2Manager(const plan::CgroupPlan& plan) : CommonManager(plan), needs_(needs_of(plan.writes)) {}
  V2Manager(std::vector<plan::CgroupDir> dirs, std::vector<std::string> parents)
      : CommonManager(std::move(dirs), std::move(parents)) {}

  Status take_over();
  Result<FileDescriptor> create() override;
  Result<FileDescriptor> create_clone_cgroup() override;
  Status attach(pid_t pid) override;
  Result<Entrance> entrance(bool late) override {
    if (dirs_.empty()) return Entrance();
    if (late) {
      Entrance entrance;
      entrance.files.push_back(CAISSON_TRY(sys::open_at(FdView::cwd(), path() + "/cgroup.procs", O_WRONLY)));
      return entrance;
    }
    return Entrance{CAISSON_TRY(sys::open_at(FdView::cwd(), path(), O_RDONLY | O_DIRECTORY)), {}};
  }
  Status apply(const plan::CgroupPlan& plan) override;
  Status freeze(bool on) override { return dirs_.empty() ? missing() : freeze_v2(path(), on); }
  Result<bool> frozen() override { return dirs_.empty() ? Result<bool>(false) : frozen_v2(path()); }
  Status kill(int signal) override;
  Result<std::vector<pid_t>> pids() override { return dirs_.empty() ? std::vector<pid_t>() : pids_below(path()); }
  Result<Stats> stats() override { return dirs_.empty() ? Stats() : stats_v2(path()); }
  Result<Counters> counters() override { return dirs_.empty() ? Counters() : counters_v2(path()); }
  Result<std::uint64_t> oom_kills() override { return dirs_.empty() ? 0 : cgroup::oom_kills(path(), true); }
  Result<std::optional<OomReport>> oom_report(bool anyway) override {
    return dirs_.empty() ? std::optional<OomReport>() : cgroup::oom_report(path(), true, anyway);
  }
  Result<OomNotice> watch_oom() override {
    if (dirs_.empty()) return OomNotice();
    return OomNotice{CAISSON_TRY(sys::open_if_exists(FdView::cwd(), path() + "/memory.events", O_RDONLY)), false};
  }

 private:
  const std::string* dir_for(const plan::CgroupWrite&) const override { return dirs_.empty() ? nullptr : &path(); }
  Error explain(Error error, const plan::CgroupWrite& write, const std::string& dir) const override;
  Status check_usage(const plan::MemoryCheck& check) const override {
    return check_memory(check, path(), "memory.current", "");
  }
  Status change_devices(const plan::DevicePlan& devices) override {
    return install_device_filter(path(), devices, true);
  }
  Result<FileDescriptor> create_one();
  Status enable_controllers();
  /// Hands the controllers on from one level to those below it; an error when one that is needed cannot be.
  Status enable_at(const std::string& level);
  /// Among threaded cgroups the new one is unusable until it becomes one too.
  Status settle_type();
  Status delegate(std::uint32_t owner);
  Status wait_until_empty() override;
  Status missing() const { return fail(ErrorKind::system, "the container has no cgroup"); }
  const std::string& path() const { return dirs_.front().path; }

  std::vector<Need> needs_;
  bool birthplace_made_ = false;
};

Status V2Manager::take_over() {
  CAISSON_TRY(enable_controllers());
  if (CAISSON_TRY(frozen())) return fail(ErrorKind::system, "container's cgroup unexpectedly frozen");
  return {};
}

Result<FileDescriptor> V2Manager::create_clone_cgroup() {
  auto created = create();
  birthplace_made_ = created.has_value();
  return created;
}

Result<FileDescriptor> V2Manager::create() {
  if (dirs_.empty() || birthplace_made_) return FileDescriptor();
  auto created = create_one();
  if (!created) abandon();
  return created;
}

Result<FileDescriptor> V2Manager::create_one() {
  if (CAISSON_TRY(make_one(dirs_.front())) == Made::denied) {
    dirs_.clear();
    return FileDescriptor();
  }
  CAISSON_TRY(enable_controllers());
  // A new cgroup in a frozen one is frozen too, and the container's process would never reach its first instruction.
  if (CAISSON_TRY(frozen())) return fail(ErrorKind::system, "container's cgroup unexpectedly frozen");
  return sys::open_at(FdView::cwd(), path(), O_RDONLY | O_DIRECTORY);
}

Status V2Manager::enable_at(const std::string& level) {
  auto enable = [&](const std::vector<std::string>& controllers) -> Status {
    std::string text;
    for (const auto& controller : controllers) (text += text.empty() ? "+" : " +") += controller;
    return text.empty() ? Status() : write_value(level, "cgroup.subtree_control", text);
  };
  auto all = enable(dirs_.front().controllers);
  if (all) return {};
  std::vector<std::string> needed;
  for (const auto& need : needs_)
    if (std::ranges::find(needed, need.controller) == needed.end()) needed.push_back(need.controller);
  // Processes are in it (EBUSY), and any controller it may still have would make its children threaded: no more of
  // these than the config asks for.
  if (all.error().sys_errno() == EBUSY) return enable(needed);
  // One that cannot be had keeps the kernel from enabling any.
  Status result;
  for (const auto& controller : dirs_.front().controllers) {
    auto one = enable({controller});
    if (!one && std::ranges::find(needed, controller) != needed.end()) result = std::move(one);
  }
  return result;
}

Status V2Manager::enable_controllers() {
  const auto& dir = dirs_.front();
  std::string text = CAISSON_TRY(read_value(dir.path, "cgroup.controllers"));
  auto present = text::split(text, ' ');
  auto is_present = [&](const std::string& controller) { return contains(present, controller); };
  if (std::ranges::all_of(dir.controllers, is_present)) return {};
  std::string why;
  for (auto slash = dir.mountpoint.size(); slash != dir.path.npos; slash = dir.path.find('/', slash + 1)) {
    auto enabled = enable_at(dir.path.substr(0, slash));
    if (!enabled && why.empty()) why = ": " + enabled.error().message();
  }
  text = CAISSON_TRY(read_value(dir.path, "cgroup.controllers"));
  present = text::split(text, ' ');
  if (!std::ranges::all_of(dir.controllers, is_present)) CAISSON_TRY(settle_type());
  for (const auto& need : needs_) {
    if (is_present(need.controller)) continue;
    return fail_config(need.origin, "the {} controller is not available in cgroup '{}'{}", need.controller, dir.path,
                       why);
  }
  return {};
}

Status V2Manager::settle_type() {
  if (CAISSON_TRY(read_value(path(), "cgroup.type")) != "domain invalid") return {};
  for (const auto& need : needs_) {
    if (std::ranges::find(kThreaded, need.controller) == kThreaded.end())
      return fail_config(need.origin, "cannot enter cgroupv2 '{}' with domain controllers -- it is in an invalid state",
                         path());
  }
  return write_value(path(), "cgroup.type", "threaded");
}

Status V2Manager::attach(pid_t pid) {
  if (dirs_.empty()) return {};
  return write_value(path(), "cgroup.procs", std::to_string(pid));
}

Error V2Manager::explain(Error error, const plan::CgroupWrite& write, const std::string& dir) const {
  if (error.sys_errno() != ENOENT && error.sys_errno() != EACCES) return error;
  const std::string controller = write.file.substr(0, write.file.find('.'));
  if (controller == "cgroup") return error;
  const auto present = read_value(dir, "cgroup.controllers");
  if (!present || contains(text::split(*present, ' '), controller)) return error;
  if (write.controller == "unified")
    return Error(ErrorKind::config, fmt::format("unified resource '{}' can't be set: controller '{}' not available",
                                                write.file, controller));
  return Error(ErrorKind::config, fmt::format("the {} controller is not available in cgroup '{}'", controller, dir));
}

Status V2Manager::apply(const plan::CgroupPlan& plan) {
  if (dirs_.empty()) return {};
  if (plan.memory_check) CAISSON_TRY(check_usage(*plan.memory_check));
  CAISSON_TRY(write_all(plan.writes));
  CAISSON_TRY(install_device_filter(path(), plan.devices, !found_.empty()));
  if (plan.delegate_to) CAISSON_TRY(delegate(*plan.delegate_to), "delegate cgroup '{}'", path());
  return {};
}

Status V2Manager::delegate(std::uint32_t owner) {
  // The kernel's list of files that are safe to give away (since Linux 4.15).
  const auto names = CAISSON_TRY(read_value("/sys/kernel/cgroup", "delegate"));
  if (::chown(path().c_str(), owner, static_cast<gid_t>(-1)) < 0) return fail_errno("chown('{}')", path());
  for (auto name : text::split(names, '\n')) {
    const std::string file = (path() + '/').append(name);
    // The list names files of controllers, too, that this cgroup lacks.
    if (::chown(file.c_str(), owner, static_cast<gid_t>(-1)) < 0 && errno != ENOENT)
      return fail_errno("chown('{}')", file);
  }
  return {};
}

Status V2Manager::kill(int signal) {
  if (dirs_.empty()) return {};
  if (signal == SIGKILL && CAISSON_TRY(kill_v2(path()))) return {};
  const bool was_frozen = CAISSON_TRY(frozen());
  if (!was_frozen && CAISSON_TRY(pids()).empty()) return {};
  if (!was_frozen) CAISSON_TRY(freeze(true));
  auto signalled = signal_all([this] { return pids(); }, signal, true);
  if (!was_frozen) CAISSON_TRY(freeze(false));
  return signalled;
}

Status V2Manager::wait_until_empty() {
  auto empty = wait_for_event(path(), "populated", false, deadline());
  if (!empty && !is_gone(empty.error())) return std::unexpected(std::move(empty.error()));
  if (empty && !*empty) return fail(ErrorKind::system, "the processes of cgroup '{}' do not end", path());
  return {};
}

}  // namespace

std::unique_ptr<CgroupManager> make_v2(const plan::CgroupPlan& plan) { return std::make_unique<V2Manager>(plan); }

Result<std::unique_ptr<CgroupManager>> adopt_v2(const plan::CgroupPlan& plan) {
  auto manager = std::make_unique<V2Manager>(plan);
  CAISSON_TRY(manager->take_over());
  return manager;
}

std::unique_ptr<CgroupManager> open_v2(std::vector<plan::CgroupDir> dirs, std::vector<std::string> parents) {
  return std::make_unique<V2Manager>(std::move(dirs), std::move(parents));
}

}  // namespace caisson::cgroup
