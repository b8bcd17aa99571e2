// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace caisson::text {

/// The absolute path without ".", "..", doubled and trailing slashes: "/a/../b//c/" is "/b/c", "" is "/". ".." stops at
/// the top. Symbolic links are not looked at.
std::string clean_path(std::string_view path);

/// A field of a mountinfo without its octal escapes: "\040" is a space. Source: proc_pid_mountinfo(5).
std::string unescape_mount_field(std::string_view field);

}  // namespace caisson::text
