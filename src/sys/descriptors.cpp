// SPDX-License-Identifier: Apache-2.0
#include "sys/descriptors.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/fd.hpp"
#include "sys/filtered.hpp"

namespace caisson::sys {

namespace {

void end_one(int fd, DescriptorFate fate) {
  if (fate == DescriptorFate::close) {
    ::close(fd);
  } else if (const int flags = ::fcntl(fd, F_GETFD); flags >= 0) {
    ::fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
  }
}

/// By the kernel's list. False when /proc is not there or is none: a container's need not be.
bool end_listed(unsigned first, unsigned last, DescriptorFate fate) {
  const FileDescriptor list(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct statfs filesystem {};
  if (!list || ::fstatfs(list.get(), &filesystem) != 0 || filesystem.f_type != PROC_SUPER_MAGIC) return false;
  alignas(dirent64) char buffer[4096];
  for (;;) {
    const ssize_t size = ::getdents64(list.get(), buffer, sizeof buffer);
    if (size < 0) return false;
    if (size == 0) return true;
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      const char* const end = entry->d_name + std::strlen(entry->d_name);
      unsigned fd = 0;
      // procfs lists by number: what is closed meanwhile does not move the place in the list.
      if (std::from_chars(entry->d_name, end, fd).ptr != end || fd < first || fd > last) continue;
      if (fd != static_cast<unsigned>(list.get())) end_one(static_cast<int>(fd), fate);
    }
  }
}

/// By trying each number. A limit may have been lowered below numbers that are open, so it is not taken alone: we open
/// no more than a few descriptors for each mount, and a mount namespace has 100,000 at most (fs.mount-max).
void end_each(unsigned first, unsigned last, DescriptorFate fate) {
  constexpr unsigned kLeast = 1 << 17;
  constexpr unsigned kMost = 1 << 20;  // fs.nr_open, unless it was raised
  rlimit limit{};
  unsigned highest = kLeast;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    highest = static_cast<unsigned>(std::clamp<rlim_t>(limit.rlim_max, kLeast, kMost));
  last = std::min(last, highest);
  for (unsigned fd = first; fd <= last; ++fd) end_one(static_cast<int>(fd), fate);
}

}  // namespace

Status end_descriptors(unsigned first, unsigned last, DescriptorFate fate) {
  const unsigned flags = fate == DescriptorFate::close_on_exec ? CLOSE_RANGE_CLOEXEC : 0;
  if (::syscall(SYS_close_range, first, last, flags) == 0) return {};
  if (!may_be_filtered(errno)) return fail_errno("close_range({}, {}, {:#x})", first, last, flags);
  if (!end_listed(first, last, fate)) end_each(first, last, fate);
  return {};
}

}  // namespace caisson::sys
