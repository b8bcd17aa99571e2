// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "base/timeline.hpp"
#include "config/oci_state.hpp"
#include "init/context.hpp"
#include "process/apply_identity.hpp"
#include "process/console.hpp"
#include "process/executable.hpp"
#include "process/load_filter.hpp"
#include "process/lsm.hpp"
#include "process/run_hooks.hpp"
#include "process/sysctl.hpp"
#include "rootfs/device_nodes.hpp"
#include "rootfs/mounter.hpp"
#include "rootfs/switch_root.hpp"
#include "sys/credential.hpp"
#include "sys/descriptor_limit.hpp"
#include "sys/file.hpp"
#include "sys/process.hpp"
#include "sys/socket.hpp"

namespace caisson::init {

namespace {

std::string state_for_hooks(const InitContext& c, const char* status) {
  config::OciState state;
  state.id = c.begin.id;
  state.status = status;
  state.pid = ::getpid();  // for hooks in the container's namespaces, the pid as the container sees it
  state.bundle = c.begin.bundle;
  state.annotations = c.spec.annotations;
  return config::save(state);
}

Status join_session_keyring(InitContext& c) {
  if (c.begin.no_new_keyring) return {};
  if (!c.identity.selinux_label.empty()) CAISSON_TRY(process::apply_keyring_label(c.proc, c.identity));
  return process::join_session_keyring(c.begin.id);
}

Status attach_mounts(InitContext& c) {
  c.environment.wait_for_cgroups = [&c] { return wait_for_cgroups(c); };
  if (c.pid_namespace)
    c.environment.in_pid_namespace = [&c](const auto& open) { return open_in_pid_namespace(c.pid_namespace, open); };
  {
    const timeline::Span span("enter the root file system");
    c.root = CAISSON_TRY(rootfs::enter_rootfs(c.rootfs, c.environment));
  }
  {
    const timeline::Span span("mount");
    CAISSON_TRY(rootfs::attach_mounts(*c.root, c.rootfs, c.environment));
    if (c.begin.descriptor_limit) CAISSON_TRY(sys::set_descriptor_limit(*c.begin.descriptor_limit));
  }
  const timeline::Span span("make devices");
  FileDescriptor nodes;
  if (rootfs::has_prepared_nodes(c.rootfs) && !c.environment.prepared.empty())
    nodes = std::move(c.environment.prepared.back());
  return rootfs::make_devices(*c.root, c.rootfs, std::move(nodes), c.environment.notes);
}

Status wait_for_proceed(InitContext& c) {
  std::vector<FileDescriptor> fds;
  const auto proceed = CAISSON_TRY(c.channel.expect<wire::Proceed>(&fds));
  c.seccomp_flags = proceed.seccomp_flags;
  c.seccomp_notify = proceed.seccomp_notify;
  c.ignored_signals = proceed.ignored_signals;
  if (proceed.own_limits) c.begin.limits_by_parent = false;
  if (fds.size() != (proceed.filter ? 1U : 0U))
    return fail(ErrorKind::system, "{} descriptors came with Proceed", fds.size());
  if (proceed.filter) c.filter = std::move(fds.front());
  return {};
}

Status wait_for_runtime(InitContext& c) {
  CAISSON_TRY(wait_for_cgroups(c));
  if (c.begin.awaits_rootfs) CAISSON_TRY(c.channel.send(wire::RootfsReady{}));
  return wait_for_proceed(c);
}

Status run_create_container_hooks(InitContext& c) {
  if (!c.spec.hooks || c.spec.hooks->create_container.empty()) return {};
  // Their paths are the runtime's, though they run in the container's namespaces: the root is not switched yet. They
  // start in the rootfs by its descriptor: its path may lead through directories that a user namespace's root may not
  // search.
  return process::run_hooks(c.spec.hooks->create_container, state_for_hooks(c, "creating"),
                            {.stage = "createContainer",
                             .cwd = {},
                             .cwd_fd = c.root->fd().get(),
                             .out = c.hook_out.get(),
                             .err = c.hook_err.get()});
}

Status switch_root(InitContext& c) {
  c.proc = {};
  c.root = CAISSON_TRY(rootfs::switch_root(std::move(*c.root), c.rootfs));
  CAISSON_TRY(rootfs::adopt_null(*c.root, c.rootfs));
  return enter_pid_namespace(c);
}

/// A user that is known by name: the names are the container's.
Status find_user(InitContext& c) {
  const config::Extension& more = c.spec.extension_or_empty();
  return more.named_user ? process::find_user(more.user, c.identity) : Status();
}

Status open_console(InitContext& c) {
  if (!c.identity.terminal) return {};
  process::Console console = CAISSON_TRY(process::open_console(c.identity));
  if (c.root) CAISSON_TRY(rootfs::mount_console(*c.root, console.slave));
  CAISSON_TRY(c.channel.send(wire::Console{console.name}, {console.master}));
  console.master.reset();
  return process::take_console(console.slave);
}

/// A session of its own, so that no signal of the caller's terminal reaches it; with a terminal take_console made it.
Status lead_session(InitContext& c) {
  if (!c.identity.terminal && ::setsid() < 0 && errno != EPERM) return fail_errno("setsid");
  return {};
}

Status make_working_directory(InitContext& c) {
  auto made = rootfs::make_cwd(*c.root, c.identity.cwd);
  if (!made) return std::unexpected(std::move(made).error().at(c.identity.pointer + "/cwd"));
  return {};
}

Status set_names(InitContext& c) {
  const auto& host = c.spec.hostname;
  const auto& domain = c.spec.domainname;
  if (!host.empty() && ::sethostname(host.data(), host.size()) != 0)
    return std::unexpected(fail_errno("sethostname('{}')", host).error().at("/hostname"));
  if (!domain.empty() && ::setdomainname(domain.data(), domain.size()) != 0)
    return std::unexpected(fail_errno("setdomainname('{}')", domain).error().at("/domainname"));
  return {};
}

Status set_apparmor_profile(InitContext& c) {
  if (c.identity.apparmor_profile.empty()) return {};
  return process::apply_apparmor_profile(c.proc, c.identity);
}

Status write_sysctls(InitContext& c) {
  if (!c.spec.linux || c.spec.linux->sysctl.empty()) return {};
  return process::apply_sysctls(c.proc, c.spec.linux->sysctl);
}

/// After the sysctls, which the masks may cover.
Status finish_root(InitContext& c) { return rootfs::finish_rootfs(*c.root, c.rootfs); }

Status forbid_new_privileges(InitContext& c) { return process::apply_no_new_privileges(c.identity); }

Status set_scheduling(InitContext& c) {
  CAISSON_TRY(c.begin.kind == wire::Kind::exec ? process::apply_final_affinity(c.identity) : process::reset_affinity());
  return process::apply_scheduling(c.identity);
}

Status set_limits(InitContext& c) {
  // The runtime sets those of an exec before Proceed, and those of a new container before it says that it is recorded.
  c.limits_are_set = !c.begin.limits_by_parent || c.begin.kind == wire::Kind::exec;
  return c.begin.limits_by_parent ? Status() : process::apply_limits(c.identity);
}

/// Late: with it on, the next execve changes the label, and no step before it may exec.
Status set_selinux_label(InitContext& c) {
  if (!c.identity.selinux_label.empty()) CAISSON_TRY(process::apply_selinux_label(c.proc, c.identity));
  c.proc = {};
  return {};
}

/// Loads the filter into the calling process; the listener, if it notifies one.
Result<std::optional<FileDescriptor>> confine(const InitContext& c, std::string_view program) {
  std::optional<sys::CapabilitySets> lasting;
  if (!c.identity.no_new_privileges) lasting = CAISSON_TRY(process::raise_filter_privilege(c.identity));
  auto listener = CAISSON_TRY(process::load(std::as_bytes(std::span(program)), c.seccomp_flags));
  if (lasting) CAISSON_TRY(sys::set_capabilities(*lasting), "give up the privilege to load a filter");
  return listener;
}

Status load_filter(InitContext& c) {
  log::send_to(nullptr, nullptr, log::Level::error);
  const std::string program = CAISSON_TRY(sys::read_all(c.filter, "seccomp program"));
  c.filter.reset();
  const auto listener = CAISSON_TRY(confine(c, program));
  if (!listener) return {};
  // The parent takes the descriptor out of us by this number: sendmsg may be among the calls that notify.
  CAISSON_TRY(c.channel.send_plainly(wire::SeccompListener{listener->get()}));
  return c.channel.await_plainly();
}

/// The bounding set needs CAP_SETPCAP, so it comes before the user changes; the directory may be open to root alone
/// or to the user alone.
Status become_user(InitContext& c) {
  using process::FilterPrivilege;
  const auto filter = c.filter && !c.identity.no_new_privileges ? FilterPrivilege::keep : FilterPrivilege::none;
  CAISSON_TRY(process::drop_bounding(c.identity));
  const bool entered = CAISSON_TRY(process::enter_directory(c.identity));
  CAISSON_TRY(process::become_user(c.identity));
  CAISSON_TRY(process::apply_capabilities(c.identity, filter));
  if (!entered && !CAISSON_TRY(process::enter_directory(c.identity)))
    return fail_config(c.identity.pointer + "/cwd", "chdir('{}'): permission denied", c.identity.cwd);
  return process::check_directory();
}

Status find_program(InitContext& c) {
  c.env = CAISSON_TRY(process::make_environment(c.identity));
  if (c.begin.listen_fds > 0) {
    // The config's own would be the first that getenv(3) finds.
    std::erase_if(c.env, [](const std::string& entry) {
      return entry.starts_with("LISTEN_FDS=") || entry.starts_with("LISTEN_PID=");
    });
    c.env.push_back(fmt::format("LISTEN_FDS={}", c.begin.listen_fds));
    // sd_listen_fds(3) compares it with getpid(2), which is 1 only for the first process of a PID namespace.
    c.env.push_back(fmt::format("LISTEN_PID={}", ::getpid()));
  }
  auto found = process::find_executable(c.identity.args.front(), c.env);
  if (!found) return std::unexpected(std::move(found).error().at(c.identity.pointer + "/args/0"));
  c.program = std::move(*found);
  log::debug("program: '{}', {} arguments, {} variables", c.program, c.identity.args.size(), c.env.size());
  return {};
}

/// A listener must be handed over while the creator is there to take it.
Status load_notifying_filter(InitContext& c) { return c.filter && c.seccomp_notify ? load_filter(c) : Status(); }

/// As late as can be: the fewer calls of our own the filter must let pass, the better. Engines' profiles are made for
/// other runtimes' calls and know neither faccessat2(2) nor close_range(2).
Status load_last_filter(InitContext& c) { return c.filter ? load_filter(c) : Status(); }

/// From here on we only wait for the creator's word, and learn of its end by the channel's: the signal at its end would
/// hit us also when it ends well.
Status announce(InitContext& c) {
  // We are recorded already, and the config's lock, which says that we are not what we shall be, goes with the rest.
  if (c.begin.runs_at_once) return {};
  CAISSON_TRY(sys::set_parent_death_signal(0));
  CAISSON_TRY(c.channel.send_plainly(wire::Created{std::exchange(c.environment.notes, {})}));
  if (c.begin.start_by_parent)
    CAISSON_TRY(c.channel.expect<wire::Start>());
  else
    CAISSON_TRY(c.channel.expect<wire::Recorded>());
  c.limits_are_set = true;
  c.config.reset();
  return {};
}

/// The first process of a PID namespace is spared by signals that it has no handler for, and a created container could
/// not be ended but by SIGKILL. execve gives the user's program the default actions.
void end_by_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { ::_exit(128 + signal); };
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

/// How many that have connected and said nothing yet are kept: the one that came first goes then.
constexpr std::size_t kSilentCallers = 16;

/// Whether a caller may start the container: root, or the user whose runtime made it. The socket's mode lets no user
/// else connect; in a user namespace both may have the number of those that have none there.
bool may_start(uid_t creator, FdView caller) {
  const auto user = sys::peer_user(caller);
  return user && (*user == 0 || *user == creator);
}

/// A caller that connects and closes only looks whether we still wait, and a silent one keeps no other caller waiting.
Status wait_for_start(InitContext& c) {
  if (c.begin.start_by_parent) return {};
  end_by_signals();
  const uid_t creator = CAISSON_TRY(sys::peer_user(c.channel.fd()));
  std::vector<wire::Channel> callers;
  for (;;) {
    std::vector<pollfd> ready{{c.start_listener.get(), POLLIN, 0}};
    for (const auto& caller : callers) ready.push_back({caller.fd().get(), POLLIN, 0});
    if (::poll(ready.data(), ready.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return fail_errno("poll()");
    }
    for (std::size_t i = ready.size() - 1; i > 0; --i) {
      if (ready[i].revents == 0) continue;
      auto word = callers[i - 1].receive();
      if (word && std::holds_alternative<wire::Start>(word->message)) {
        c.start_listener.reset();
        c.channel = std::move(callers[i - 1]);
        return {};
      }
      callers.erase(callers.begin() + static_cast<std::ptrdiff_t>(i) - 1);
    }
    if (ready[0].revents == 0) continue;
    FileDescriptor caller = CAISSON_TRY(sys::accept_connection(c.start_listener));
    if (!may_start(creator, caller)) continue;
    if (callers.size() == kSilentCallers) callers.erase(callers.begin());
    callers.emplace_back(std::move(caller));
  }
}

/// Their programs are the container's: they run behind its filter, which is loaded by each for itself, since what runs
/// them has calls of its own to make.
Status run_start_container_hooks(InitContext& c) {
  if (!c.spec.hooks || c.spec.hooks->start_container.empty()) return {};
  // The caller's environment is the host's. Programs of the container get the container's.
  process::HookOptions options{
      .stage = "startContainer", .cwd = {}, .default_env = &c.env, .out = c.hook_out.get(), .err = c.hook_err.get()};
  std::string program;
  if (c.filter) {
    program = CAISSON_TRY(sys::read_all(c.filter, "seccomp program"));
    if (::lseek(c.filter.get(), 0, SEEK_SET) != 0) return fail_errno("lseek(seccomp program)");
    options.confine = [&c, &program] {
      const auto confined = confine(c, program);
      return confined ? 0 : confined.error().sys_errno() != 0 ? confined.error().sys_errno() : EPERM;
    };
  }
  return process::run_hooks(c.spec.hooks->start_container, state_for_hooks(c, "created"), std::move(options));
}

/// SIGKILL when the runtime ends. It may have ended before this: then nobody holds the channel's other end.
Status end_with_caller(InitContext& c) {
  CAISSON_TRY(sys::set_parent_death_signal(SIGKILL));
  return c.channel.check_peer();
}

/// The last that may fail but for the filter and execve. Nothing of the host may be open when the kernel resolves the
/// program's path (CVE-2024-21626).
Status leave_nothing(InitContext& c) {
  if (c.begin.kind == wire::Kind::create && c.spec.extension_or_empty().ends_with_caller)
    CAISSON_TRY(end_with_caller(c));
  else
    CAISSON_TRY(sys::set_parent_death_signal(0));
  sys::reset_signals(c.ignored_signals);
  log::send_to(nullptr, nullptr, log::Level::error);
  const std::array<int, 2> keep{c.channel.fd().get(), c.filter.get()};
  CAISSON_TRY(process::close_descriptors(3 + static_cast<int>(c.begin.preserve_fds), keep));
  return c.channel.send_plainly(wire::Executing{std::exchange(c.environment.notes, {})});
}

/// The channel is closed by execve itself: that end of the stream is the word of success.
Status execute(InitContext& c) {
  return std::unexpected(process::execute(c.program, c.identity.args, c.env).at(c.identity.pointer + "/args/0"));
}

// The life of a container's first process, top to bottom. The name is the error's context.
constexpr InitStep kCreateSteps[] = {
    {"join session keyring", join_session_keyring},
    {"", attach_mounts, "mount and make devices"},
    {"", wait_for_runtime, "wait for the runtime"},
    {"", run_create_container_hooks, "run createContainer hooks"},
    {"switch root", switch_root},
    {"", find_user, "find the user"},
    {"open console", open_console},
    {"lead a session", lead_session},
    {"", make_working_directory},
    {"set host name", set_names},
    {"set AppArmor profile", set_apparmor_profile},
    {"write sysctl", write_sysctls},
    {"finish root filesystem", finish_root},
    {"forbid new privileges", forbid_new_privileges},
    {"set scheduling", set_scheduling},
    {"set resource limits", set_limits},
    {"set SELinux label", set_selinux_label},
    {"become user", become_user},
    {"", find_program, "find the program"},
    {"load seccomp filter", load_notifying_filter},
    {"", announce, "wait to be recorded"},
    {"wait for start", wait_for_start},
    {"", run_start_container_hooks, "run startContainer hooks"},
    {"", leave_nothing, "leave nothing open"},
    {"load seccomp filter", load_last_filter},
    {"", execute, "execute the program"},
};

// The runtime is waited for first: before it has heard of us from the stage, it listens to nothing that we say.
constexpr InitStep kExecSteps[] = {
    {"wait for the runtime", wait_for_proceed},
    {"join session keyring", join_session_keyring},
    {"", find_user, "find the user"},
    {"open console", open_console},
    {"lead a session", lead_session},
    {"set AppArmor profile", set_apparmor_profile},
    {"forbid new privileges", forbid_new_privileges},
    {"set scheduling", set_scheduling},
    {"set resource limits", set_limits},
    {"set SELinux label", set_selinux_label},
    {"become user", become_user},
    {"", find_program, "find the program"},
    {"", leave_nothing, "leave nothing open"},
    {"load seccomp filter", load_last_filter},
    {"", execute, "execute the program"},
};

constexpr InitStep kFunctionSteps[] = {
    {"wait for the runtime", wait_for_proceed},
    {"", run_function},
};

}  // namespace

std::span<const InitStep> function_steps() { return kFunctionSteps; }
std::span<const InitStep> create_steps() { return kCreateSteps; }
std::span<const InitStep> exec_steps() { return kExecSteps; }

}  // namespace caisson::init
