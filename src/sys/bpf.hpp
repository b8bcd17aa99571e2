// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::sys {

/// Loads a BPF_PROG_TYPE_CGROUP_DEVICE program. An error ends in the verifier's last words.
Result<FileDescriptor> load_device_program(std::span<const bpf_insn> program);

/// Attaches a device program to a cgroup2 directory beside those of other owners (BPF_F_ALLOW_MULTI). With `replaced`
/// it takes that program's place in one step (Linux 5.6).
Status attach_device_program(FdView cgroup, FdView program, const FileDescriptor* replaced = nullptr);

Status detach_device_program(FdView cgroup, FdView program);

/// The device programs attached to this very cgroup, oldest first.
Result<std::vector<FileDescriptor>> device_programs(FdView cgroup);

}  // namespace caisson::sys
