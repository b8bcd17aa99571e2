// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "sys/process.hpp"
#include "wire/channel.hpp"

namespace caisson::container {

struct SpawnOptions {
  std::uint64_t namespaces = 0;  ///< CLONE_NEW* for the clone itself
  int cgroup = -1;               ///< cgroup2 directory to be born in; -1 = inherit
  bool privileged = true;        ///< CAP_SYS_ADMIN: our binary need not be copied
  bool wait_for_maps = false;    ///< a user namespace is made by the clone: Mapped comes before our binary runs again
  int config = -1;               ///< descriptor that init gets beside the channel: its config
  const sigset_t* signal_mask = nullptr;   ///< what the child gets back; nullptr = ours
  std::array<int, 3> streams{-1, -1, -1};  ///< the child's standard streams; -1 = ours
  bool hide_descriptors = false;  ///< nothing else that is open here goes on in the child: the caller did not see to it
};

/// A child that runs our own binary again as `caisson init`, and the socket to it. Until it is released, it is killed
/// and reaped when this goes out of scope.
class Child {
 public:
  Child(sys::ProcessHandle process, wire::Channel channel, bool in_cgroup)
      : process_(std::move(process)), channel_(std::move(channel)), in_cgroup_(in_cgroup) {}
  Child(Child&& other) noexcept
      : process_(std::move(other.process_)),
        channel_(std::move(other.channel_)),
        in_cgroup_(other.in_cgroup_),
        owned_(std::exchange(other.owned_, false)) {}
  Child& operator=(Child&&) = delete;
  ~Child();

  const sys::ProcessHandle& process() const { return process_; }
  const wire::Channel& channel() const { return channel_; }
  /// It was born in the cgroup that was asked for.
  bool in_cgroup() const { return in_cgroup_; }
  /// The stage has ended and left `init` in its place; the stage is reaped.
  Status become(sys::ProcessHandle init);
  /// From here on the process lives without us.
  void release() { owned_ = false; }
  sys::ProcessHandle take_process() { return std::move(process_); }

 private:
  sys::ProcessHandle process_;
  wire::Channel channel_;
  bool in_cgroup_;
  bool owned_ = true;
};

/// clone3 and execveat of our own protected binary. Nothing of the user's runs yet.
Result<Child> spawn(const SpawnOptions& options);

}  // namespace caisson::container
