// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/validate.hpp"

namespace verdict {

/// "ok", or "what [pointer]" of the fault.
inline std::string of(const caisson::config::Spec& spec) {
  std::vector<std::string> warnings;
  const auto status = caisson::config::validate(spec, warnings);
  return status ? "ok" : status.error().what() + " [" + status.error().pointer() + "]";
}

/// A sound spec with these members of /linux, as JSON, in addition to all namespaces but user and time.
inline caisson::config::Spec with_linux(std::string_view members, std::string_view more_namespaces = "") {
  std::string text = R"({"ociVersion":"1.3.0","process":{"cwd":"/","args":["sh"]},"root":{"path":"rootfs"},"linux":{)";
  text += R"("namespaces":[{"type":"pid"},{"type":"network"},{"type":"mount"},{"type":"ipc"},{"type":"uts"},)";
  text += R"({"type":"cgroup"})";
  text += more_namespaces;
  text += ']';
  if (!members.empty()) text.append(",").append(members);
  auto spec = caisson::config::load(text + "}}");
  return spec ? *spec : caisson::config::Spec{.oci_version = spec.error().message()};
}

inline std::string of_linux(std::string_view members, std::string_view more_namespaces = "") {
  return of(with_linux(members, more_namespaces));
}

}  // namespace verdict
