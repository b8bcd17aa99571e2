// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/spec.hpp"

namespace caisson::config {

/// A container's state as hooks read it on standard input. Source: runtime-spec 1.3 runtime.md, "State".
struct OciState {
  std::string oci_version{kSpecVersion};
  std::string id;
  std::string status;      ///< "creating", "created", "running", "stopped"
  std::optional<int> pid;  ///< as the runtime sees it; absent when there is none
  std::string bundle;      ///< absolute
  std::map<std::string, std::string> annotations;
};

/// What a seccomp agent gets beside the listener. Source: runtime-spec 1.3 config-linux.md, "The Container Process
/// State".
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
