// SPDX-License-Identifier: Apache-2.0
#include "sys/scheduling.hpp"

#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace caisson::sys {

namespace {
// <linux/sched/types.h> clashes with glibc's <sched.h> over sched_param. sched_setattr(2), size 56 of Linux 5.3:
// the utilisation clamps' flags are refused with the smaller one.
struct SchedAttr {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime;
  std::uint64_t deadline;
  std::uint64_t period;
  std::uint32_t utilisation_min;
  std::uint32_t utilisation_max;
};
static_assert(sizeof(SchedAttr) == 56);
}  // namespace

Status set_limit(pid_t pid, int resource, Limit limit) {
  const rlimit64 wanted{limit.soft, limit.hard};
  if (::prlimit64(pid, static_cast<__rlimit_resource>(resource), &wanted, nullptr) == 0) return {};
  return fail_errno("prlimit(resource={}, soft={}, hard={})", resource, limit.soft, limit.hard);
}

Status set_scheduler(const SchedulerAttributes& attributes) {
  SchedAttr attr{};
  attr.size = sizeof(attr);
  attr.policy = attributes.policy;
  attr.flags = attributes.flags;
  attr.nice = attributes.nice;
  attr.priority = attributes.priority;
  attr.runtime = attributes.runtime;
  attr.deadline = attributes.deadline;
  attr.period = attributes.period;
  if (::syscall(SYS_sched_setattr, 0, &attr, 0) == 0) return {};
  return fail_errno("sched_setattr(policy={})", attributes.policy);
}

Status set_io_priority(int level) {
  // <linux/ioprio.h> is not C++ in all kernels' headers.
  constexpr int kWhoProcess = 1;
  constexpr int kClassShift = 13;
  if (::syscall(SYS_ioprio_set, kWhoProcess, 0, level) == 0) return {};
  return fail_errno("ioprio_set(class={}, priority={})", level >> kClassShift, level & 0x1fff);
}

Status set_affinity(pid_t pid, std::span<const unsigned long> processors) {
  // By syscall: glibc's cpu_set_t ends at 1024 processors.
  if (::syscall(SYS_sched_setaffinity, pid, processors.size_bytes(), processors.data()) == 0) return {};
  return fail_errno("sched_setaffinity()");
}

Status set_memory_policy(int mode, std::span<const unsigned long> nodes) {
  // The kernel takes one bit less than it is told of: mm/mempolicy.c, get_nodes().
  const unsigned long bits = nodes.empty() ? 0 : nodes.size_bytes() * 8 + 1;
  if (::syscall(SYS_set_mempolicy, mode, nodes.empty() ? nullptr : nodes.data(), bits) == 0) return {};
  return fail_errno("set_mempolicy(mode={:#x})", mode);
}

Status set_personality(unsigned long persona) {
  if (::personality(persona) != -1) return {};
  return fail_errno("personality({:#x})", persona);
}

}  // namespace caisson::sys
