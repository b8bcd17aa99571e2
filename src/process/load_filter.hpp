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
#include "plan/seccomp_plan.hpp"

namespace caisson::process {

/// A filter ready for the kernel: plain bytes, to be kept in a cache or sent in a memfd.
struct CompiledFilter {
  std::vector<std::byte> program;     ///< struct sock_filter[]
  std::uint32_t flags = 0;            ///< SECCOMP_FILTER_FLAG_* for load()
  std::vector<std::string> unknown;   ///< calls of the profile that no architecture has: no rule
  std::vector<std::string> warnings;  ///< where the filter had to be stricter than the profile, see compile()
};

/// Builds the filter: a search tree by number for each architecture, with the rules that look at arguments at its
/// leaves. Of one call's rules the first without conditions decides, else the first, in the profile's order, whose
/// conditions all hold; the default action if none does. Other architectures' calls kill the thread.
///
/// socketcall(2) and ipc(2) are part of the calls that they make. A rule that names them decides by itself; one that
/// names such a call holds for the multiplexer too, by its first argument. The call's own arguments lie behind a
/// pointer there, which no filter can follow: if its rules look at them, the strictest of all that they may answer is
/// the answer, and `warnings` says so. On x86_64 and aarch64 this concerns 32-bit x86 programs alone.
///
/// Errors: an architecture that libseccomp, whose names of calls these are, does not know; an unknown call where the
/// plan makes that an error; a program that is too long.
Result<CompiledFilter> compile(const plan::SeccompPlan& plan);

/// seccomp(SECCOMP_SET_MODE_FILTER). Needs CAP_SYS_ADMIN in the caller's user namespace or no_new_privs.
/// Yields the listener (close-on-exec) when `flags` has SECCOMP_FILTER_FLAG_NEW_LISTENER.
Result<std::optional<FileDescriptor>> load(std::span<const std::byte> program, std::uint32_t flags);

/// libseccomp's version, "2.5.4".
std::string seccomp_library_version();

}  // namespace caisson::process
