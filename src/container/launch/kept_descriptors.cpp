// SPDX-License-Identifier: Apache-2.0
#include "container/launch/kept_descriptors.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/log.hpp"
#include "base/text.hpp"

namespace caisson::container {

namespace {

/// $LISTEN_FDS. sd_listen_fds(3): the descriptors are for the process that LISTEN_PID names; an unset LISTEN_PID
/// stands for any process.
unsigned count_listen_descriptors() {
  constexpr unsigned kMost = 4096;
  const char* const listen = ::getenv("LISTEN_FDS");
  const char* const listen_pid = ::getenv("LISTEN_PID");
  if (listen == nullptr || *listen == '\0') return 0;
  if (listen_pid != nullptr && fmt::format("{}", ::getpid()) != listen_pid) return 0;
  const auto count = text::parse_uint(listen);
  if (count && *count < kMost) return static_cast<unsigned>(*count);
  log::warn("LISTEN_FDS='{}' is no number of descriptors and is ignored", listen);
  return 0;
}

}  // namespace

Result<KeptDescriptors> count_kept_descriptors(int preserve) {
  KeptDescriptors kept;
  kept.listen = count_listen_descriptors();
  kept.all = kept.listen + static_cast<unsigned>(preserve);
  for (unsigned i = 0; i < kept.all; ++i) {
    // What came through the caller's execve has no close-on-exec flag: one that has it is our own, opened in a gap.
    const int flags = ::fcntl(static_cast<int>(3 + i), F_GETFD);
    if (flags >= 0 && (static_cast<unsigned>(flags) & FD_CLOEXEC) == 0) continue;
    if (flags >= 0) errno = EBADF;
    if (i < kept.listen)
      return fail_errno("unable to stat preserved-fd {} (of the {} that LISTEN_FDS announces)", i, kept.listen);
    return fail_errno("unable to stat preserved-fd {} (of {})", i - kept.listen, preserve);
  }
  return kept;
}

}  // namespace caisson::container
