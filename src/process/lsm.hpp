// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"
#include "plan/identity.hpp"
#include "process/procfs.hpp"

namespace caisson::process {

/// What the kernel says of itself; for HostFacts.
bool apparmor_is_enabled();
bool selinux_is_enabled();

/// The profile that the next execve(2) enters. Nothing to do without one. Errors name /process/apparmorProfile.
Status apply_apparmor_profile(Procfs& proc, const plan::IdentityPlan& plan);
/// The context that the next execve(2) enters. Nothing to do without one. Errors name /process/selinuxLabel.
Status apply_selinux_label(Procfs& proc, const plan::IdentityPlan& plan);
/// The context of keys made from now on; before join_session_keyring().
Status apply_keyring_label(Procfs& proc, const plan::IdentityPlan& plan);

/// Whether `label` has the form user:role:type[:level]. Errors name `pointer`.
Status check_selinux_label(const std::string& label, const std::string& pointer);

}  // namespace caisson::process
