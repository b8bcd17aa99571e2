// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "base/error.hpp"
#include "process/procfs.hpp"

namespace caisson::process {

/// Writes each value to /proc/sys; keys as config::sysctl_path() reads them. Errors name /linux/sysctl/KEY.
Status apply_sysctls(Procfs& proc, const std::map<std::string, std::string>& values);

}  // namespace caisson::process
