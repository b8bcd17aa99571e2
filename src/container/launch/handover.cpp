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
#include "container/launch/debug_story.hpp"
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
  log_filter(filter, *plan);
  proceed.seccomp_flags = filter.flags;
  proceed.seccomp_notify = plan->notify;
  const std::string_view bytes(reinterpret_cast<const char*>(filter.program.data()), filter.program.size());
  const FileDescriptor program = CAISSON_TRY(sys::memfd("seccomp", bytes, true));
  return channel.send(proceed, {program});
}

Status pass_listener(const sys::ProcessHandle& init, int number, const plan::SeccompPlan& plan,
                     const config::Spec& spec, const std::string& id, const std::string& bundle,
                     std::string_view status, int init_pid) {
  const FileDescriptor listener = CAISSON_TRY(sys::take_descriptor(init.pidfd(), number), "take seccomp listener");
  config::ContainerProcessState state;
  state.pid = init.pid();
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
  return {};
}

Status check_console(bool terminal, bool detached, const std::string& console_socket, const std::string& pointer) {
  if (terminal && detached && console_socket.empty())
    return fail_config(pointer, "cannot allocate tty if caisson will detach without setting console socket");
  if (!console_socket.empty() && !(terminal && detached))
    return fail_config(pointer, "cannot use console socket if caisson will not detach or allocate tty");
  return {};
}

}  // namespace caisson::container
