// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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
/// Takes uid and gid 0 of the caller's user namespace; where 0 is not mapped, the first id that is. The supplementary
/// groups stay: directories on the way to the container's files may be open to one of them alone. `proc` is a procfs
/// that shows the caller.
Status become_namespace_root(FdView proc);
/// The id outside of the user namespace whose uid_map or gid_map `map` is; absent when `inside` is not mapped.
/// user_namespaces(7): "inside outside count" a line.
std::optional<std::uint32_t> outer_id(std::string_view map, std::uint32_t inside);
/// The first id that `map` maps, as the user namespace sees it; absent in an empty map.
std::optional<std::uint32_t> first_mapped_id(std::string_view map);
/// Brings the loopback interface of the caller's network namespace up (netdevice(7), SIOCSIFFLAGS).
Status bring_loopback_up();

}  // namespace caisson::sys
