// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace caisson::nsinit {

/// The profile of 2014 that containers have when they ask for it by its name.
inline constexpr const char* kDefaultProfile = "docker-default";

/// Which of the distribution's own parts there are to build on.
struct ApparmorParts {
  bool tunables = false;      ///< /etc/apparmor.d/tunables/global
  bool abstractions = false;  ///< /etc/apparmor.d/abstractions/base
};

/// Its text, for apparmor_parser(8): much is allowed, but what would change the host through /proc and /sys is not.
std::string default_profile_text(const ApparmorParts& parts);

}  // namespace caisson::nsinit
