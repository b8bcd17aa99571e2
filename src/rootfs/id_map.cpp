// SPDX-License-Identifier: Apache-2.0
#include "rootfs/id_map.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/file.hpp"
#include "sys/namespace.hpp"
#include "sys/process.hpp"

namespace caisson::rootfs {
namespace {

// A user namespace lives as long as a descriptor of it; a process is only needed to bear it, and it waits for the end
// of a pipe so that it also goes when we do.
Result<FileDescriptor> make_user_namespace(const plan::MountIdMap& map) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return fail_errno("pipe2");
  FileDescriptor read_end(ends[0]);
  FileDescriptor write_end(ends[1]);
  auto child = CAISSON_TRY(sys::clone3({.flags = CLONE_NEWUSER}), "make a user namespace for an id-mapped mount");
  if (child.pid == 0) {
    ::close(write_end.get());
    char byte;
    while (::read(read_end.get(), &byte, 1) < 0 && errno == EINTR) {
    }
    ::_exit(0);
  }
  auto mapped = [&]() -> Result<FileDescriptor> {
    CAISSON_TRY(sys::write_id_map(child.pid, "uid_map", map.uid_map));
    CAISSON_TRY(sys::write_id_map(child.pid, "gid_map", map.gid_map));
    return sys::open_at(FdView::cwd(), fmt::format("/proc/{}/ns/user", child.pid), O_RDONLY);
  }();
  write_end.reset();
  while (::waitpid(child.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return mapped;
}

}  // namespace

Result<FdView> IdMaps::find(const plan::MountIdMap& map) {
  for (const auto& entry : entries_)
    if (entry.map.uid_map == map.uid_map && entry.map.gid_map == map.gid_map &&
        entry.map.namespace_path == map.namespace_path)
      return FdView(entry.fd);
  FileDescriptor fd = map.namespace_path.empty()
                          ? CAISSON_TRY(make_user_namespace(map))
                          : CAISSON_TRY(sys::open_at(FdView::cwd(), map.namespace_path, O_RDONLY));
  entries_.push_back({map, std::move(fd)});
  return FdView(entries_.back().fd);
}

}  // namespace caisson::rootfs
