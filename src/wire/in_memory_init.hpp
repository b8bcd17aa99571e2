// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/fd.hpp"
#include "plan/plan.hpp"
#include "wire/channel.hpp"
#include "wire/message.hpp"

namespace caisson::wire {

/// What init needs where it runs in a copy of the creator's memory: the values that it otherwise reads from Begin and
/// makes from the config. They are the creator's own until the process is cloned; init moves from its copies.
struct InMemoryInit {
  Begin& begin;
  const std::vector<FdView>& descriptors;  ///< as beside Begin
  config::Spec& spec;
  plan::InitPlan& plan;
  int config = -1;  ///< create: its lock says that init lives; -1 = none
  Channel channel = Channel(FileDescriptor());
};

}  // namespace caisson::wire
