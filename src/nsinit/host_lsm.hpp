// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"

namespace caisson::nsinit {

/// Where AppArmor's things are.
struct ApparmorPlaces {
  std::string profiles = "/etc/apparmor.d";
  std::string loaded = "/sys/kernel/security/apparmor/profiles";  ///< "NAME (enforce)" on each line
  std::string parser = "/sbin/apparmor_parser";
  std::string module = "/sys/kernel/security/apparmor";
};

/// Whether the kernel knows the profile; false also where it does not say.
bool apparmor_profile_is_loaded(const std::string& name, const ApparmorPlaces& places = {});

/// Why a host whose kernel has AppArmor counts as one without, for this profile, as libcontainer of 2014 counted: in a
/// container ($container), without securityfs, or without the parser. Empty when it does not, or the kernel has the
/// profile already.
std::string why_no_apparmor(const std::string& profile, const ApparmorPlaces& places = {});

/// Loads the file `file` of the profiles' directory into the kernel, made with `text` when it is not there: what is
/// there is the administrator's. Error: "Error loading docker apparmor profile: ...".
Status load_apparmor_profile(const std::string& file, const std::string& text, const ApparmorPlaces& places = {});

/// Whether SELinux enforces its policy here.
bool selinux_is_enforcing();

/// The labels that the policy has for containers, "user:role:type"; empty where it has none.
/// selinux_lxc_contexts_path(3).
struct SelinuxLabels {
  std::string process;
  std::string file;
};
SelinuxLabels selinux_container_labels(const std::string& etc = "/etc/selinux");

/// The label of a file of the host; empty when it has none.
std::string selinux_label_of(const std::string& path);

/// A level of its own, "s0:c12,c345": two categories by chance.
Result<std::string> random_level();

/// Gives the label to `path` and all below it, symlinks themselves and not what they point to. "/usr" and all in it are
/// refused, and "/".
Status relabel(const std::string& path, const std::string& label);

}  // namespace caisson::nsinit
