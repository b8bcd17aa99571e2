// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/fd.hpp"
#include "plan/plan.hpp"
#include "wire/channel.hpp"
#include "wire/message.hpp"

namespace caisson::wire {

/// What init starts from when it is cloned from the runtime and goes on in its memory, without being executed anew:
/// what Begin carries and what would be made of it, as values.
struct Inheritance {
  Channel channel;
  Begin begin;
  FileDescriptor config;                    ///< create: its lock says that init lives
  std::vector<FileDescriptor> descriptors;  ///< as beside Begin
  config::Spec spec;
  plan::InitPlan plan;
};

}  // namespace caisson::wire
