// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/spec.hpp"

namespace caisson::config {

/// The state of a container that hooks get on standard input. Source: runtime-spec 1.3 runtime.md, "State".
struct OciState {
  std::string oci_version{kSpecVersion};
  std::string id;
  std::string status;      ///< "creating", "created", "running", "stopped"
  std::optional<int> pid;  ///< in the runtime's PID namespace; absent if there is no process
  std::string bundle;      ///< absolute
  std::map<std::string, std::string> annotations;
};

/// The state that a seccomp agent gets together with the listener. Source: runtime-spec 1.3 config-linux.md, "The
/// Container Process State".
struct ContainerProcessState {
  std::string oci_version{kSpecVersion};
  std::vector<std::string> fds{"seccompFd"};
  int pid = 0;  ///< the process that loaded the filter
  std::string metadata;
  OciState state;
};

/// Compact JSON on one line.
std::string save(const OciState& state);
std::string save(const ContainerProcessState& state);

}  // namespace caisson::config
