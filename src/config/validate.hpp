// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"

namespace caisson::config {

/// Checks a whole config by itself, without the host: what the runtime-spec forbids, and what this runtime can never
/// honour. The first fault is the error, of kind config with its pointer; what is only doubtful goes to `warnings`.
Status validate(const Spec& spec, std::vector<std::string>& warnings);

/// The part of validate() that speaks of one process; `exec` has no more than that. `pointer` names the process.
Status validate_process(const Process& process, std::vector<std::string>& warnings,
                        std::string_view pointer = "/process");

/// The part of validate() that speaks of resources, which `update` has alone.
Status validate_resources(const Resources& resources, std::string_view pointer = "/linux/resources");

/// "net.ipv4.conf.eth0/1.rp_filter" and "net/ipv4/conf/eth0.1/rp_filter" as the path beneath /proc/sys. The separator
/// that comes first divides (sysctl.d(5)). Empty for a key with an empty, "." or ".." part.
std::string sysctl_path(std::string_view key);
/// Its place in the config.
std::string sysctl_pointer(std::string_view key);
/// The kind of namespace that holds the sysctl of this path; absent when none does.
std::optional<NamespaceType> namespace_of_sysctl(std::string_view path);

}  // namespace caisson::config
