// SPDX-License-Identifier: Apache-2.0
#include "container/launch/bring_up.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/timeline.hpp"
#include "process/executable.hpp"
#include "selfexe/protect.hpp"
#include "selfexe/swap_image.hpp"
#include "sys/namespace.hpp"
#include "sys/process.hpp"
#include "sys/socket.hpp"
#include "wire/inheritance.hpp"

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

/// Makes this process one that a clone may go on from: its program is `exe`, and nobody in a container that the clone
/// joins reads its memory or its descriptors.
Status become_heritable(FdView exe) {
  const std::string path = fmt::format("/proc/self/fd/{}", exe.get());
  FileDescriptor program(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!program) return fail_errno("open('{}')", path);
  CAISSON_TRY(sys::change_own_image(program));
  return sys::hide_from_others();
}

/// The caller's environment is none of the container's business.
void forget_environment() {
  for (char** entry = environ; *entry != nullptr; ++entry) ::explicit_bzero(*entry, std::strlen(*entry));
  *environ = nullptr;
}

/// The child as heir. Returns only with the reason why it cannot be.
Error take_over(const SpawnOptions& options, wire::Channel& channel) {
  const Bequest& bequest = *options.bequest;
  if (options.signal_mask != nullptr) ::sigprocmask(SIG_SETMASK, options.signal_mask, nullptr);
  std::vector<int> kept{channel.fd().get()};
  if (options.config >= 0) kept.push_back(options.config);
  for (const auto& fd : bequest.descriptors) kept.push_back(fd.get());
  // The others' owners are in this memory, too, but are never ended here: nothing returns from init.
  if (auto closed = process::close_descriptors(3 + static_cast<int>(bequest.begin.preserve_fds), kept); !closed)
    return std::move(closed).error();
  forget_environment();
  wire::Inheritance inheritance{.channel = std::move(channel),
                                .begin = std::move(bequest.begin),
                                .config = FileDescriptor(options.config),
                                .descriptors = {},
                                .spec = std::move(bequest.spec),
                                .plan = std::move(bequest.plan)};
  for (const auto& fd : bequest.descriptors) inheritance.descriptors.emplace_back(fd.get());
  bequest.entry(std::move(inheritance));
  std::unreachable();
}

}  // namespace

bool may_bequeath(const Globals& globals, const plan::HostFacts& facts) {
  return globals.init != nullptr && facts.privileged && facts.euid == 0 && sys::can_change_own_image();
}

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

Result<OwnBinary> protect_own_binary(bool privileged, bool exchange) {
  const timeline::Span span("protect our own binary");
  if (FileDescriptor early = sys::take_early_image()) {
    const bool ready = exchange && sys::hide_own_arguments() && sys::hide_from_others();
    return OwnBinary{std::move(early), ready};
  }
  OwnBinary own{CAISSON_TRY(open_protected_self(privileged))};
  own.is_program = exchange && become_heritable(own.file).has_value();
  return own;
}

Result<Child> spawn(const SpawnOptions& options) {
  OwnBinary own = options.own != nullptr
                      ? std::move(*options.own)
                      : CAISSON_TRY(protect_own_binary(options.privileged, options.bequest != nullptr));
  const bool heir = options.bequest != nullptr && own.is_program;
  auto [ours, theirs] = CAISSON_TRY(sys::packet_pair());
  const std::string number = fmt::format("{}", theirs.get());
  const std::string config = fmt::format("{}", options.config);
  const timeline::Span cloning("clone");
  // The signals that we handle are not to be handled by our code in a container.
  const std::uint64_t flags = options.namespaces | (heir ? CLONE_CLEAR_SIGHAND : 0);
  auto cloned = sys::clone3({.flags = flags, .cgroup = options.cgroup});
  bool in_cgroup = options.cgroup >= 0;
  if (!cloned && in_cgroup) {
    // A cgroup that cannot be born into (EBUSY, EACCES, EOPNOTSUPP) may still be joined by a write.
    in_cgroup = false;
    cloned = sys::clone3({.flags = flags, .cgroup = -1});
  }
  if (!cloned) return std::unexpected(std::move(cloned).error());
  if (cloned->pid == 0) {
    // Our copy of the other end would keep us waiting for a runtime that is gone.
    ours.reset();
    wire::Channel channel(std::move(theirs));
    Error error =
        heir ? take_over(options, channel) : reenter(options, own.file, channel, number.c_str(), config.c_str());
    (void)channel.send(wire::Failed{std::move(error)});
    ::_exit(1);
  }
  if (heir) sys::show_own_arguments();
  return Child(sys::ProcessHandle(cloned->pid, std::move(cloned->pidfd)), wire::Channel(std::move(ours)), in_cgroup,
               heir, std::move(own.file));
}

}  // namespace caisson::container
