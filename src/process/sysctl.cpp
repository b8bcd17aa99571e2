// SPDX-License-Identifier: Apache-2.0
#include "process/sysctl.hpp"

#include "config/validate.hpp"

namespace caisson::process {

Status apply_sysctls(Procfs& proc, const std::map<std::string, std::string>& values) {
  for (const auto& [key, value] : values) {
    const std::string path = config::sysctl_path(key);
    if (path.empty()) return fail_config(config::sysctl_pointer(key), "'{}' is not the name of a sysctl", key);
    auto written = proc.write("sys/" + path, value);
    if (!written)
      return std::unexpected(std::move(written.error())
                                 .with(fmt::format("set sysctl '{}' to '{}'", key, value))
                                 .at(config::sysctl_pointer(key)));
  }
  return {};
}

}  // namespace caisson::process
