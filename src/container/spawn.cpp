// SPDX-License-Identifier: Apache-2.0
#include "container/spawn.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container/self_exe.hpp"
#include "sys/namespace.hpp"
#include "sys/process.hpp"
#include "sys/socket.hpp"

namespace caisson::container {

namespace {

/// Each is copied out of the way first: one's number may be another's goal.
Status take_streams(const std::array<int, 3>& streams) {
  std::array<FileDescriptor, 3> copies;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    if (streams[i] < 0) continue;
    copies[i].reset(::fcntl(streams[i], F_DUPFD_CLOEXEC, 3));
    if (!copies[i]) return fail_errno("standard stream {}: fcntl({}, F_DUPFD_CLOEXEC)", i, streams[i]);
  }
  for (std::size_t i = 0; i < streams.size(); ++i)
    if (copies[i] && ::dup2(copies[i].get(), static_cast<int>(i)) < 0) return fail_errno("dup2(standard stream {})", i);
  return {};
}

/// The child between clone3 and execveat. Returns only when execveat failed, with the reason.
Error reenter(const SpawnOptions& options, FdView exe, const wire::Channel& channel, const char* channel_number,
              const char* config_number) {
  if (options.signal_mask != nullptr) ::sigprocmask(SIG_SETMASK, options.signal_mask, nullptr);
  if (options.wait_for_maps) {
    // Without a mapped uid 0 execve would take all capabilities from us, so the maps must stand before it.
    if (auto mapped = channel.expect<wire::Mapped>(); !mapped) return std::move(mapped).error();
    if (auto root = sys::become_namespace_root(); !root) return std::move(root).error();
  }
  if (auto taken = take_streams(options.streams); !taken) return std::move(taken).error();
  if (options.hide_descriptors)
    if (auto hidden = sys::close_on_exec_from(3); !hidden) return std::move(hidden).error();
  ::fcntl(channel.fd().get(), F_SETFD, 0);
  ::fcntl(options.config, F_SETFD, 0);
  const char* const arguments[] = {"caisson", "init", channel_number, config_number, nullptr};
  const char* const environment[] = {nullptr};
  ::syscall(SYS_execveat, exe.get(), "", arguments, environment, AT_EMPTY_PATH);
  return fail_errno("execveat(our own binary)").error();
}

}  // namespace

Child::~Child() {
  if (!owned_ || !process_) return;
  // Whatever it was doing, nobody will finish it: errors here mean that it has ended already.
  (void)process_.signal(SIGKILL);
  (void)process_.reap();
}

Status Child::become(sys::ProcessHandle init) {
  sys::ProcessHandle stage = std::exchange(process_, std::move(init));
  const auto status = CAISSON_TRY(stage.reap());
  if (status.code() != 0) return fail(ErrorKind::system, "the stage before init ended with {}", status.code());
  return {};
}

Result<Child> spawn(const SpawnOptions& options) {
  FileDescriptor exe = CAISSON_TRY(open_protected_self(options.privileged));
  auto [ours, theirs] = CAISSON_TRY(sys::packet_pair());
  const std::string number = fmt::format("{}", theirs.get());
  const std::string config = fmt::format("{}", options.config);
  auto cloned = sys::clone3({.flags = options.namespaces, .cgroup = options.cgroup});
  bool in_cgroup = options.cgroup >= 0;
  if (!cloned && in_cgroup) {
    // A cgroup that cannot be born into (EBUSY, EACCES, EOPNOTSUPP) may still be joined by a write.
    in_cgroup = false;
    cloned = sys::clone3({.flags = options.namespaces, .cgroup = -1});
  }
  if (!cloned) return std::unexpected(std::move(cloned).error());
  if (cloned->pid == 0) {
    const wire::Channel channel(std::move(theirs));
    Error error = reenter(options, exe, channel, number.c_str(), config.c_str());
    (void)channel.send(wire::Failed{std::move(error)});
    ::_exit(1);
  }
  return Child(sys::ProcessHandle(cloned->pid, std::move(cloned->pidfd)), wire::Channel(std::move(ours)), in_cgroup);
}

}  // namespace caisson::container
