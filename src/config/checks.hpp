// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"

/// What the files of validate() share; nobody else includes this.
namespace caisson::config {

using Warnings = std::vector<std::string>;
/// One rule, or a few about one key.
using Check = Status (*)(const Spec& spec, Warnings& warnings);

/// The rules about /linux, in the order in which they are tried. The first column is the member they speak of.
struct LinuxCheck {
  std::string_view key;
  Status (*run)(const Spec& spec, const Linux& platform);
};
std::span<const LinuxCheck> linux_checks();

Status check_environment(const std::vector<std::string>& env, std::string_view pointer);
/// Each range lies within 32 bits, and neither the inner nor the outer ones overlap: the kernel says EINVAL to it all.
Status check_mappings(const std::vector<IdMapping>& mappings, std::string_view pointer);

/// All bits set means "do not change" to chown(2) and setresuid(2), so it is no id.
inline constexpr std::uint32_t kNoId = 0xffffffff;

}  // namespace caisson::config
