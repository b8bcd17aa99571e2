// SPDX-License-Identifier: Apache-2.0
#include "sys/descriptor_limit.hpp"

namespace caisson::sys {
namespace {

// Standard streams, records, locks, cgroup directories, sockets, and the descriptors that the caller passes on.
constexpr std::size_t kOwnDescriptors = 128;

}  // namespace

Status set_descriptor_limit(rlim_t soft) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return fail_errno("getrlimit(RLIMIT_NOFILE)");
  limit.rlim_cur = soft;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return fail_errno("setrlimit(RLIMIT_NOFILE, {})", soft);
  return {};
}

Result<DescriptorRoom> DescriptorRoom::make(std::size_t count) {
  DescriptorRoom room;
  if (count == 0) return room;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return fail_errno("getrlimit(RLIMIT_NOFILE)");
  if (count + kOwnDescriptors <= limit.rlim_cur || limit.rlim_cur == limit.rlim_max) return room;
  CAISSON_TRY(set_descriptor_limit(limit.rlim_max));
  room.soft_ = limit.rlim_cur;
  return room;
}

DescriptorRoom::~DescriptorRoom() {
  if (soft_) (void)set_descriptor_limit(*soft_);
}

}  // namespace caisson::sys
