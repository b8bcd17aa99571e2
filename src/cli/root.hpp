// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"

namespace caisson::cli {

/// Where the runtime root is when nobody names one.
struct DefaultRoot {
  std::string path;
  bool of_user = false;  ///< beneath $XDG_RUNTIME_DIR
};

/// /run/caisson; $XDG_RUNTIME_DIR/caisson when not root, or root of a user namespace only ($USER is not root).
DefaultRoot find_default_root();

/// Makes the user's own root, if it is not there, for the user alone and sticky: cleaners of $XDG_RUNTIME_DIR keep
/// sticky directories (XDG Base Directory Specification, "XDG_RUNTIME_DIR").
Status make_user_root(const std::string& path);

/// `root` as an absolute path without ".", ".." and doubled slashes; the file system is not asked.
/// Errors: "/" is no root.
Result<std::string> absolute_root(const std::string& root);

}  // namespace caisson::cli
