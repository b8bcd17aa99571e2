// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "cgroup/manager.hpp"

namespace caisson::container {

/// The kernel's notices that a cgroup ran out of memory, from begin() on, and that the cgroup is gone.
class OomWatch {
 public:
  /// `paths` are the container's. Where memory is not counted there is nothing to watch: see counts().
  static Result<OomWatch> begin(const std::map<std::string, std::string>& paths);

  bool counts() const { return static_cast<bool>(notice_.fd); }
  /// Readable (EPOLLIN) when look() may have something to say, and always once the cgroup is gone.
  FdView fd() const { return epoll_; }
  /// What has come since the last look, and no wait for it. Also sees to it that it can come again.
  Result<std::optional<cgroup::OomReport>> look();
  /// Blocks until something has come; nothing when the cgroup is gone or `timeout_ms` (-1 = none) ran out.
  Result<std::optional<cgroup::OomReport>> wait(int timeout_ms);
  /// Whether the cgroup has been removed, as the last look found it. What it had to tell has been told.
  bool gone() const { return static_cast<bool>(gone_); }

 private:
  OomWatch() = default;
  Status watch(FdView fd, unsigned events);
  Status watch_removal();
  Status find_removal();
  Result<bool> rings();

  std::unique_ptr<cgroup::CgroupManager> cgroup_;
  std::string dir_;
  cgroup::OomNotice notice_;
  FileDescriptor removals_;  ///< inotify(7) of the directory above
  FileDescriptor gone_;      ///< readable for ever, once the cgroup is gone
  FileDescriptor epoll_;
  std::uint64_t known_ = 0;  ///< kills that were told, or were there before
};

}  // namespace caisson::container
