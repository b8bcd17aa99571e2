// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"

namespace caisson::container {

/// Where AppArmor's things are.
struct ApparmorPlaces {
  std::string profiles = "/etc/apparmor.d";
  std::string loaded = "/sys/kernel/security/apparmor/profiles";  ///< "NAME (enforce)" on each line
  std::string parser = "/sbin/apparmor_parser";
};

/// Whether the kernel knows the profile; false also where it does not say.
bool apparmor_profile_is_loaded(const std::string& name, const ApparmorPlaces& places = {});

/// Loads the file `file` of the profiles' directory into the kernel, made with `text` when it is not there: what is
/// there is the administrator's. Error: "Error loading docker apparmor profile: ...".
Status load_apparmor_profile(const std::string& file, const std::string& text, const ApparmorPlaces& places = {});

/// Whether SELinux enforces its policy here.
bool selinux_is_enforcing();

/// A level of its own, "s0:c12,c345": two categories by chance.
Result<std::string> random_level();

/// Gives the label to `path` and all below it, symlinks themselves and not what they point to. "/usr" is refused, with
/// what holds it.
Status relabel(const std::string& path, const std::string& label);

}  // namespace caisson::container
