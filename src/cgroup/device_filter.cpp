// SPDX-License-Identifier: Apache-2.0
#include "cgroup/device_filter.hpp"

#include <linux/bpf.h>

#include <vector>

#include "cgroup/cgroup_dir.hpp"
#include "sys/bpf.hpp"
#include "sys/file.hpp"

namespace caisson::cgroup {

namespace {

Status install(const std::string& path, const plan::DevicePlan& devices, bool found) {
  FileDescriptor cgroup = CAISSON_TRY(sys::open_at(FdView::cwd(), path, O_RDONLY | O_DIRECTORY));
  std::vector<FileDescriptor> old;
  if (found) old = CAISSON_TRY(sys::device_programs(cgroup));
  if (devices.allows_all() && old.empty()) return {};
  FileDescriptor program = CAISSON_TRY(sys::load_device_program(plan::device_program(devices)));
  if (old.size() == 1) return sys::attach_device_program(cgroup, program, &old.front());
  CAISSON_TRY(sys::attach_device_program(cgroup, program));
  for (const auto& one : old) CAISSON_TRY(sys::detach_device_program(cgroup, one));
  return {};
}

}  // namespace

Status install_device_filter(const std::string& path, const plan::DevicePlan& devices, bool found) {
  auto installed = install(path, devices, found);
  if (!installed && devices.may_fail && is_denied(installed.error())) return {};
  if (!installed)
    return std::unexpected(std::move(installed.error()).with("device rules").at("/linux/resources/devices"));
  return {};
}

}  // namespace caisson::cgroup
