// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"

/// Shared by the source files of validate(). Private to them.
namespace caisson::config {

using Warnings = std::vector<std::string>;
/// One check: one rule, or the rules about one key.
using Check = Status (*)(const Spec& spec, Warnings& warnings);

/// The checks of /linux, in the order in which they run. The first column is the member that is checked.
struct LinuxCheck {
  std::string_view key;
  Status (*run)(const Spec& spec, const Linux& platform);
};
std::span<const LinuxCheck> linux_checks();

Status check_environment(const std::vector<std::string>& env, std::string_view pointer);
/// Checks that each range fits into 32 bits and that no ranges overlap. The kernel answers all of these with EINVAL.
Status check_mappings(const std::vector<IdMapping>& mappings, std::string_view pointer);

/// Not a valid id: chown(2) and setresuid(2) read all bits set as "do not change".
inline constexpr std::uint32_t kNoId = 0xffffffff;

}  // namespace caisson::config
