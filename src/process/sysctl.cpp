// SPDX-License-Identifier: Apache-2.0
#include "process/sysctl.hpp"

#include "config/validate.hpp"

namespace caisson::process {

namespace {

/// RFC 6901: '~' and '/' of a key in a pointer.
std::string pointer_to(std::string_view key) {
  std::string pointer = "/linux/sysctl/";
  for (char c : key) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
  return pointer;
}

}  // namespace

Status apply_sysctls(Procfs& proc, const std::map<std::string, std::string>& values) {
  for (const auto& [key, value] : values) {
    const std::string path = config::sysctl_path(key);
    if (path.empty()) return fail_config(pointer_to(key), "'{}' is not the name of a sysctl", key);
    auto written = proc.write("sys/" + path, value);
    if (!written)
      return std::unexpected(
          std::move(written.error()).with(fmt::format("set sysctl '{}' to '{}'", key, value)).at(pointer_to(key)));
  }
  return {};
}

}  // namespace caisson::process
