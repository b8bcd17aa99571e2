// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/signalfd.h>

#include <functional>
#include <map>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::sys {

/// Waits on descriptors and calls their handlers, one event at a time. epoll(7).
class EventLoop {
 public:
  /// What a handler says: go on waiting, or leave run().
  enum class Next { go_on, leave };
  using Handler = std::function<Result<Next>(unsigned events)>;

  static Result<EventLoop> make();

  /// Watches `fd` for `events` (EPOLLIN, EPOLLOUT; errors and hang-ups come always). The handler may remove itself.
  Status watch(FdView fd, unsigned events, Handler handler);
  /// Changes what a watched descriptor waits for; 0 = errors and hang-ups only.
  Status change(FdView fd, unsigned events);
  void forget(FdView fd);
  /// Until a handler says leave or fails.
  Status run();

 private:
  explicit EventLoop(FileDescriptor epoll) : epoll_(std::move(epoll)) {}
  FileDescriptor epoll_;
  std::map<int, Handler> handlers_;
};

/// Blocks the given signals in this thread and delivers them by a descriptor (signalfd(2)).
class SignalSource {
 public:
  static Result<SignalSource> block(const std::vector<int>& signals);
  static Result<SignalSource> block(const sigset_t& signals);
  /// Gives the thread the mask back that it had before.
  ~SignalSource();
  SignalSource(SignalSource&& other) noexcept : fd_(std::move(other.fd_)), before_(other.before_), owns_(other.owns_) {
    other.owns_ = false;
  }
  SignalSource& operator=(SignalSource&&) = delete;

  /// The mask stays as it is.
  void leave_blocked() { owns_ = false; }

  FdView fd() const { return fd_; }
  /// The mask before block(): what a child must be given back.
  const sigset_t& mask_before() const { return before_; }
  /// Next pending signal, 0 = none.
  int next() const;

 private:
  SignalSource() = default;
  FileDescriptor fd_;
  sigset_t before_{};
  bool owns_ = false;
};

}  // namespace caisson::sys
