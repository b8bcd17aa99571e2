// SPDX-License-Identifier: Apache-2.0
// In place of systemd.cpp and dbus.cpp in a build without them (-Dsystemd=false).
#include "cgroup/common.hpp"

namespace caisson::cgroup {

Result<std::unique_ptr<CgroupManager>> make_systemd(const plan::CgroupPlan&) {
  return fail(ErrorKind::config, "--systemd-cgroup: this caisson was built without it");
}

std::unique_ptr<CgroupManager> open_systemd(Unit, std::unique_ptr<CgroupManager> files, std::string) { return files; }

}  // namespace caisson::cgroup
