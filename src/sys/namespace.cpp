// SPDX-License-Identifier: Apache-2.0
#include "sys/namespace.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

#include "base/text.hpp"
#include "sys/file.hpp"

namespace caisson::sys {

const char* namespace_file(std::uint64_t kind) {
  switch (kind) {
    case CLONE_NEWPID: return "pid";
    case CLONE_NEWNET: return "net";
    case CLONE_NEWNS: return "mnt";
    case CLONE_NEWIPC: return "ipc";
    case CLONE_NEWUTS: return "uts";
    case CLONE_NEWUSER: return "user";
    case CLONE_NEWCGROUP: return "cgroup";
    case CLONE_NEWTIME: return "time";
    default: return "";
  }
}

namespace {

bool is_proc_directory(FdView fd) {
  struct statfs filesystem {};
  struct stat status {};
  return ::fstatfs(fd.get(), &filesystem) == 0 && filesystem.f_type == PROC_SUPER_MAGIC &&
         ::fstat(fd.get(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// One by one, in the order of the kernel's setns(pidfd): the user namespace first, whose owner may join the others.
/// All are opened before, for the mount namespace that is joined may have another /proc or none.
Status join_by_directory(FdView process, std::uint64_t kinds) {
  constexpr std::uint64_t kOrder[] = {CLONE_NEWUSER, CLONE_NEWCGROUP, CLONE_NEWIPC,  CLONE_NEWUTS,
                                      CLONE_NEWPID,  CLONE_NEWNET,    CLONE_NEWTIME, CLONE_NEWNS};
  FileDescriptor files[std::size(kOrder)];
  for (std::size_t i = 0; i < std::size(kOrder); ++i) {
    if ((kinds & kOrder[i]) == 0) continue;
    const std::string file = fmt::format("ns/{}", namespace_file(kOrder[i]));
    files[i].reset(::openat(process.get(), file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!files[i]) return fail_errno("open('{}')", file);
  }
  for (std::size_t i = 0; i < std::size(kOrder); ++i)
    if (files[i] && ::setns(files[i].get(), static_cast<int>(kOrder[i])) != 0)
      return fail_errno("setns({:#x})", kOrder[i]);
  return {};
}

}  // namespace

Status join_namespace(FdView fd, std::uint64_t kinds) {
  if (::setns(fd.get(), static_cast<int>(kinds)) == 0) return {};
  const int why = errno;
  if (why == EINVAL && is_proc_directory(fd)) return join_by_directory(fd, kinds);
  errno = why;
  return fail_errno("setns({:#x})", kinds);
}

Status make_namespaces(std::uint64_t kinds) {
  if (::unshare(static_cast<int>(kinds)) != 0) return fail_errno("unshare({:#x})", kinds);
  return {};
}

Result<bool> same_as_own(FdView ns, std::uint64_t kind) {
  struct stat theirs {
  }, ours{};
  if (::fstat(ns.get(), &theirs) != 0) return fail_errno("fstat(namespace)");
  const std::string own = fmt::format("/proc/self/ns/{}", namespace_file(kind));
  if (::stat(own.c_str(), &ours) != 0) return fail_errno("stat('{}')", own);
  return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

Status write_id_map(pid_t pid, const char* file, const std::string& map) {
  const std::string path = fmt::format("/proc/{}/{}", pid, file);
  FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open('{}')", path);
  // The kernel takes the whole map in one write and refuses a second one.
  if (::write(fd.get(), map.data(), map.size()) < 0) return fail_errno("write('{}', '{}')", path, map);
  return {};
}

namespace {

using MapLine = std::array<std::uint64_t, 3>;

/// The lines of a uid_map that are three numbers.
std::vector<MapLine> lines_of(std::string_view map) {
  std::vector<MapLine> lines;
  for (const auto line : text::split(map, '\n')) {
    MapLine numbers{};
    std::size_t count = 0;
    for (const auto word : text::split(line, ' '))
      if (const auto number = text::parse_uint(word); number && count < numbers.size()) numbers[count++] = *number;
    if (count == numbers.size()) lines.push_back(numbers);
  }
  return lines;
}

/// setresuid(2) or setresgid(2) to 0, or to the first id that `file` maps.
Status become_first(long call, const char* name, FdView proc, const char* file) {
  if (::syscall(call, 0, 0, 0) == 0) return {};
  if (errno != EINVAL) return fail_errno("{}(0)", name);
  const auto first = first_mapped_id(CAISSON_TRY(read_file(proc, file)));
  if (!first) return fail(ErrorKind::config, "the user namespace has no mapping in '/proc/{}'", file);
  if (::syscall(call, *first, *first, *first) != 0) return fail_errno("{}({})", name, *first);
  return {};
}

}  // namespace

std::optional<std::uint32_t> outer_id(std::string_view map, std::uint32_t inside) {
  for (const auto& [first, outer, count] : lines_of(map))
    if (inside >= first && inside - first < count) return static_cast<std::uint32_t>(outer + (inside - first));
  return std::nullopt;
}

std::optional<std::uint32_t> first_mapped_id(std::string_view map) {
  const auto lines = lines_of(map);
  if (lines.empty()) return std::nullopt;
  return static_cast<std::uint32_t>(lines.front().front());
}

Status become_namespace_root(FdView proc) {
  CAISSON_TRY(become_first(SYS_setresgid, "setresgid", proc, "self/gid_map"));
  return become_first(SYS_setresuid, "setresuid", proc, "self/uid_map");
}

Status bring_loopback_up() {
  FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // A kernel without IPv4 still has a loopback, reached by any socket family.
  if (!socket) socket.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket(AF_INET)");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  // A new loopback has no other flag than IFF_LOOPBACK, which cannot be changed: nothing to read first.
  request.ifr_flags = IFF_UP;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return fail_errno("ioctl(SIOCSIFFLAGS, 'lo')");
  return {};
}

}  // namespace caisson::sys
