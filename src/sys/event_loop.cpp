// SPDX-License-Identifier: Apache-2.0
#include "sys/event_loop.hpp"

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace caisson::sys {

Result<EventLoop> EventLoop::make() {
  FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail_errno("epoll_create1");
  return EventLoop(std::move(epoll));
}

Status EventLoop::watch(FdView fd, unsigned events, Handler handler) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd.get();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0)
    return fail_errno("epoll_ctl(ADD, {})", fd.get());
  handlers_[fd.get()] = std::move(handler);
  return {};
}

Status EventLoop::change(FdView fd, unsigned events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd.get();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd.get(), &event) != 0)
    return fail_errno("epoll_ctl(MOD, {})", fd.get());
  return {};
}

void EventLoop::forget(FdView fd) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd.get(), nullptr);
  handlers_.erase(fd.get());
}

Status EventLoop::run() {
  for (;;) {
    epoll_event event{};
    const int count = ::epoll_wait(epoll_.get(), &event, 1, -1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("epoll_wait");
    const auto found = handlers_.find(event.data.fd);
    if (found == handlers_.end()) continue;
    // A copy: the handler may forget itself, and with it the stored function.
    const Handler handler = found->second;
    if (CAISSON_TRY(handler(event.events)) == Next::leave) return {};
  }
}

Result<SignalSource> SignalSource::block(const std::vector<int>& signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return block(set);
}

Result<SignalSource> SignalSource::block(const sigset_t& signals) {
  SignalSource source;
  if (::sigprocmask(SIG_BLOCK, &signals, &source.before_) != 0) return fail_errno("sigprocmask");
  source.owns_ = true;
  source.fd_ = FileDescriptor(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!source.fd_) return fail_errno("signalfd");
  return source;
}

SignalSource::~SignalSource() {
  if (owns_) ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

int SignalSource::next() const {
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == sizeof info) {
    const auto signal = static_cast<int>(info.ssi_signo);
    // What a write(2) of our own has raised: a signal that is blocked is queued even if it is ignored.
    const bool is_about_us = signal == SIGPIPE || signal == SIGXFSZ;
    if (!is_about_us || info.ssi_pid != static_cast<std::uint32_t>(::getpid())) return signal;
  }
  return 0;
}

}  // namespace caisson::sys
