// SPDX-License-Identifier: Apache-2.0
#include "container/watch/oom_watch.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <chrono>

#include "sys/interrupt.hpp"

namespace caisson::container {

Result<OomWatch> OomWatch::begin(const std::map<std::string, std::string>& paths) {
  OomWatch watch;
  watch.epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!watch.epoll_) return fail_errno("epoll_create1()");
  watch.cgroup_ = CAISSON_TRY(cgroup::open(paths));
  watch.notice_ = CAISSON_TRY(watch.cgroup_->watch_oom());
  if (!watch.counts()) return watch;
  // Of v1 the memory controller's own; v2 has one for all.
  const auto memory = paths.find("memory");
  watch.dir_ = memory != paths.end() ? memory->second : paths.at("");
  CAISSON_TRY(watch.watch(watch.notice_.fd, watch.notice_.counts_itself ? EPOLLIN : EPOLLPRI));
  CAISSON_TRY(watch.watch_removal());
  // What was there before we came is no news; a file of v2 calls its text changed until it is read for the first time.
  (void)CAISSON_TRY(watch.rings());
  if (auto report = CAISSON_TRY(watch.cgroup_->oom_report())) watch.known_ = report->kills;
  return watch;
}

Status OomWatch::watch(FdView fd, unsigned events) {
  epoll_event wanted{};
  wanted.events = events;
  wanted.data.fd = fd.get();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &wanted) != 0) return fail_errno("epoll_ctl({})", fd.get());
  return {};
}

/// By the directory above: a file of a cgroup that is watched itself does not tell its end.
Status OomWatch::watch_removal() {
  removals_ = FileDescriptor(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!removals_) return fail_errno("inotify_init1()");
  const std::string above = dir_.substr(0, dir_.rfind('/'));
  if (::inotify_add_watch(removals_.get(), above.c_str(), IN_DELETE | IN_DELETE_SELF | IN_ONLYDIR) < 0) {
    if (errno != ENOENT) return fail_errno("inotify_add_watch('{}')", above);
  }
  CAISSON_TRY(watch(removals_, EPOLLIN));
  return find_removal();
}

Status OomWatch::find_removal() {
  if (gone_ || ::access(dir_.c_str(), F_OK) == 0 || errno != ENOENT) return {};
  gone_ = FileDescriptor(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!gone_) return fail_errno("eventfd()");
  return watch(gone_, EPOLLIN);
}

/// Whether the kernel's notice itself has come. Reading makes room for the next.
Result<bool> OomWatch::rings() {
  if (notice_.counts_itself) {
    std::uint64_t times = 0;
    return ::read(notice_.fd.get(), &times, sizeof times) == sizeof times;
  }
  // The text that changed is read through the descriptor that is watched, or the change would be told again.
  char text[512];
  return ::pread(notice_.fd.get(), text, sizeof text, 0) >= 0;
}

Result<std::optional<cgroup::OomReport>> OomWatch::look() {
  using News = std::optional<cgroup::OomReport>;
  if (!counts() || gone_) return News();
  char removals[4096];
  while (::read(removals_.get(), removals, sizeof removals) > 0) {
  }
  const bool rang = CAISSON_TRY(rings());
  // An eventfd tells before the kill; but the end of the cgroup rings it too.
  const bool anyway = rang && notice_.counts_itself;
  auto report = rang ? cgroup_->oom_report(anyway) : News();
  CAISSON_TRY(find_removal());
  if (!report || !*report) return News();
  const bool news = (*report)->kills > known_ || (anyway && !(*report)->cgroup.empty());
  if (!news) return News();
  known_ = (*report)->kills;
  return *report;
}

Result<std::optional<cgroup::OomReport>> OomWatch::wait(int timeout_ms) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    if (auto news = CAISSON_TRY(look()); news || gone_) return news;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (timeout_ms >= 0 && left <= 0) return std::optional<cgroup::OomReport>();
    pollfd ready{epoll_.get(), POLLIN, 0};
    if (::poll(&ready, 1, timeout_ms < 0 ? -1 : static_cast<int>(left)) >= 0) continue;
    if (errno != EINTR) return fail_errno("poll(notices of '{}')", dir_);
    CAISSON_TRY(sys::go_on_unless_interrupted());
  }
}

}  // namespace caisson::container
