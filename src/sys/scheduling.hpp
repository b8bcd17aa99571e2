// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

#include "base/error.hpp"

namespace caisson::sys {

struct Limit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;  ///< ~0 = none
};
/// prlimit(2) on `pid`; 0 = the caller.
Status set_limit(pid_t pid, int resource, Limit limit);

/// What sched_setattr(2) takes; times in nanoseconds.
struct SchedulerAttributes {
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};
/// Of the calling thread. Linux 3.14.
Status set_scheduler(const SchedulerAttributes& attributes);
/// ioprio_set(IOPRIO_WHO_PROCESS) of the calling thread: class << 13 | priority.
Status set_io_priority(int level);
/// sched_setaffinity(2) of `pid`; 0 = the calling thread. The mask may name processors that do not exist.
Status set_affinity(pid_t pid, std::span<const unsigned long> processors);
/// set_mempolicy(2) of the calling thread.
Status set_memory_policy(int mode, std::span<const unsigned long> nodes);
/// personality(2).
Status set_personality(unsigned long persona);

}  // namespace caisson::sys
