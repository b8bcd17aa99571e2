// SPDX-License-Identifier: Apache-2.0
#include "sys/filtered.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>

namespace caisson::sys {

namespace {

constexpr long kNoFile = -1;
constexpr long kBadFlags = -1;

struct RequiredCall {
  const char* name;
  long number;
  std::array<long, 5> arguments;  ///< what the kernel refuses with EINVAL, EBADF or EFAULT
  bool checks_permission;         ///< before it looks at the arguments: CAP_SYS_ADMIN over the mount namespace
};

// fs/open.c, fs/fsopen.c and fs/namespace.c of Linux 5.12 to 6.18: what each looks at first.
constexpr RequiredCall kRequired[] = {
    {"openat2", SYS_openat2, {kNoFile, 0, 0, 0, 0}, false},
    {"open_tree", SYS_open_tree, {kNoFile, 0, kBadFlags, 0, 0}, false},
    {"mount_setattr", SYS_mount_setattr, {kNoFile, 0, kBadFlags, 0, 0}, false},
    {"fsconfig", SYS_fsconfig, {kNoFile, kBadFlags, 0, 0, 0}, false},
    {"fsopen", SYS_fsopen, {0, kBadFlags, 0, 0, 0}, true},
    {"fsmount", SYS_fsmount, {kNoFile, kBadFlags, 0, 0, 0}, true},
    {"move_mount", SYS_move_mount, {kNoFile, 0, kNoFile, 0, kBadFlags}, true},
};

bool is_filtered(const RequiredCall& call, bool privileged) {
  const auto& a = call.arguments;
  if (::syscall(call.number, a[0], a[1], a[2], a[3], a[4]) >= 0) return false;
  return errno == ENOSYS || (errno == EPERM && (privileged || !call.checks_permission));
}

}  // namespace

Error name_filtered_call(Error error) {
  constexpr std::string_view kFrame = "a seccomp filter around the runtime refuses ";
  if (!may_be_filtered(error.sys_errno()) || error.message().contains(kFrame)) return error;
  // pivot_root(2) looks at the same permission first, and at the paths then.
  const bool privileged = ::syscall(SYS_pivot_root, nullptr, nullptr) != 0 && errno == EFAULT;
  std::string names;
  for (const auto& call : kRequired)
    if (is_filtered(call, privileged)) names += fmt::format("{}{}(2)", names.empty() ? "" : ", ", call.name);
  if (names.empty()) return error;
  return std::move(error).with(fmt::format(
      "{}{}, without which no container can be made: allow it in the profile of the outer container or service", kFrame,
      names));
}

}  // namespace caisson::sys
