// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "caisson/container.hpp"
#include "caisson/error.hpp"
#include "caisson/process.hpp"
#include "container/commands.hpp"
#include "container/launch/exec.hpp"
#include "container/watch/oom_watch.hpp"

namespace caisson::v1 {

struct Process::Inside {
  sys::ProcessHandle handle;
  FileDescriptor console;
  std::optional<ExitStatus> ended;  ///< once somebody has waited
};

struct OomNotices::Inside {
  container::OomWatch watch;
};

struct Container::Inside {
  container::Globals globals;
  std::string id;
  std::optional<Process> init;  ///< of a container that was made here
};

/// Our own error, as programs see it.
Error to_public(const caisson::Error& error);

/// A result as programs see it; `doing` is the frame of an error, "create c1".
template <class T>
Result<T> to_public(caisson::Result<T> result, const std::string& doing) {
  if (!result) return std::unexpected(to_public(std::move(result).error().with(doing)));
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return std::move(*result);
}

}  // namespace caisson::v1
