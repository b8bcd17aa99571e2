// SPDX-License-Identifier: Apache-2.0
#include "container/launch/bring_up.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/timeline.hpp"
#include "process/executable.hpp"
#include "selfexe/swap_image.hpp"
#include "sys/credential.hpp"
#include "sys/file.hpp"
#include "sys/filtered.hpp"
#include "sys/namespace.hpp"
#include "sys/process.hpp"
#include "sys/socket.hpp"

namespace caisson::container {

namespace {

/// The caller's environment is none of the container's business.
void forget_environment() {
  if (environ == nullptr) return;
  for (char** entry = environ; *entry != nullptr; ++entry) ::explicit_bzero(*entry, std::strlen(*entry));
}

/// Each is copied out of the way first: one's number may be the target of another.
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

/// The child between clone3 and execveat. Returns only when that failed, with the reason.
Error exec_init(const BringUp& wanted, const wire::Channel& channel, const char* channel_number,
                const char* config_number) {
  if (wanted.signal_mask != nullptr) ::sigprocmask(SIG_SETMASK, wanted.signal_mask, nullptr);
  if (wanted.waits_for_maps) {
    // Without a mapped uid 0 execve would take all capabilities, so the maps must stand before it.
    if (auto mapped = channel.expect<wire::Mapped>(); !mapped) return std::move(mapped).error();
    const FileDescriptor proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (auto root = sys::become_namespace_root(proc); !root) return std::move(root).error();
    // Where uid 0 is not mapped we are not root, from whom execve(2) takes all but ambient capabilities.
    if (::geteuid() != 0)
      if (auto kept = sys::keep_capabilities_over_execve(); !kept) return std::move(kept).error();
  }
  if (auto taken = take_streams(wanted.streams); !taken) return std::move(taken).error();
  if (wanted.hides_descriptors)
    if (auto hidden = sys::close_on_exec_from(3); !hidden) return std::move(hidden).error();
  ::fcntl(channel.fd().get(), F_SETFD, 0);
  ::fcntl(wanted.config, F_SETFD, 0);
  const char* const arguments[] = {"caisson", "init", channel_number, config_number, nullptr};
  const char* const environment[] = {nullptr};
  const FdView program = wanted.program.file();
  ::syscall(SYS_execveat, program.get(), "", arguments, environment, AT_EMPTY_PATH);
  // Where a filter refuses that call. The descriptor is closed by this execve as well.
  if (sys::may_be_filtered(errno)) ::syscall(SYS_execve, sys::proc_path(program).c_str(), arguments, environment);
  return fail_errno("execveat(caisson's own program)").error();
}

/// Descriptors that init has in memory.
std::vector<int> descriptors_of(const BringUp& wanted, FdView channel) {
  std::vector<int> kept{channel.get()};
  if (wanted.config >= 0) kept.push_back(wanted.config);
  for (const auto& fd : wanted.in_memory->descriptors) kept.push_back(fd.get());
  return kept;
}

int first_closed(const BringUp& wanted) { return 3 + static_cast<int>(wanted.in_memory->begin.preserve_fds); }

/// The child that runs init in memory. Destructors of the caller's objects never run here: nothing returns from init.
[[noreturn]] void run_init_in_memory(const BringUp& wanted, FileDescriptor channel) {
  if (wanted.signal_mask != nullptr) ::sigprocmask(SIG_SETMASK, wanted.signal_mask, nullptr);
  forget_environment();
  wanted.in_memory->config = wanted.config;
  wanted.in_memory->channel = wire::Channel(std::move(channel));
  wanted.run_in_memory(std::move(*wanted.in_memory));
  ::_exit(1);
}

[[noreturn]] void report_and_end(const wire::Channel& channel, Error error) {
  (void)channel.send(wire::Failed{std::move(error)});
  ::_exit(1);
}

/// The child's part after clone3.
[[noreturn]] void be_child(const BringUp& wanted, bool in_memory, FileDescriptor socket, const char* channel_number,
                           const char* config_number) {
  if (in_memory) {
    const auto kept = descriptors_of(wanted, socket);
    if (auto closed = process::close_descriptors(first_closed(wanted), kept); !closed)
      report_and_end(wire::Channel(std::move(socket)), std::move(closed).error());
    run_init_in_memory(wanted, std::move(socket));
  }
  const wire::Channel channel(std::move(socket));
  report_and_end(channel, exec_init(wanted, channel, channel_number, config_number));
}

Result<Child> clone_child(const BringUp& wanted, bool in_memory) {
  auto [ours, theirs] = CAISSON_TRY(sys::packet_pair());
  const std::string number = fmt::format("{}", theirs.get());
  const std::string config = fmt::format("{}", wanted.config);
  const timeline::Span cloning("clone");
  // Handlers of signals must not run our code in a container.
  const std::uint64_t flags = wanted.namespaces | (in_memory ? CLONE_CLEAR_SIGHAND : 0);
  auto cloned = sys::clone3({.flags = flags, .cgroup = wanted.cgroup});
  bool in_cgroup = wanted.cgroup >= 0;
  if (!cloned && in_cgroup) {
    // Refused (EBUSY, EACCES, EOPNOTSUPP), the cgroup may still be entered by a write.
    in_cgroup = false;
    cloned = sys::clone3({.flags = flags, .cgroup = -1});
  }
  if (!cloned) return std::unexpected(std::move(cloned).error());
  if (cloned->pid == 0) {
    // Init learns of the creator's end by that of the socket: no copy of the other end may be open in init.
    ours.reset();
    be_child(wanted, in_memory, std::move(theirs), number.c_str(), config.c_str());
  }
  return Child(sys::ProcessHandle(cloned->pid, std::move(cloned->pidfd)), wire::Channel(std::move(ours)), in_cgroup,
               in_memory);
}

Result<Child> clone_joined_child(const BringUp& wanted) {
  auto [ours, theirs] = CAISSON_TRY(sys::packet_pair());
  const timeline::Span cloning("clone");
  const auto run = [&wanted, socket = theirs.get()] { run_init_in_memory(wanted, FileDescriptor(socket)); };
  // For good, and before the clone: processes of the container may read the memory of the new one from its first
  // moment. The runtime needs no variable after this.
  forget_environment();
  const pid_t pid = CAISSON_TRY(
      clone_joined(*wanted.join, wanted.program, first_closed(wanted), descriptors_of(wanted, theirs), run));
  return Child(CAISSON_TRY(sys::adopt_child(pid)), wire::Channel(std::move(ours)), true, true);
}

}  // namespace

bool can_run_init_in_memory(const Globals& globals, const plan::HostFacts& facts) {
  return globals.init != nullptr && facts.privileged && facts.euid == 0 && selfexe::can_replace_image();
}

Child::~Child() {
  if (!owned_ || !process_) return;
  // It has ended already where these fail.
  (void)process_.signal(SIGKILL);
  // A v1 cgroup above its own that is frozen keeps even the killed from ending.
  constexpr int kEndTimeoutMs = 10'000;
  if (process_.wait_for_end(kEndTimeoutMs).value_or(true)) (void)process_.reap();
}

Status Child::replace_stage(sys::ProcessHandle init) {
  sys::ProcessHandle stage = std::exchange(process_, std::move(init));
  const auto status = CAISSON_TRY(stage.reap());
  if (status.code() != 0) return fail(ErrorKind::system, "the stage before init ended with {}", status.code());
  return {};
}

Result<bool> Child::await_init() {
  std::vector<FileDescriptor> pidfd;
  const auto spawned = CAISSON_TRY(channel_.expect<wire::Spawned>(&pidfd));
  if (pidfd.size() != 1) return fail(ErrorKind::system, "{} descriptors came with Spawned", pidfd.size());
  CAISSON_TRY(replace_stage(sys::ProcessHandle(spawned.pid, std::move(pidfd.front()))));
  return spawned.in_cgroup;
}

Result<Child> bring_up(const BringUp& wanted) {
  const bool in_memory = wanted.in_memory != nullptr && wanted.program.is_own_image();
  if (!in_memory) CAISSON_TRY(wanted.program.seal());
  auto child = in_memory && wanted.join != nullptr ? clone_joined_child(wanted) : clone_child(wanted, in_memory);
  if (in_memory) selfexe::show_own_arguments();
  return child;
}

}  // namespace caisson::container
