// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"

namespace caisson::config {

/// Checks a config without looking at the host: what the runtime-spec forbids and what this runtime never supports.
/// Returns the first error (ErrorKind::config with its pointer). Doubtful values are added to `warnings`.
Status validate(const Spec& spec, std::vector<std::string>& warnings);

/// The checks of one process, for `exec`. `pointer` is the process' JSON pointer.
Status validate_process(const Process& process, std::vector<std::string>& warnings,
                        std::string_view pointer = "/process");

/// The checks of resources, for `update`.
Status validate_resources(const Resources& resources, std::string_view pointer = "/linux/resources");

/// Path below /proc/sys of "net.ipv4.conf.eth0/1.rp_filter" or "net/ipv4/conf/eth0.1/rp_filter". The separator that
/// occurs first is the separator (sysctl.d(5)). Empty for a key with an empty, "." or ".." part.
std::string sysctl_path(std::string_view key);
/// JSON pointer of a sysctl.
std::string sysctl_pointer(std::string_view key);
/// The kind of namespace that the sysctl at this path belongs to. nullopt if it belongs to none.
std::optional<NamespaceType> namespace_of_sysctl(std::string_view path);

}  // namespace caisson::config
