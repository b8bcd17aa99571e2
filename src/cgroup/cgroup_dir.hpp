// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::cgroup {

using Deadline = std::chrono::steady_clock::time_point;

/// How long the kernel gets to freeze or to end processes before it is an error.
inline constexpr std::chrono::seconds kPatience{10};
inline Deadline deadline() { return std::chrono::steady_clock::now() + kPatience; }
/// For poll(2): 0 when it has passed.
int milliseconds_until(Deadline end);

/// EACCES, EPERM or EROFS: an unprivileged runtime may have to go without this cgroup.
bool is_denied(const Error& error);
/// ENOENT, or ENODEV, which an open file of a removed cgroup gives.
bool is_gone(const Error& error);

/// Reads a file of a cgroup without its last line end.
Result<std::string> read_value(const std::string& dir, std::string_view file);
Status write_value(const std::string& dir, std::string_view file, std::string_view value);

/// Makes a cgroup directory and those above it, beneath `mountpoint`; the latter are added to `parents`, outermost
/// first. `tell`, when it is not empty, is called with what `parents` will be before any is made. False when it was
/// there.
Result<bool> make_directory(const std::string& path, const std::string& mountpoint, std::vector<std::string>& parents,
                            const std::function<Status(const std::vector<std::string>&)>& tell = {});

/// Names of the directories in `dir`, which lies in a file system of the kernel's (kernfs: cgroups, resctrl), unsorted.
Result<std::vector<std::string>> subdirectories(FdView dir);

/// Processes in a cgroup and all beneath it, sorted. A cgroup that is not there has none.
Result<std::vector<pid_t>> pids_below(const std::string& path);

/// Calls `see` for a cgroup and each beneath it, from above. A cgroup that is not there has none.
Status for_each_below(const std::string& path, const std::function<Status(FdView)>& see);

/// Removes a cgroup and all beneath it. False when there still are processes in it; ENOENT is success.
Result<bool> remove_tree(const std::string& path);

/// Waits until `key` of the cgroup's cgroup.events has the value (v2 only). False when the deadline has passed.
/// is_gone() errors: the cgroup has been removed.
Result<bool> wait_for_event(const std::string& path, std::string_view key, bool value, Deadline end);

/// The value of `key` in lines of "key value"; empty when it is not there.
std::string_view flat_value(std::string_view text, std::string_view key);

}  // namespace caisson::cgroup
