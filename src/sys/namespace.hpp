// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::sys {

/// "pid", "net", "mnt", "ipc", "uts", "user", "cgroup", "time": the name under /proc/PID/ns of one CLONE_NEW*.
const char* namespace_file(std::uint64_t kind);

/// setns(2) on a namespace's file (`kinds` one CLONE_NEW*) or a pidfd (`kinds` any set; Linux 5.8).
Status join_namespace(FdView fd, std::uint64_t kinds);
/// unshare(2).
Status make_namespaces(std::uint64_t kinds);
/// Whether two namespace files, or a file and our own namespace of that kind (`own`), are the same namespace.
Result<bool> same_as_own(FdView ns, std::uint64_t kind);

/// Writes uid_map or gid_map of a process; `map` as user_namespaces(7) gives it.
Status write_id_map(pid_t pid, const char* file, const std::string& map);
/// Takes uid and gid 0 of the caller's user namespace and drops its supplementary groups where that is permitted.
Status become_namespace_root();
/// Brings the loopback interface of the caller's network namespace up (netdevice(7), SIOCSIFFLAGS).
Status bring_loopback_up();

}  // namespace caisson::sys
