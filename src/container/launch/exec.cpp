// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/timeline.hpp"
#include "cgroup/manager.hpp"
#include "cgroup/resctrl_groups.hpp"
#include "config/validate.hpp"
#include "container/commands.hpp"
#include "container/foreground/signals.hpp"
#include "container/foreground/supervise.hpp"
#include "container/launch/bring_up.hpp"
#include "container/launch/conversation.hpp"
#include "container/launch/debug_story.hpp"
#include "container/launch/exec.hpp"
#include "container/launch/exec_spec.hpp"
#include "container/launch/handover.hpp"
#include "container/launch/kept_descriptors.hpp"
#include "container/launch/pid_file.hpp"
#include "container/launch/standard_streams.hpp"
#include "container/probe.hpp"
#include "container/record/container_dir.hpp"
#include "container/record/undo.hpp"
#include "container/record/update.hpp"
#include "container/watch/events_json.hpp"
#include "plan/plan.hpp"
#include "process/apply_identity.hpp"
#include "sys/file.hpp"
#include "sys/filtered.hpp"
#include "sys/interrupt.hpp"
#include "sys/namespace.hpp"
#include "sys/process.hpp"
#include "sys/tty.hpp"

namespace caisson::container {

namespace {

/// What the process is made with. Kept until it runs: each page that the runtime writes to after the clone is copied.
struct ProcessInputs {
  cgroup::Entrance entrance;
  FileDescriptor root;
  wire::Begin begin;
  std::vector<FdView> descriptors;  ///< beside `begin`
};

/// Everything one exec holds, from the record to the process.
struct Exec {
  const Globals& globals;
  const ExecOptions& options;
  Owner owner;
  State state;
  sys::ProcessHandle container;  ///< its init
  config::Spec spec;             ///< what init's side needs: the process, and the container's own values beside it
  std::optional<config::Seccomp> profile;  ///< what `seccomp` looks into
  std::optional<plan::SeccompPlan> seccomp;
  plan::HostFacts facts;
  plan::InitPlan plan;
  KeptDescriptors kept;
  std::unique_ptr<cgroup::CgroupManager> cgroup;
  std::uint64_t oom_kills_before = 0;
  ProcessInputs inputs;
  bool must_be_moved = false;  ///< it is not in the container's cgroups by itself
  std::optional<SignalCustody> signals;
  std::optional<sys::Interruptible> interruptible;  ///< detached: until the process runs
  std::optional<Child> child;
  FileDescriptor console;
};

Status open_container(Exec& exec, const Entry& entry) {
  const timeline::Span span("open the container");
  exec.state = CAISSON_TRY(load_settled_state(entry, LockHeld::unknown));
  // Before its execve, init may not even have left the host's root directory.
  if (exec.state.intent || CAISSON_TRY(entry.init_becomes(exec.state)))
    return fail(ErrorKind::wrong_state, "cannot exec in a container that is being created");
  auto init = open_init(exec.state);
  if (!init && init.error().kind() == ErrorKind::destroyed)
    return fail(ErrorKind::destroyed, "cannot exec in a stopped container");
  exec.container = CAISSON_TRY(std::move(init));
  exec.cgroup = CAISSON_TRY(cgroup::open(exec.state.cgroup_paths));
  if (CAISSON_TRY(exec.cgroup->frozen())) {
    if (!exec.options.ignore_paused)
      return fail(ErrorKind::paused, "cannot exec in a paused container (use --ignore-paused to override)");
    // To detach is to return once the process runs, and it runs when the container is resumed.
    if (exec.owner == Owner::none)
      return fail(ErrorKind::paused,
                  "cannot detach from a process in a paused container: resume it, or exec without --detach");
  }
  if (!exec.options.cgroups.empty())
    exec.cgroup = CAISSON_TRY(cgroup::open(CAISSON_TRY(sub_cgroups(exec.state.cgroup_paths, exec.options.cgroups))));
  return {};
}

/// The process may ask for the terminal's size at once: it has it from the start, not when the relay begins.
Status copy_terminal_size(config::Process& process) {
  const FdView input = FdView::of(STDIN_FILENO);
  if (!process.terminal || !sys::is_terminal(input)) return {};
  const sys::WindowSize size = CAISSON_TRY(sys::window_size(input));
  if (size.rows != 0) process.console_size = {.height = size.rows, .width = size.columns};
  return {};
}

Status decide(Exec& exec, const Entry& entry) {
  const timeline::Span span("decide");
  config::Spec saved = CAISSON_TRY(config::load_saved(CAISSON_TRY(entry.load_config())));
  exec.spec = CAISSON_TRY(make_exec_spec(saved, exec.options));
  std::vector<std::string> warnings;
  CAISSON_TRY(config::validate_process(*exec.spec.process, warnings));
  if (exec.owner == Owner::foreground) CAISSON_TRY(copy_terminal_size(*exec.spec.process));
  if (exec.owner != Owner::embedder) {
    const bool detached = exec.owner == Owner::none;
    CAISSON_TRY(check_console(exec.spec.process->terminal, detached, exec.options.console_socket, "/process/terminal"));
    CAISSON_TRY(check_pid_file(exec.options.pid_file));
    exec.kept = CAISSON_TRY(count_kept_descriptors(exec.options.preserve_fds));
  }
  exec.facts = CAISSON_TRY(probe_kernel());
  if (!exec.spec.process->apparmor_profile.empty() || !exec.spec.process->selinux_label.empty()) probe_lsm(exec.facts);
  if (saved.linux && exec.options.function.empty()) exec.profile = std::move(saved.linux->seccomp);
  if (exec.profile) exec.seccomp = CAISSON_TRY(plan::make_seccomp(*exec.profile, exec.facts));
  plan::InitOptions options{.exec = true, .exec_namespaces = exec.state.namespaces, .rootfs = {}};
  exec.plan = CAISSON_TRY(plan::make_init(exec.spec, exec.facts, options, warnings));
  for (const auto& warning : warnings) log::warn("{}", warning);
  if (log::level() == log::Level::debug) {
    log::debug("plan: join namespaces {:#x} of process {}", exec.state.namespaces, exec.state.init_process_pid);
    log_plan(plan::describe(exec.plan.identity));
  }
  return {};
}

/// The root directory of a container without a mount namespace, which setns cannot enter.
Result<FileDescriptor> open_root(const Exec& exec) {
  if ((exec.state.namespaces & CLONE_NEWNS) != 0) return FileDescriptor();
  const std::string path = fmt::format("/proc/{}/root", exec.state.init_process_pid);
  FileDescriptor root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno("open('{}')", path);
  return root;
}

wire::Begin make_begin(const Exec& exec) {
  wire::Begin begin;
  begin.kind = wire::Kind::exec;
  begin.id = exec.state.id;
  begin.bundle = exec.state.bundle;
  begin.facts = exec.facts;
  begin.no_new_keyring = exec.state.no_new_keyring;
  begin.limits_by_parent = (exec.state.namespaces & CLONE_NEWUSER) != 0;
  begin.preserve_fds = exec.kept.all;
  begin.listen_fds = exec.kept.listen;
  begin.debug = log::level() == log::Level::debug;
  begin.namespaces = exec.state.namespaces;
  begin.function = exec.options.function;
  return begin;
}

/// `in_memory`: the process has joined the container before it looks at any of this.
Status prepare_inputs(Exec& exec, bool in_memory) {
  ProcessInputs& inputs = exec.inputs;
  // Without permission, or on a kernel that checks it of init, the process is moved later: see run_process().
  if (std::pair(exec.facts.kernel_major, exec.facts.kernel_minor) >= std::pair(5, 16))
    if (auto found = exec.cgroup->entrance()) inputs.entrance = std::move(*found);
  inputs.root = CAISSON_TRY(open_root(exec));
  inputs.begin = make_begin(exec);
  inputs.begin.descriptors.timeline = timeline::descriptor() >= 0;
  if (inputs.begin.descriptors.timeline) inputs.descriptors.push_back(FdView::of(timeline::descriptor()));
  if (in_memory) return {};
  inputs.begin.descriptors.container = true;
  inputs.begin.descriptors.root = static_cast<bool>(inputs.root);
  return {};
}

/// Descriptors for a stage, in the order of wire::Descriptors.
std::vector<FdView> stage_descriptors(Exec& exec, bool enters_cgroups) {
  ProcessInputs& inputs = exec.inputs;
  std::vector<FdView> descriptors{exec.container.pidfd()};
  if (inputs.root) descriptors.push_back(inputs.root);
  inputs.begin.descriptors.tasks = 0;
  if (enters_cgroups) {
    for (const auto& file : inputs.entrance.files) descriptors.push_back(file);
    inputs.begin.descriptors.tasks = static_cast<unsigned>(inputs.entrance.files.size());
  }
  descriptors.insert(descriptors.end(), inputs.descriptors.begin(), inputs.descriptors.end());
  return descriptors;
}

/// Who the process is between its joining the container's user namespace and its change to the configured user.
Status choose_ids(Exec& exec, JoinTarget& target) {
  const FileDescriptor proc =
      CAISSON_TRY(sys::open_at(FdView::cwd(), fmt::format("/proc/{}", exec.container.pid()), O_PATH | O_DIRECTORY));
  const auto first = [&proc](const char* file) -> Result<std::uint32_t> {
    const std::string map = CAISSON_TRY(sys::read_file(proc, file));
    return sys::outer_id(map, 0) ? 0 : sys::first_mapped_id(map).value_or(0);
  };
  target.uid = CAISSON_TRY(first("uid_map"));
  target.gid = CAISSON_TRY(first("gid_map"));
  auto& identity = exec.plan.identity;
  target.keeps_groups = !identity.set_groups;
  if (identity.groups.empty() && process::setgroups_is_denied(proc)) identity.set_groups = false;
  return {};
}

/// One try. The process is in the container's cgroups from the first if it `enters_cgroups`; true when that holds.
Result<bool> try_to_bring_up(Exec& exec, selfexe::ProtectedProgram& program, bool in_memory, bool enters_cgroups) {
  ProcessInputs& inputs = exec.inputs;
  BringUp wanted{.program = program};
  wanted.signal_mask = exec.signals ? &exec.signals->mask_before() : nullptr;
  wanted.streams = exec.options.streams;
  wanted.hides_descriptors = exec.owner == Owner::embedder;
  const int clone_cgroup = enters_cgroups ? inputs.entrance.clone_cgroup.get() : -1;
  if (in_memory) {
    JoinTarget target{.pidfd = exec.container.pidfd(), .namespaces = exec.state.namespaces, .cgroup = clone_cgroup};
    if (inputs.root) target.root = inputs.root;
    if (enters_cgroups) target.tasks.assign(inputs.entrance.files.begin(), inputs.entrance.files.end());
    if ((exec.state.namespaces & CLONE_NEWUSER) != 0) CAISSON_TRY(choose_ids(exec, target));
    if (exec.plan.identity.initial_affinity) target.affinity = exec.plan.identity.initial_affinity->processors;
    wire::InMemoryInit init{inputs.begin, inputs.descriptors, exec.spec, exec.plan};
    wanted.in_memory = &init;
    wanted.run_in_memory = exec.globals.init;
    wanted.join = &target;
    exec.child.emplace(CAISSON_TRY(bring_up(wanted)));
    CAISSON_TRY(process::apply_oom_score(exec.plan.identity, exec.child->process().pid()), "set OOM score");
    return enters_cgroups;
  }
  const FileDescriptor config = CAISSON_TRY(sys::memfd("config", config::save(exec.spec), true));
  wanted.config = config.get();
  wanted.cgroup = clone_cgroup;
  exec.child.emplace(CAISSON_TRY(bring_up(wanted)));
  const bool in_cgroup = clone_cgroup < 0 || exec.child->in_cgroup();
  const std::vector<FdView> descriptors = stage_descriptors(exec, enters_cgroups);
  CAISSON_TRY(exec.child->channel().send(inputs.begin, descriptors));
  CAISSON_TRY(exec.child->await_init());
  return enters_cgroups && in_cgroup;
}

/// The same, with another try where pids.max leaves no room.
Result<bool> bring_up_process(Exec& exec, selfexe::ProtectedProgram& program, bool in_memory) {
  exec.inputs = {};
  CAISSON_TRY(prepare_inputs(exec, in_memory));
  const cgroup::Entrance& entrance = exec.inputs.entrance;
  const bool can_enter = entrance.clone_cgroup || !entrance.files.empty();
  auto entered = try_to_bring_up(exec, program, in_memory, can_enter);
  if (entered || !can_enter || entered.error().sys_errno() != EAGAIN) return entered;
  // pids.max leaves no room beside the short-lived process that enters the cgroups first: moved later, the process
  // may exceed the limit, as every process that is moved.
  exec.child.reset();
  return try_to_bring_up(exec, program, in_memory, false);
}

Status spawn_process(Exec& exec) {
  const timeline::Span span("spawn the process");
  // The descriptors of a program that embeds us are not ours to change.
  if (exec.owner != Owner::embedder) CAISSON_TRY(sys::close_on_exec_from(3 + exec.kept.all));
  if (exec.owner == Owner::none) exec.interruptible.emplace();
  if (exec.owner == Owner::foreground) {
    exec.signals.emplace(CAISSON_TRY(SignalCustody::take()));
    // What is counted from here on may be its own end.
    exec.oom_kills_before = exec.cgroup->oom_kills().value_or(0);
  }
  const bool may = exec.owner != Owner::embedder && can_run_init_in_memory(exec.globals, exec.facts);
  auto program =
      CAISSON_TRY(selfexe::protect(exec.facts.privileged, may ? selfexe::Use::run_in_memory : selfexe::Use::execute));
  // Without a pidfd of the container (see sys::ProcessHandle) the joiner could not tell what to join.
  const bool in_memory = program.is_own_image() && exec.container.is_pollable();
  auto entered = bring_up_process(exec, program, in_memory);
  if (!entered && in_memory && sys::may_be_filtered(entered.error().sys_errno())) {
    // The joiner has no other way where a filter refuses clone3 or close_range; a stage that is executed anew has.
    exec.child.reset();
    entered = bring_up_process(exec, program, false);
  }
  exec.must_be_moved = !CAISSON_TRY(std::move(entered));
  return {};
}

/// Moves the process into the container's cgroup. On cgroup v2 that may have handed its controllers to cgroups below
/// (EBUSY: systemd, kind and other nesting) or be gone: the process joins init's own then, unless one was asked for.
Status enter_container_cgroup(const Exec& exec, pid_t pid) {
  auto moved = exec.cgroup->attach(pid);
  if (moved || !exec.options.cgroups.empty()) return moved;
  const int why = moved.error().sys_errno();
  if (why != EBUSY && why != ENOENT && why != ENODEV && why != EOPNOTSUPP) return moved;
  const auto own = cgroup::open_own_of(exec.state.cgroup_paths, exec.container.pid());
  if (!own || !*own) return moved;
  log::debug("the container's cgroup takes no process ({}): joining that of its init", moved.error().message());
  return (*own)->attach(pid);
}

Answers answers_of(Exec& exec) {
  Answers answers;
  if (exec.spec.process->terminal)
    answers.console = [&exec](const wire::Console& console, FileDescriptor master) -> Status {
      if (!exec.options.console_socket.empty()) return send_console(exec.options.console_socket, console.name, master);
      exec.console = std::move(master);
      return {};
    };
  if (exec.seccomp && exec.seccomp->notify)
    answers.seccomp_listener = [&exec](int number) {
      return pass_listener(exec.child->process(), number, *exec.seccomp, exec.spec, exec.state.id, exec.state.bundle,
                           "running", exec.state.init_process_pid);
    };
  return answers;
}

/// What the process cannot do for itself, from its clone until execve has succeeded.
Status run_process(Exec& exec) {
  const timeline::Span span("wait for the process to run");
  const wire::Channel& channel = exec.child->channel();
  const pid_t pid = exec.child->process().pid();
  if (exec.must_be_moved) CAISSON_TRY(enter_container_cgroup(exec, pid));
  if (!exec.state.resctrl_path.empty())
    CAISSON_TRY(cgroup::join_group(exec.state.resctrl_path, monitor_group(exec.state), pid));
  bool own_limits = false;
  if ((exec.state.namespaces & CLONE_NEWUSER) != 0) {
    // The process itself may be on its way into that namespace yet; the container's init is in it.
    give_streams_to_namespace(exec.options.streams, exec.container.pid(), exec.plan.identity);
    auto limited = process::apply_limits(exec.plan.identity, pid);
    // Somebody else's user namespace: without CAP_SYS_RESOURCE the process can lower them by itself, as anybody can.
    own_limits = !limited && limited.error().sys_errno() == EPERM;
    if (!limited && !own_limits) return limited;
  }
  CAISSON_TRY(send_proceed(channel, exec.seccomp, own_limits));
  return converse(channel, Until::execve, answers_of(exec), exec.signals ? &*exec.signals : nullptr);
}

Status make_process(Exec& exec) {
  CAISSON_TRY(spawn_process(exec));
  CAISSON_TRY(run_process(exec));
  const sys::ProcessHandle& process = exec.child->process();
  if (!exec.options.pidfd_socket.empty()) CAISSON_TRY(send_pidfd(exec.options.pidfd_socket, "setns", process.pidfd()));
  // The one point from which on the process stands, whatever signal comes; one that came before still ends it.
  if (exec.interruptible) {
    exec.interruptible->ignore_from_now_on();
    CAISSON_TRY(sys::go_on_unless_interrupted());
  }
  if (!exec.options.pid_file.empty()) CAISSON_TRY(write_pid_file(exec.options.pid_file, process.pid()));
  return {};
}

/// Warns when the OOM killer was in the process' cgroup while it ran.
void tell_of_oom(const std::string& id, const Joined& joined) {
  auto report = joined.cgroup->oom_report();
  if (!report || !*report || (*report)->kills <= joined.oom_kills_before) return;
  (*report)->kills -= joined.oom_kills_before;
  log::warn("exec {}: {}", id, oom_sentence(**report, joined.cgroup->paths()));
}

}  // namespace

Result<Joined> join(const Globals& globals, const std::string& id, const ExecOptions& options, Owner owner) {
  const Entry entry = CAISSON_TRY(Store(globals.root).open(id));
  Exec exec{.globals = globals,
            .options = options,
            .owner = owner,
            .state = {},
            .container = {},
            .spec = {},
            .seccomp = {},
            .facts = {},
            .plan = {},
            .kept = {},
            .cgroup = {},
            .oom_kills_before = 0,
            .inputs = {},
            .must_be_moved = false,
            .signals = {},
            .interruptible = {},
            .child = {},
            .console = {}};
  CAISSON_TRY(open_container(exec, entry));
  CAISSON_TRY(decide(exec, entry));
  if (auto up = make_process(exec); !up) {
    // What fails on our side because the other failed first is not the cause.
    if (exec.child) up = std::unexpected(cause_of(std::move(up).error(), exec.child->channel()));
    // A PID namespace whose first process has been killed takes nobody in any more, with as odd words as ENOMEM's.
    if (sys::is_ending(exec.container.pid())) return fail(ErrorKind::destroyed, "cannot exec in a stopped container");
    return std::unexpected(sys::name_filtered_call(std::move(up).error()));
  }
  exec.child->release();
  Joined joined{.process = exec.child->take_process(),
                .console = std::move(exec.console),
                .signals = std::move(exec.signals),
                .cgroup = std::move(exec.cgroup),
                .oom_kills_before = exec.oom_kills_before};
  return joined;
}

Result<int> exec(const Globals& globals, const std::string& id, const ExecOptions& options) {
  Joined joined = CAISSON_TRY(join(globals, id, options, options.detach ? Owner::none : Owner::foreground));
  if (options.detach) return 0;
  auto supervisor = Supervisor::make(std::move(*joined.signals), std::move(joined.console));
  auto status = supervisor ? supervisor->wait(joined.process) : std::unexpected(std::move(supervisor).error());
  if (status) {
    if (status->code() != 0) tell_of_oom(id, joined);
    return status->signalled ? options.code_when_killed.value_or(status->code()) : status->code();
  }
  // Nobody would look after it any more.
  if (joined.process.signal(SIGKILL)) (void)joined.process.reap();
  return std::unexpected(std::move(status).error());
}

}  // namespace caisson::container
