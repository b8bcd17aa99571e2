// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::process {

/// A procfs that the container's mounts cannot stand in for. Writes through it reach the file that is named and no
/// other, whatever is mounted on or below /proc (CVE-2019-16884, CVE-2025-52881).
///
/// It uses /proc when that is the root of a procfs and nothing is mounted on the way to the file; otherwise a private
/// procfs that is mounted nowhere, which needs CAP_SYS_ADMIN in the user namespace of the PID namespace.
/// Opened at its first use and then kept: make another one once the root is switched.
class Procfs {
 public:
  /// Opens `path`, relative to /proc ("sys/net/ipv4/ip_forward", "self/attr/exec").
  Result<FileDescriptor> open_file(const std::string& path, std::uint64_t flags);
  /// One write(2) of `text` to `path`. The error's errno is open's or write's.
  Status write(const std::string& path, const std::string& text);

 private:
  Status open_root();
  Status open_private();

  FileDescriptor root_;
  bool private_ = false;
};

}  // namespace caisson::process
