// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "plan/seccomp.hpp"

namespace caisson::process {

/// A filter ready for the kernel: plain bytes, to be kept in a cache or sent in a memfd.
struct CompiledFilter {
  std::vector<std::byte> program;    ///< struct sock_filter[]
  std::uint32_t flags = 0;           ///< SECCOMP_FILTER_FLAG_* for load()
  std::vector<std::string> unknown;  ///< calls of the profile that this machine's architectures do not have: no rule
};

/// Builds the filter with libseccomp. Done where the runtime runs, not in the container: it takes milliseconds.
/// Errors name /linux/seccomp/syscalls/N.
Result<CompiledFilter> compile(const plan::SeccompPlan& plan);

/// seccomp(SECCOMP_SET_MODE_FILTER). Needs CAP_SYS_ADMIN in the caller's user namespace or no_new_privs.
/// Yields the listener (close-on-exec) when `flags` has SECCOMP_FILTER_FLAG_NEW_LISTENER.
Result<std::optional<FileDescriptor>> load(std::span<const std::byte> program, std::uint32_t flags);

/// libseccomp's version, "2.5.4".
std::string seccomp_library_version();

}  // namespace caisson::process
