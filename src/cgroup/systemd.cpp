// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "cgroup/common.hpp"
#include "cgroup/dbus.hpp"
#include "cgroup/find.hpp"
#include "plan/update_plan.hpp"
#include "sys/file.hpp"

namespace caisson::cgroup {

namespace {

/// How long systemd gets for a unit's start or stop.
constexpr std::chrono::seconds kJobTime{30};

plan::BusValue text(std::string value) { return {"s", std::move(value)}; }

/// a(sv): what StartTransientUnit and SetUnitProperties take.
plan::BusValue property_list(const std::vector<plan::UnitProperty>& properties) {
  std::vector<plan::BusValue> list;
  for (const auto& property : properties)
    list.push_back({"(sv)", std::vector{text(property.name), {"v", std::vector{property.value}}}});
  return {"a(sv)", std::move(list)};
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// A cgroup that systemd makes and removes, and that is used like any other in between.
class SystemdManager final : public CgroupManager {
 public:
  explicit SystemdManager(const plan::CgroupPlan& plan)
      : unit_{plan.unit->name, plan.unit->user, plan.unit->owner}, plan_(plan), path_(plan.dirs.front().path) {}
  SystemdManager(Unit unit, std::unique_ptr<CgroupManager> files, std::string path)
      : unit_(std::move(unit)), files_(std::move(files)), path_(std::move(path)), stands_(true) {}

  Result<FileDescriptor> create() override;
  // A scope is made around a process that is there.
  Result<FileDescriptor> create_clone_cgroup() override { return FileDescriptor(); }
  Status attach(pid_t pid) override;
  Result<Entrance> entrance(bool late) override {
    if (files_) return files_->entrance(late);
    return fail(ErrorKind::system, "systemd itself moves the first process into its unit");
  }
  Status apply(const plan::CgroupPlan& plan) override { return files().apply(plan); }
  std::vector<KeptValue> keep(const plan::CgroupChange& change) override { return files().keep(change); }
  Status change(const plan::CgroupChange& change, const Kept& before) override;
  Status undo_change(const plan::CgroupChange& change, const Kept& before) override {
    return files().undo_change(change, before);
  }
  Status freeze(bool on) override { return files().freeze(on); }
  Result<bool> frozen() override { return files().frozen(); }
  Status kill(int signal) override { return files().kill(signal); }
  Result<std::vector<pid_t>> pids() override { return files().pids(); }
  Result<Stats> stats() override { return files().stats(); }
  Result<Counters> counters() override { return files().counters(); }
  Result<std::uint64_t> oom_kills() override { return files().oom_kills(); }
  Result<std::optional<OomReport>> oom_report(bool anyway) override;
  Result<OomNotice> watch_oom() override { return files().watch_oom(); }
  Status destroy(Processes processes) override;
  std::map<std::string, std::string> paths() const override { return {{"", path_}}; }
  std::vector<std::string> made_parents() const override { return {}; }

 private:
  CgroupManager& files() {
    if (!files_) files_ = open_v2({{.path = path_, .v2 = true}}, {});
    return *files_;
  }
  Result<SystemdBus> connect();
  Status start(pid_t pid);
  Status run_job(SystemdBus& bus, const char* method, const std::vector<plan::BusValue>& arguments, BusReply& refusal);
  Status check_place(pid_t pid);
  static std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
  bool has_subgroup() const { return plan_ && !plan_->unit->subgroup.empty(); }
  /// The unit's own cgroup, in or below which the container's is.
  std::string unit_path() const { return has_subgroup() ? parent_of(path_) : path_; }
  std::string slice() const { return parent_of(unit_path()); }
  Status enter_own(pid_t pid);
  Status tell(const plan::CgroupChange& change);
  void put_right(const plan::CgroupChange& change);
  Status stop();
  Error explain(const BusReply& refusal) const;

  Unit unit_;
  std::optional<plan::CgroupPlan> plan_;
  std::unique_ptr<CgroupManager> files_;
  std::string path_;
  std::uint64_t kills_above_ = 0;  ///< of the OOM killer, in the slice before the container was there
  bool stands_ = false;            ///< systemd may have made the unit: it is ours to end
};

Result<SystemdBus> SystemdManager::connect() {
  const Deadline end = std::chrono::steady_clock::now() + kJobTime;
  SystemdBus bus = CAISSON_TRY(SystemdBus::connect(unit_.user, unit_.owner, end), "unit '{}'", unit_.name);
  CAISSON_TRY(bus.watch(unit_.name), "unit '{}'", unit_.name);
  return bus;
}

Error SystemdManager::explain(const BusReply& refusal) const {
  Error error(ErrorKind::system, fmt::format("unit '{}': systemd refuses it: {}", unit_.name, refusal.text));
  if (!plan_ || !plan_->unit) return error;
  if (refusal.text.find(unit_.name) != refusal.text.npos) return std::move(error).at(plan_->path_origin);
  // systemd may name the property, and so the config's value that it came from can be; if not, it may only be one of
  // those that it was given unseen.
  std::string origin;
  for (const auto& property : plan_->unit->properties) {
    if (property.origin.empty()) continue;
    if (refusal.text.find(property.name) != refusal.text.npos) return std::move(error).at(property.origin);
    if (!property.in_files) origin = origin.empty() ? property.origin : "/annotations";
  }
  return std::move(error).at(origin);
}

/// `refusal` is filled, and nothing was done, when systemd does not take the call.
Status SystemdManager::run_job(SystemdBus& bus, const char* method, const std::vector<plan::BusValue>& arguments,
                               BusReply& refusal) {
  refusal = {};
  const BusReply reply = CAISSON_TRY(bus.call(method, arguments), "unit '{}'", unit_.name);
  if (!reply.error.empty()) {
    refusal = reply;
    return {};
  }
  const std::string result = CAISSON_TRY(bus.wait_for_job(reply.job), "unit '{}': {}", unit_.name, method);
  if (result != "done")
    return fail(ErrorKind::system, "unit '{}': systemd's job for {} has ended with '{}'", unit_.name, method, result);
  return {};
}

Result<FileDescriptor> SystemdManager::create() {
  const auto found = CAISSON_TRY(pids_below(unit_path()));
  if (!found.empty())
    return fail(ErrorKind::system, "container's cgroup is not empty: {} process(es) found in '{}'", found.size(),
                path_);
  return FileDescriptor();
}

Status SystemdManager::start(pid_t pid) {
  auto properties = plan_->unit->properties;
  if (!plan_->unit->slice)
    properties.push_back({"PIDs", {"au", std::vector<plan::BusValue>{{"u", static_cast<std::uint64_t>(pid)}}}, {}});
  SystemdBus bus = CAISSON_TRY(connect());
  BusReply refusal;
  for (bool reset = false;;) {
    stands_ = true;
    CAISSON_TRY(run_job(
        bus, "StartTransientUnit",
        {text(unit_.name), text("replace"), property_list(properties), {"a(sa(sv))", std::vector<plan::BusValue>()}},
        refusal));
    if (refusal.error.empty()) return {};
    stands_ = false;
    // What is left of a unit that failed keeps its name taken.
    if (refusal.error == "org.freedesktop.systemd1.UnitExists" && !std::exchange(reset, true)) {
      const auto answer = CAISSON_TRY(bus.call("ResetFailedUnit", {text(unit_.name)}), "unit '{}'", unit_.name);
      if (answer.error.empty()) continue;
    }
    // An older systemd lacks some: their values are in the cgroup's files all the same.
    const std::string lacking = refused_property(refusal.text);
    const auto dropped =
        std::erase_if(properties, [&](const plan::UnitProperty& one) { return one.in_files && one.name == lacking; });
    if (dropped == 0) return std::unexpected(explain(refusal));
    log::debug("unit '{}': systemd has no property {}", unit_.name, lacking);
  }
}

Status SystemdManager::check_place(pid_t pid) {
  const std::string place = unified_cgroup_of(std::to_string(pid));
  const std::string wanted = plan_->unit->cgroup + (has_subgroup() ? '/' + plan_->unit->subgroup : std::string());
  if (place == wanted) return {};
  if (place.empty()) return fail(ErrorKind::destroyed, "container init ended unexpectedly");
  return fail(ErrorKind::system, "unit '{}': systemd has put the process into cgroup '{}', not into '{}'", unit_.name,
              place, wanted);
}

/// A scope goes with its last process, and takes its counters with it.
Result<std::optional<OomReport>> SystemdManager::oom_report(bool anyway) {
  auto report = CAISSON_TRY(files().oom_report(anyway));
  if (report || !plan_ || exists(path_)) return report;
  const std::uint64_t kills = CAISSON_TRY(cgroup::oom_kills(slice(), true));
  if (kills <= kills_above_) return report;
  report = OomReport{.kills = kills - kills_above_, .cgroup = path_, .limit = 0, .peak = 0, .removed = true};
  for (const auto& write : plan_->writes)
    if (write.file == "memory.max") report->limit = text::parse_uint(write.value).value_or(0);
  return report;
}

/// Moves the process to where systemd does not put it: into a slice, or below the unit's own cgroup.
Status SystemdManager::enter_own(pid_t pid) {
  if (has_subgroup() && ::mkdir(path_.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno("mkdir('{}')", path_);
  if (!has_subgroup() && !plan_->unit->slice) return {};
  return write_value(path_, "cgroup.procs", std::to_string(pid));
}

Status SystemdManager::attach(pid_t pid) {
  kills_above_ = cgroup::oom_kills(slice(), true).value_or(0);
  CAISSON_TRY(start(pid));
  CAISSON_TRY(enter_own(pid));
  CAISSON_TRY(check_place(pid));
  files_ = CAISSON_TRY(adopt_v2(*plan_));
  return {};
}

/// systemd is told, too, or it would bring the former values back with its next daemon-reload. The files are first:
/// there a refusal leaves all as it was, and what the kernel has taken systemd may only fail to remember.
Status SystemdManager::change(const plan::CgroupChange& change, const Kept& before) {
  CAISSON_TRY(files().change(change, before));
  auto told = tell(change);
  if (told) {
    put_right(change);
    return {};
  }
  auto undone = files().undo_change(change, {before.values, true});
  if (undone) return told;
  return std::unexpected(std::move(told.error()).with(undone.error().message()));
}

/// With whatever it is told, systemd writes all of its own values anew. Some are coarser: a share of the processor is
/// in hundredths, a weight of BFQ is made of one of another scale, and the weights of single disks go with it.
void SystemdManager::put_right(const plan::CgroupChange& change) {
  plan::CgroupChange exact;
  for (const auto& write : change.standing)
    if (write.file == "io.bfq.weight" || !plan::unit_properties({write}).empty()) exact.writes.push_back(write);
  if (auto put = files().change(exact, {}); !put)
    log::warn("unit '{}': systemd's value stands: {}", unit_.name, put.error().message());
}

/// What systemd remembers of the limits. It need not have a property for each.
Status SystemdManager::tell(const plan::CgroupChange& change) {
  auto properties = plan::unit_properties(change.writes);
  if (change.devices && !unit_.user) {
    // A list is added to what is there, unless an empty one comes first.
    properties.push_back({"DeviceAllow", {"a(ss)", std::vector<plan::BusValue>()}, {}, true});
    for (auto& property : plan::device_properties(*change.devices)) properties.push_back(std::move(property));
  }
  while (!properties.empty()) {
    SystemdBus bus = CAISSON_TRY(connect());
    const BusReply reply =
        CAISSON_TRY(bus.call("SetUnitProperties", {text(unit_.name), {"b", true}, property_list(properties)}),
                    "unit '{}'", unit_.name);
    if (reply.error.empty()) {
      // It writes to the cgroup when it has answered, but before it takes the next call, whatever that is.
      if (auto next = bus.call("GetUnit", {text(unit_.name)}); !next)
        log::warn("unit '{}': {}", unit_.name, next.error().message());
      return {};
    }
    const std::string lacking = refused_property(reply.text);
    if (std::erase_if(properties, [&](const auto& one) { return one.name == lacking; }) != 0) continue;
    log::warn("unit '{}': the limits hold until systemd's next daemon-reload only: {}", unit_.name, reply.text);
    return {};
  }
  return {};
}

Status SystemdManager::stop() {
  SystemdBus bus = CAISSON_TRY(connect());
  BusReply refusal;
  CAISSON_TRY(run_job(bus, "StopUnit", {text(unit_.name), text("replace")}, refusal));
  // A scope whose processes have ended goes by itself.
  if (refusal.error.empty() || refusal.error == "org.freedesktop.systemd1.NoSuchUnit") return {};
  return std::unexpected(explain(refusal));
}

Status SystemdManager::destroy(Processes processes) {
  if (processes == Processes::spare && exists(path_)) {
    const auto empty = wait_for_event(path_, "populated", false, std::chrono::steady_clock::now() + kEndingTime);
    if (empty && !*empty) return files().destroy(processes);
  }
  if (!std::exchange(stands_, false)) return {};
  if (exists(path_)) {
    CAISSON_TRY(files().kill(SIGKILL));
    auto empty = wait_for_event(path_, "populated", false, deadline());
    if (!empty && !is_gone(empty.error())) return std::unexpected(std::move(empty.error()));
    if (empty && !*empty) return fail(ErrorKind::system, "the processes of cgroup '{}' do not end", path_);
  }
  CAISSON_TRY(stop());
  return files().destroy(processes);
}

}  // namespace

std::string refused_property(std::string_view text) {
  // "Cannot set property AllowedCPUs, or unknown property."
  constexpr std::string_view kBefore = "Cannot set property ";
  constexpr std::string_view kAfter = ", or unknown property";
  const auto at = text.find(kBefore);
  const auto end = text.find(kAfter);
  if (at == text.npos || end == text.npos || end < at + kBefore.size()) return {};
  return std::string(text.substr(at + kBefore.size(), end - at - kBefore.size()));
}

Result<std::unique_ptr<CgroupManager>> make_systemd(const plan::CgroupPlan& plan) {
  return std::make_unique<SystemdManager>(plan);
}

std::unique_ptr<CgroupManager> open_systemd(Unit unit, std::unique_ptr<CgroupManager> files, std::string path) {
  return std::make_unique<SystemdManager>(std::move(unit), std::move(files), std::move(path));
}

}  // namespace caisson::cgroup
