// SPDX-License-Identifier: Apache-2.0
#include "container/commands.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "cgroup/manager.hpp"
#include "cgroup/resctrl_groups.hpp"
#include "container/record/container_dir.hpp"
#include "container/record/undo.hpp"
#include "container/record/update.hpp"
#include "container/watch/events_json.hpp"
#include "container/watch/oom_watch.hpp"
#include "container/watch/status.hpp"
#include "sys/event_loop.hpp"

namespace caisson::container {

namespace {

using Next = sys::EventLoop::Next;

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

/// A container that runs, as those who watch it need it.
struct Watched {
  std::string id;
  sys::ProcessHandle init;
  std::vector<std::string> veths;
  std::map<std::string, std::string> cgroup_paths;
  std::string resctrl, monitor;  ///< its groups
  std::unique_ptr<cgroup::CgroupManager> cgroup;
};

Result<Watched> open_running(const Globals& globals, const std::string& id) {
  const Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  const State state = CAISSON_TRY(load_settled_state(entry, LockHeld::unknown));
  auto init = open_init(state);
  const bool ended = !init && init.error().kind() == ErrorKind::destroyed;
  if (ended || state.intent) return fail(ErrorKind::destroyed, "container with id {} is not running", id);
  if (state.cgroup_paths.empty())
    return fail(ErrorKind::system, "the container has no cgroup: nothing counts what it uses");
  return Watched{id,
                 CAISSON_TRY(std::move(init)),
                 state.veths,
                 state.cgroup_paths,
                 state.resctrl_path,
                 monitor_group(state),
                 CAISSON_TRY(cgroup::open(state.cgroup_paths))};
}

Status print_once(const Watched& watched, const PrintLine& print) {
  auto counters = CAISSON_TRY(watched.cgroup->counters(), "statistics of {}", watched.id);
  if (!watched.resctrl.empty())
    if (const auto facts = CAISSON_TRY(cgroup::find_resctrl()))
      counters.resctrl = CAISSON_TRY(cgroup::resctrl_counters(facts->mountpoint, watched.resctrl, watched.monitor));
  return print(stats_line(watched.id, counters));
}

Result<FileDescriptor> make_timer(std::int64_t interval_ns) {
  FileDescriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer) return fail_errno("timerfd_create()");
  const timespec step{interval_ns / kNanosecondsPerSecond, interval_ns % kNanosecondsPerSecond};
  const itimerspec setting{step, step};
  if (::timerfd_settime(timer.get(), 0, &setting, nullptr) != 0) return fail_errno("timerfd_settime()");
  return timer;
}

std::optional<double> share(const std::optional<cgroup::Pressure>& pressure) {
  return pressure ? std::optional(pressure->some.avg10) : std::nullopt;
}

std::int64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kNanosecondsPerSecond + time.tv_nsec;
}

Result<Usage> usage_of(const Store& store, const std::string& id) {
  const Entry entry = CAISSON_TRY(store.open(id));
  const State state = CAISSON_TRY(load_settled_state(entry, LockHeld::unknown));
  const Look look = CAISSON_TRY(look_at(entry, state, LockHeld::unknown));
  Usage usage;
  usage.id = id;
  usage.status = to_string(look.status);
  const auto stats = CAISSON_TRY(CAISSON_TRY(cgroup::open(state.cgroup_paths))->stats());
  usage.taken = now();
  usage.cpu_nanoseconds = stats.cpu_nanoseconds;
  usage.memory_bytes = stats.memory_bytes;
  usage.memory_limit_bytes = stats.memory_limit_bytes;
  usage.processes = stats.processes;
  usage.process_limit = stats.process_limit;
  usage.read_bytes = stats.read_bytes;
  usage.written_bytes = stats.written_bytes;
  usage.cpu_pressure = share(stats.cpu_pressure);
  usage.memory_pressure = share(stats.memory_pressure);
  usage.io_pressure = share(stats.io_pressure);
  usage.oom_kills = stats.oom_kills;
  return usage;
}

}  // namespace

Status print_stats(const Globals& globals, const std::string& id, const PrintLine& print) {
  return print_once(CAISSON_TRY(open_running(globals, id)), print);
}

Result<Account> account(const Globals& globals, const std::string& id) {
  const Watched watched = CAISSON_TRY(open_running(globals, id));
  Account account{.counters = CAISSON_TRY(watched.cgroup->counters()), .veth = {}};
  if (!watched.veths.empty()) account.veth = CAISSON_TRY(network::link_counters(watched.veths.front()));
  return account;
}

Result<OomWatch> watch_oom(const Globals& globals, const std::string& id) {
  OomWatch watch = CAISSON_TRY(OomWatch::begin(CAISSON_TRY(open_running(globals, id)).cgroup_paths));
  if (!watch.counts()) return fail(ErrorKind::system, "the container's memory is not counted");
  return watch;
}

Status follow_events(const Globals& globals, const std::string& id, std::int64_t interval_ns, const PrintLine& print) {
  const Watched watched = CAISSON_TRY(open_running(globals, id));
  const FileDescriptor timer = CAISSON_TRY(make_timer(interval_ns));
  OomWatch oom = CAISSON_TRY(OomWatch::begin(watched.cgroup_paths));
  const auto tell = [&]() -> Status {
    const auto report = CAISSON_TRY(oom.look());
    return report ? print(oom_line(watched.id, *report)) : Status();
  };
  sys::EventLoop loop = CAISSON_TRY(sys::EventLoop::make());
  CAISSON_TRY(loop.watch(oom.fd(), EPOLLIN, [&](unsigned) -> Result<Next> {
    CAISSON_TRY(tell());
    if (oom.gone()) loop.forget(oom.fd());
    return Next::go_on;
  }));
  CAISSON_TRY(loop.watch(timer, EPOLLIN, [&](unsigned) -> Result<Next> {
    std::uint64_t times = 0;
    if (::read(timer.get(), &times, sizeof times) != sizeof times) return Next::go_on;
    CAISSON_TRY(print_once(watched, print));
    return Next::go_on;
  }));
  CAISSON_TRY(loop.watch(watched.init.pidfd(), EPOLLIN, [&](unsigned) -> Result<Next> {
    // What ended it may have been told at the same moment.
    CAISSON_TRY(tell());
    return Next::leave;
  }));
  return loop.run();
}

Result<std::vector<Usage>> usage(const Globals& globals, const std::vector<std::string>& ids,
                                 std::vector<std::string>& warnings) {
  const Store store(globals.root);
  std::vector<Usage> found;
  if (!ids.empty()) {
    for (const auto& id : ids) found.push_back(CAISSON_TRY(usage_of(store, id), "{}", id));
    return found;
  }
  for (const auto& id : CAISSON_TRY(store.ids(globals.root_is_default))) {
    auto one = usage_of(store, id);
    if (!one) {
      if (one.error().kind() != ErrorKind::destroyed)  // else it is just being made or removed
        warnings.push_back(fmt::format("load container {}: {}", id, one.error().message()));
    } else if (one->status != "stopped" && one->status != "creating") {
      found.push_back(std::move(*one));
    }
  }
  return found;
}

}  // namespace caisson::container
