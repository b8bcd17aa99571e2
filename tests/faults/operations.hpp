// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "faults/sandbox.hpp"
#include "faults/tracer.hpp"

namespace caisson::faults {

/// What a failed command may leave.
enum class Leaves {
  nothing,               ///< it makes a container: all of that is gone
  the_container,         ///< it works with a container: that is there as it was, with no process more
  old_or_new,            ///< it changes a container: that is as before or as after, nothing between
  container_or_nothing,  ///< it may have destroyed the container, or left it to another try
};

/// A command of the runtime, with what must be there before it and what is there after it.
struct Operation {
  const char* name;
  std::function<void(Sandbox&)> prepare;
  std::function<Command(const Sandbox&)> command;
  /// What success has brought about, as text: the same after each success. Called with what the command printed.
  std::function<std::string(Sandbox&, const std::string& out)> outcome;
  Leaves leaves = Leaves::nothing;
  bool only_caisson = false;
};

const std::vector<Operation>& operations();

}  // namespace caisson::faults
