// SPDX-License-Identifier: Apache-2.0
#include "container/launch/handover.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <span>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/timeline.hpp"
#include "config/oci_state.hpp"
#include "process/load_filter.hpp"
#include "sys/file.hpp"
#include "sys/process.hpp"
#include "sys/socket.hpp"

namespace caisson::container {

Status send_console(const std::string& path, const std::string& name, FdView master) {
  FileDescriptor socket = CAISSON_TRY(sys::connect_path(path, SOCK_STREAM), "console socket");
  CAISSON_TRY(sys::send_packet(socket, name, {master}), "console socket '{}'", path);
  return {};
}

Status send_pidfd(const std::string& path, const std::string& word, FdView pidfd) {
  FileDescriptor socket = CAISSON_TRY(sys::connect_path(path, SOCK_STREAM), "pidfd socket");
  CAISSON_TRY(sys::send_packet(socket, word, {pidfd}), "pidfd socket '{}'", path);
  return {};
}

namespace {

Result<FileDescriptor> open_parent(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
  FileDescriptor dir(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return fail_errno("pid file: open('{}')", parent);
  return dir;
}

}  // namespace

namespace {

/// Only a regular file may be replaced by a pid file, and a symlink unless it leads to something else: who names
/// /dev/stdout or a FIFO does not want a file in its place.
Status check_replaceable(FdView dir, const std::string& path) {
  const char* const name = path.c_str() + path.rfind('/') + 1;
  for (const int flags : {AT_SYMLINK_NOFOLLOW, 0}) {
    struct stat found {};
    if (::fstatat(dir.get(), name, &found, flags) != 0) {
      if (errno == ENOENT) return {};
      return fail_errno("pid file '{}'", path);
    }
    if (S_ISDIR(found.st_mode)) {
      errno = EISDIR;
      return fail_errno("pid file '{}'", path);
    }
    if (!S_ISREG(found.st_mode) && !S_ISLNK(found.st_mode))
      return fail(ErrorKind::system, "pid file '{}' exists and is not a regular file: it is not replaced", path);
  }
  return {};
}

}  // namespace

Status check_pid_file(const std::string& path) {
  if (path.empty()) return {};
  const FileDescriptor dir = CAISSON_TRY(open_parent(path));
  return check_replaceable(dir, path);
}

Status write_pid_file(const std::string& path, int pid) {
  const FileDescriptor dir = CAISSON_TRY(open_parent(path));
  // Looked at again: it was not ours to guard meanwhile.
  CAISSON_TRY(check_replaceable(dir, path));
  CAISSON_TRY(sys::replace_file(dir, path.substr(path.rfind('/') + 1), fmt::format("{}", pid), 0644), "pid file '{}'",
              path);
  return {};
}

namespace {

/// $LISTEN_FDS. sd_listen_fds(3): the descriptors are for the process that LISTEN_PID names; unset, LISTEN_PID means
/// whoever runs.
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

Result<std::vector<FileDescriptor>> enter_or_attach(cgroup::CgroupManager& cgroup, pid_t pid, bool born, bool late,
                                                    const plan::HostFacts& facts) {
  // Since Linux 5.16 the permission to move is that of who has opened the file, not of who writes.
  if (born && std::pair(facts.kernel_major, facts.kernel_minor) >= std::pair(5, 16))
    if (auto entrance = cgroup.entrance(late)) return std::move(entrance->files);
  CAISSON_TRY(cgroup.attach(pid));
  return std::vector<FileDescriptor>();
}

Status send_proceed(const wire::Channel& channel, const std::optional<plan::SeccompPlan>& plan, bool own_limits) {
  // Asked here, where there is time: init has ignored none of its own.
  wire::Proceed proceed{.filter = plan.has_value(),
                        .seccomp_flags = 0,
                        .seccomp_notify = false,
                        .ignored_signals = sys::ignored_signals(),
                        .own_limits = own_limits};
  if (!plan) return channel.send(proceed);
  const timeline::Span span("build the seccomp filter");
  const process::CompiledFilter filter = CAISSON_TRY(process::compile(*plan));
  // Engines' default profiles have such rules in every run: it is a note for who asks, not a warning to all.
  for (const auto& warning : filter.warnings) log::info("{}", warning);
  proceed.seccomp_flags = filter.flags;
  proceed.seccomp_notify = plan->notify;
  const std::string_view bytes(reinterpret_cast<const char*>(filter.program.data()), filter.program.size());
  const FileDescriptor program = CAISSON_TRY(sys::memfd("seccomp", bytes, true));
  return channel.send(proceed, {program});
}

Status pass_listener(const Child& child, int number, const plan::SeccompPlan& plan, const config::Spec& spec,
                     const std::string& id, const std::string& bundle, std::string_view status, int init_pid) {
  const FileDescriptor listener =
      CAISSON_TRY(sys::take_descriptor(child.process().pidfd(), number), "take seccomp listener");
  config::ContainerProcessState state;
  state.pid = child.process().pid();
  state.metadata = plan.listener_metadata;
  state.state.id = id;
  state.state.status = status;
  state.state.pid = init_pid;
  state.state.bundle = bundle;
  state.state.annotations = spec.annotations;
  auto socket = sys::connect_path(plan.listener_path, SOCK_STREAM);
  if (!socket)
    return std::unexpected(std::move(socket)
                               .error()
                               .with("failed to connect with seccomp agent specified in the seccomp profile")
                               .at("/linux/seccomp/listenerPath"));
  CAISSON_TRY(sys::send_packet(*socket, config::save(state), {listener}), "seccomp agent '{}'", plan.listener_path);
  return child.channel().send(wire::Taken{});
}

Status check_console(bool terminal, bool detached, const std::string& console_socket, const std::string& pointer) {
  if (terminal && detached && console_socket.empty())
    return fail_config(pointer, "cannot allocate tty if caisson will detach without setting console socket");
  if (!console_socket.empty() && !(terminal && detached))
    return fail_config(pointer, "cannot use console socket if caisson will not detach or allocate tty");
  return {};
}

std::string absolute_path(const std::string& path) {
  if (path.empty() || path.front() == '/') return path;
  char cwd[PATH_MAX];
  if (::getcwd(cwd, sizeof cwd) == nullptr) return path;
  return std::string(cwd) + "/" + path;
}

}  // namespace caisson::container
