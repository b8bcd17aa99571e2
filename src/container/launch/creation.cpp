// SPDX-License-Identifier: Apache-2.0
#include "container/launch/creation.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/log.hpp"
#include "base/timeline.hpp"
#include "cgroup/find.hpp"
#include "config/annotations.hpp"
#include "config/validate.hpp"
#include "container/foreground/supervise.hpp"
#include "container/launch/debug_story.hpp"
#include "container/launch/id_maps.hpp"
#include "container/launch/pid_file.hpp"
#include "container/launch/standard_streams.hpp"
#include "container/probe.hpp"
#include "container/record/undo.hpp"
#include "container/watch/events_json.hpp"
#include "network/links.hpp"
#include "process/apply_identity.hpp"
#include "process/run_hooks.hpp"
#include "rootfs/mounter.hpp"
#include "sys/descriptor_limit.hpp"
#include "sys/file.hpp"
#include "sys/filtered.hpp"
#include "sys/process.hpp"
#include "sys/socket.hpp"

namespace caisson::container {

namespace {

/// Connections that may wait while init runs a startContainer hook: one starts, others only look.
constexpr int kStartBacklog = 64;

Result<std::string> physical_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  if (!real) return std::unexpected(Error(ErrorKind::config, fmt::format("bundle '{}'", path), errno));
  return std::string(real.get());
}

bool has_hooks_after(const config::Spec& spec) {
  return spec.hooks && (!spec.hooks->poststart.empty() || !spec.hooks->poststop.empty());
}

bool mentions_lsm(const config::Spec& spec) {
  return !spec.process->apparmor_profile.empty() || !spec.process->selinux_label.empty() ||
         !spec.linux_or_empty().mount_label.empty();
}

/// Files for what the hooks print that init runs, which cannot open them itself: it is in the container by then.
struct HookOutput {
  FileDescriptor out;
  FileDescriptor err;
};

Result<HookOutput> open_output_for_init(const config::Spec& spec) {
  HookOutput output;
  if (!spec.hooks || (spec.hooks->create_container.empty() && spec.hooks->start_container.empty())) return output;
  output.out = CAISSON_TRY(process::open_hook_output(spec.annotations, process::kHookStdout));
  output.err = CAISSON_TRY(process::open_hook_output(spec.annotations, process::kHookStderr));
  return output;
}

}  // namespace

Status Creation::check_options() const {
  if (mode_ == Mode::hand_over) return {};  // the caller takes the terminal, if there is one
  const bool detached = mode_ != Mode::run_foreground;
  CAISSON_TRY(check_console(spec_.process->terminal, detached, options_.console_socket, "/process/terminal"));
  return check_pid_file(options_.pid_file);
}

/// Names what is wrong with the rootfs before anything is made. A symlink on its path would let whoever owns it choose
/// what the container's root is.
Status Creation::check_rootfs() const {
  const std::string& path = plan_.init.rootfs.rootfs;
  auto opened = sys::open_at(FdView::cwd(), path, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
  if (opened) return {};
  // Below a new user namespace's root only that root may be able to look.
  if (opened.error().sys_errno() == ELOOP)
    return fail_config("/root/path", "invalid rootfs: not an absolute path, or a symlink: '{}'", path);
  return std::unexpected(std::move(opened).error().with(fmt::format("rootfs '{}'", path)).at("/root/path"));
}

Status Creation::read_config(std::vector<std::string>& warnings) {
  const timeline::Span span("read the config");
  if (options_.spec) {
    spec_ = *options_.spec;
    return config::validate(spec_, warnings);
  }
  if (options_.config_text) {
    spec_ = CAISSON_TRY(config::load(*options_.config_text), "parse config");
    return config::validate(spec_, warnings);
  }
  const std::string file = options_.config_file.empty() ? bundle_ + "/config.json" : options_.config_file;
  auto text = sys::read_file(FdView::cwd(), file);
  if (!text && text.error().sys_errno() == ENOENT)
    return fail(ErrorKind::config, "JSON specification file {} not found: no such file or directory", file);
  if (!text) return std::unexpected(std::move(text).error());
  spec_ = CAISSON_TRY(config::load(*text), "parse '{}'", file);
  CAISSON_TRY(config::validate(spec_, warnings), "'{}'", file);
  return {};
}

Status Creation::decide() {
  const timeline::Span span("decide");
  CAISSON_TRY(check_id(options_.id));
  bundle_ = CAISSON_TRY(physical_path(options_.bundle));
  CAISSON_TRY(read_config(warnings_));
  for (const auto& name : config::unknown_annotations(spec_.annotations))
    log::debug("annotation '{}' has no effect", name);
  CAISSON_TRY(check_options());
  // Init runs these, and it does not have our environment.
  if (spec_.hooks) process::keep_environment(spec_.hooks->create_container);
  // A program that embeds us has a service manager of its own to speak to.
  shares_readiness_ = mode_ != Mode::hand_over && !service_manager().empty();
  if (shares_readiness_) share_readiness(spec_, globals_.root + "/" + options_.id);
  if (mode_ != Mode::hand_over) kept_ = CAISSON_TRY(count_kept_descriptors(options_.preserve_fds));
  facts_ = CAISSON_TRY(probe_kernel());
  if (mentions_lsm(spec_)) probe_lsm(facts_);
  if (globals_.systemd_cgroup) probe_systemd(facts_);
  CAISSON_TRY(cgroup::find_mounts(facts_));
  if (spec_.linux_or_empty().intel_rdt) facts_.resctrl = CAISSON_TRY(cgroup::find_resctrl());
  const bool rootless_cgroups =
      globals_.rootless == Globals::Rootless::yes ||
      (globals_.rootless == Globals::Rootless::automatic && (facts_.rootless() || facts_.in_user_namespace));
  plan_ = CAISSON_TRY(plan::make(spec_, facts_,
                                 {.id = options_.id,
                                  .bundle = bundle_,
                                  .no_pivot = options_.no_pivot,
                                  .cgroup = {.systemd = globals_.systemd_cgroup,
                                             .disabled = globals_.cgroups_disabled,
                                             .rootless_cgroups = rootless_cgroups},
                                  .own_namespaces = own_among_joined(spec_)},
                                 warnings_));
  if (log::level() == log::Level::debug) log_plan(plan::describe(plan_));
  return check_rootfs();
}

Status Creation::reserve() {
  const timeline::Span span("record the intent");
  // What we inherited is nobody's business from here on: not our children's, not hooks'. The descriptors and signals of
  // a program that embeds us are its own.
  if (mode_ != Mode::hand_over) {
    CAISSON_TRY(sys::close_on_exec_from(3 + kept_.all));
    interruptible_.emplace();
  }
  entry_.emplace(CAISSON_TRY(Store(globals_.root).reserve(options_.id)));
  state_.id = options_.id;
  state_.bundle = bundle_;
  state_.rootfs = plan_.init.rootfs.rootfs;
  state_.boot = sys::boot_id();
  state_.created = timestamp_now();
  state_.owner_uid = facts_.euid;
  state_.cgroup_paths = plan::paths(plan_.cgroup);
  if (const auto& unit = plan_.cgroup.unit) {
    state_.systemd_unit = unit->name;
    state_.systemd_user = unit->user;
    state_.systemd_owner = unit->owner;
  }
  state_.namespaces = plan_.init.namespaces.create;
  state_.own_pid_namespace = plan_.init.namespaces.makes(CLONE_NEWPID);
  for (const auto& joined : plan_.init.namespaces.join) state_.namespaces |= joined.kind;
  if (plan_.resctrl) {
    resctrl_missing_ = cgroup::missing_of(*plan_.resctrl);
    state_.resctrl_path = plan_.resctrl->group;
    state_.resctrl_made = resctrl_missing_.group;
    if (resctrl_missing_.monitor) state_.resctrl_monitor = plan_.resctrl->monitor;
  }
  state_.has_hooks = has_hooks_after(spec_);
  state_.made_by_embedder = mode_ == Mode::hand_over;
  state_.no_new_keyring = options_.no_new_keyring;
  state_.annotations = spec_.annotations;
  // The intent: whoever finds it later knows what may be there. It needs no sync: it must survive us, not the machine,
  // whose processes and cgroups are as gone as it is after a crash.
  CAISSON_TRY(entry_->write_first_state(state_));
  if (shares_readiness_) CAISSON_TRY(make_readiness_directory(*entry_));
  if (waits_for_start())
    start_listener_ = CAISSON_TRY(sys::listen_at(entry_->dir(), kStartSocket, SOCK_SEQPACKET, kStartBacklog));
  return {};
}

/// Each stop of init's costs two changes from one process to another, and on an idle machine the waking of a processor.
bool Creation::runs_at_once() const {
  const bool may_hang = spec_.hooks && !(spec_.hooks->create_container.empty() && spec_.hooks->start_container.empty());
  return may_run_at_once_ && !waits_for_start() && !may_hang && !spec_.process->terminal && !shares_readiness_ &&
         !(plan_.seccomp && plan_.seccomp->notify) && options_.pidfd_socket.empty() &&
         plan_.init.namespaces.shares_host(CLONE_NEWUSER) && !enters_pids_last();
}

/// Runtime hooks and createContainer hooks are given init's pid, so that init is cloned before them: where there are
/// any it stands in the joined PID namespace with the host's mounts until it has switched the root, as createContainer
/// hooks themselves do. To clone it with an empty root and hand the mounts over later would remove this.
bool Creation::enters_pids_last() const {
  const bool has_hooks = spec_.hooks && !(spec_.hooks->prestart.empty() && spec_.hooks->create_runtime.empty() &&
                                          spec_.hooks->create_container.empty());
  return plan_.init.namespaces.enters_pids_last() && !has_hooks;
}

bool Creation::awaits_rootfs() const {
  // Init makes its network namespace itself: devices cannot be moved there before it has told us.
  return !plan_.network.empty() ||
         (spec_.hooks && !(spec_.hooks->prestart.empty() && spec_.hooks->create_runtime.empty()));
}

wire::Begin Creation::make_begin() const {
  const plan::NamespacePlan& namespaces = plan_.init.namespaces;
  wire::Begin begin;
  begin.kind = wire::Kind::create;
  begin.id = options_.id;
  begin.bundle = bundle_;
  begin.facts = facts_;
  for (const auto& dir : plan_.cgroup.dirs)
    begin.cgroups.push_back({dir.controllers, dir.mountpoint, dir.path, dir.v2});
  begin.no_pivot = options_.no_pivot;
  begin.no_new_keyring = options_.no_new_keyring;
  begin.start_by_parent = !waits_for_start();
  begin.runs_at_once = runs_at_once();
  begin.maps_by_parent = namespaces.makes(CLONE_NEWUSER);
  begin.limits_by_parent = !namespaces.shares_host(CLONE_NEWUSER);
  begin.awaits_rootfs = awaits_rootfs();
  begin.moved_late = moved_late();
  begin.preserve_fds = kept_.all;
  begin.listen_fds = kept_.listen;
  begin.debug = log::level() == log::Level::debug;
  begin.descriptors.start_listener = static_cast<bool>(start_listener_);
  begin.enters_pids_last = enters_pids_last();
  begin.descriptors.cgroup = namespaces.needs_stage && !begin.enters_pids_last && cgroup_dir_;
  return begin;
}

Status Creation::spawn_init() {
  const timeline::Span span("spawn init");
  const plan::NamespacePlan& namespaces = plan_.init.namespaces;
  cgroup_ = CAISSON_TRY(cgroup::make(plan_.cgroup));
  cgroup_->before_parents([this](const std::vector<std::string>& parents) -> Status {
    state_.cgroup_made_parents = parents;
    return entry_->replace_state(state_);
  });
  // In a cgroup2 the process is born, so that must be there first. Those of v1 are made while init mounts.
  cgroup_dir_ = CAISSON_TRY(cgroup_->create_clone_cgroup());
  if (plan_.cgroup.enter_late) cgroup_dir_.reset();
  const auto room = CAISSON_TRY(sys::DescriptorRoom::make(rootfs::count_prepared(plan_.init.rootfs)));
  std::vector<std::string> notes = plan_.init.rootfs.notes;
  std::vector<FileDescriptor> prepared = CAISSON_TRY(rootfs::prepare_trees(plan_.init.rootfs, notes));
  log_notes(notes);
  // Init has its lock from the first. An in-memory init does not read the file, so it is written later, in parallel:
  // see prepare_host().
  config_ = CAISSON_TRY(entry_->make_config());
  const FileDescriptor config = CAISSON_TRY(entry_->open_locked_config());

  const HookOutput hook_output = CAISSON_TRY(open_output_for_init(spec_));

  wire::Begin begin = make_begin();
  begin.descriptor_limit = room.soft_before();
  begin.descriptors.prepared = static_cast<unsigned>(prepared.size());
  std::vector<FdView> descriptors;
  if (start_listener_) descriptors.push_back(start_listener_);
  if (begin.descriptors.cgroup) descriptors.push_back(cgroup_dir_);
  for (const auto& tree : prepared) descriptors.push_back(tree);
  begin.descriptors.hook_out = static_cast<bool>(hook_output.out);
  if (hook_output.out) descriptors.push_back(hook_output.out);
  begin.descriptors.hook_err = static_cast<bool>(hook_output.err);
  if (hook_output.err) descriptors.push_back(hook_output.err);
  begin.descriptors.timeline = timeline::descriptor() >= 0;
  if (begin.descriptors.timeline) descriptors.push_back(FdView::of(timeline::descriptor()));

  // A program that embeds us has threads and memory of its own; and without maps init must be executed anew.
  const bool may = mode_ != Mode::hand_over && !namespaces.needs_stage && !namespaces.makes(CLONE_NEWUSER) &&
                   can_run_init_in_memory(globals_, facts_);
  program_.emplace(
      CAISSON_TRY(selfexe::protect(facts_.privileged, may ? selfexe::Use::run_in_memory : selfexe::Use::execute)));
  BringUp wanted{.program = *program_};
  wanted.config = config.get();
  wanted.streams = options_.streams;
  wanted.hides_descriptors = mode_ == Mode::hand_over;
  if (!namespaces.needs_stage) {
    wanted.namespaces = namespaces.made_by_clone();
    wanted.cgroup = cgroup_dir_.get();
    wanted.waits_for_maps = namespaces.makes(CLONE_NEWUSER);
  }
  // Init inherits the stage's cgroup then, and no descriptor of it.
  if (begin.enters_pids_last) wanted.cgroup = cgroup_dir_.get();
  wire::InMemoryInit in_memory{begin, descriptors, spec_, plan_.init};
  if (program_->is_own_image()) {
    wanted.in_memory = &in_memory;
    wanted.run_in_memory = globals_.init;
  } else {
    CAISSON_TRY(save_config());
  }
  child_.emplace(CAISSON_TRY(bring_up(wanted)));
  in_clone_cgroup_ = child_->in_cgroup();
  if (child_->runs_in_memory()) {
    start_listener_.reset();
    return {};
  }
  if (!namespaces.needs_stage && begin.maps_by_parent) CAISSON_TRY(give_maps());
  CAISSON_TRY(child_->channel().send_many(begin, std::move(descriptors)));
  start_listener_.reset();
  if (namespaces.needs_stage && !begin.enters_pids_last) {
    in_clone_cgroup_ = CAISSON_TRY(child_->await_init());
    if (begin.maps_by_parent) CAISSON_TRY(give_maps());
  }
  return {};
}

Status Creation::save_config() {
  const timeline::Span span("save the config");
  if (!config_) return {};
  CAISSON_TRY(sys::write_all(config_, config::save(spec_), kConfigFile));
  config_.reset();
  return {};
}

Status Creation::give_maps() {
  CAISSON_TRY(write_id_maps(child_->process().pid(), plan_.init.namespaces, facts_));
  return child_->channel().send(wire::Mapped{});
}

Status Creation::join_resctrl() {
  if (!plan_.resctrl) return {};
  CAISSON_TRY(cgroup::make_groups(*plan_.resctrl, resctrl_missing_));
  if (resctrl_missing_.group) CAISSON_TRY(cgroup::write_schemata(plan_.resctrl->group, plan_.resctrl->schemata));
  return cgroup::join_group(plan_.resctrl->group, plan_.resctrl->monitor, child_->process().pid());
}

Status Creation::set_limits() {
  const timeline::Span span("set limits");
  return cgroup_->apply(plan_.cgroup);
}

Status Creation::make_cgroups() {
  const timeline::Span span("make cgroups");
  CAISSON_TRY(cgroup_->create());
  // Before init is in them: a v1 memory limit below what the kernel keeps in stock for it would be refused as busy.
  // systemd's are made for the process and have it from the first.
  if (!plan_.cgroup.unit) CAISSON_TRY(set_limits());
  if (moved_late()) CAISSON_TRY(child_->channel().expect<wire::RootfsReady>());
  state_.cgroup_paths = cgroup_->paths();
  state_.cgroup_made_parents = cgroup_->made_parents();
  if (state_.cgroup_paths.empty() && plan_.init.namespaces.shares_host(CLONE_NEWPID))
    warnings_.emplace_back("without a cgroup and a PID namespace of its own the container's processes may outlive it");
  const std::vector<FileDescriptor> tasks = CAISSON_TRY(enter_or_attach(
      *cgroup_, child_->process().pid(), in_clone_cgroup_ || !cgroup_dir_, plan_.cgroup.enter_late, facts_));
  return child_->channel().send(wire::CgroupsReady{state_.cgroup_paths.empty()}, {tasks.begin(), tasks.end()});
}

bool Creation::has_creation_hooks() const {
  return spec_.hooks && !(spec_.hooks->prestart.empty() && spec_.hooks->create_runtime.empty() &&
                          spec_.hooks->create_container.empty());
}

Status Creation::run_runtime_hooks() {
  const timeline::Span span("run hooks");
  if (!has_creation_hooks()) return {};
  // A hook may take its time, and its commands, or anybody's, may be about this container: they find init on record,
  // and the lock free.
  state_.creator_pid = ::getpid();
  CAISSON_TRY(entry_->replace_state(state_));
  entry_->unlock();
  lock_is_free_ = true;
  const auto& hooks = *spec_.hooks;
  const std::string json = state_for_hooks(state_, "creating", child_->process().pid());
  process::HookOptions options{.stage = "prestart", .index = 0, .cwd = bundle_, .annotations = &state_.annotations};
  options.watches = signal_watches();
  options.watches.push_back({child_->process().pidfd(), []() -> Status {
                               return fail(ErrorKind::destroyed, "container init ended while the hook ran");
                             }});
  CAISSON_TRY(process::run_hooks(hooks.prestart, json, options));
  options.stage = "createRuntime";
  return process::run_hooks(hooks.create_runtime, json, std::move(options));
}

/// After hooks: the container may have been deleted meanwhile, or changed.
Status Creation::lock_again() {
  if (!lock_is_free_) return {};
  auto locked = entry_->lock();
  if (!locked && locked.error().kind() == ErrorKind::destroyed)
    return fail(ErrorKind::destroyed, "the container was deleted while it was being created");
  CAISSON_TRY(std::move(locked));
  lock_is_free_ = false;
  state_.update = CAISSON_TRY(entry_->load_state()).update;
  return {};
}

/// What the host's side does while init mounts, and the hooks that may rely on both.
Status Creation::prepare_host() {
  const timeline::Span span("prepare the host's side");
  if (!plan_.init.namespaces.shares_host(CLONE_NEWUSER))
    give_streams_to_namespace(options_.streams, child_->process().pid(), plan_.init.identity);
  CAISSON_TRY(make_cgroups());
  // Before any hook has run: whoever deletes the container may have to run the poststop hooks.
  CAISSON_TRY(save_config());
  CAISSON_TRY(join_resctrl());
  if (plan_.cgroup.unit) CAISSON_TRY(set_limits());
  // Before init can run a program of the container's; its PID namespace is new, so that no process sees it yet. The RCU
  // grace period that this waits for passes while init mounts.
  program_->release_tree();
  const pid_t pid = child_->process().pid();
  const auto stat = sys::read_stat(pid);
  if (!stat) return fail(ErrorKind::destroyed, "container init ended unexpectedly");
  state_.init_process_pid = pid;
  state_.init_process_start = stat->start_time;
  // In memory it has its name until its execve. An init that is executed anew has no lasting name yet.
  if (child_->runs_in_memory()) state_.init_name = stat->name;
  // Otherwise init is told to go on before it asks, and neither waits for the other.
  if (awaits_rootfs()) CAISSON_TRY(child_->channel().expect<wire::RootfsReady>());
  if (!plan_.network.moves.empty()) CAISSON_TRY(network::move_devices(plan_.network.moves, pid));
  const Status made = network::make_veths(plan_.network, pid, made_network_);
  state_.veths = made_network_.veths;
  if (!made) return made;
  environment_stands_ = true;
  CAISSON_TRY(run_runtime_hooks());
  if (runs_at_once()) {
    CAISSON_TRY(record());
    // From here on signals are the container's; but those that end programs still interrupt the wait for its execve.
    if (mode_ == Mode::run_foreground) {
      signals_.emplace(CAISSON_TRY(SignalCustody::take()));
      watched_signals_ = &*signals_;
    }
    CAISSON_TRY(sys::go_on_unless_interrupted());
  }
  return send_proceed(child_->channel(), plan_.seccomp);
}

/// The stage has ended and init has its place, namespaces and cgroups.
Status Creation::take_spawned(const wire::Spawned& spawned, FileDescriptor pidfd) {
  CAISSON_TRY(child_->replace_stage(sys::ProcessHandle(spawned.pid, std::move(pidfd))));
  const auto stat = sys::read_stat(spawned.pid);
  if (!stat) return fail(ErrorKind::destroyed, "container init ended unexpectedly");
  state_.init_process_pid = spawned.pid;
  state_.init_process_start = stat->start_time;
  if (lock_is_free_) {
    // While hooks ran, the stage was on record, which has ended.
    CAISSON_TRY(lock_again());
    CAISSON_TRY(entry_->replace_state(state_));
  }
  return child_->channel().send(wire::Taken{});
}

Answers Creation::answers() {
  Answers answers;
  if (spec_.process->terminal)
    answers.console = [this](const wire::Console& console, FileDescriptor master) -> Status {
      if (!options_.console_socket.empty()) return send_console(options_.console_socket, console.name, master);
      console_ = std::move(master);
      return {};
    };
  if (plan_.seccomp && plan_.seccomp->notify)
    answers.seccomp_listener = [this](int number) {
      return pass_listener(child_->process(), number, *plan_.seccomp, spec_, options_.id, bundle_, "creating",
                           child_->process().pid());
    };
  if (enters_pids_last())
    answers.spawned = [this](const wire::Spawned& spawned, FileDescriptor pidfd) {
      return take_spawned(spawned, std::move(pidfd));
    };
  return answers;
}

Status Creation::wait_for_created() {
  const timeline::Span span("wait for init");
  return converse(child_->channel(), Until::created, answers());
}

Status Creation::record() {
  const timeline::Span span("record the container");
  CAISSON_TRY(lock_again());
  // The hard limits may only be raised with the host's privileges, which init in a user namespace has not. What it does
  // before needs room that they may not leave.
  if (!plan_.init.namespaces.shares_host(CLONE_NEWUSER))
    CAISSON_TRY(process::apply_limits(plan_.init.identity, child_->process().pid()));
  if (!options_.pidfd_socket.empty())
    CAISSON_TRY(send_pidfd(options_.pidfd_socket, "standard", child_->process().pidfd()));
  state_.intent = false;
  state_.creator_pid = 0;
  state_.runs_at_once = runs_at_once();
  // Init has said that it is there: the execve that it comes to next is its program's.
  if (state_.init_name.empty() && !runs_at_once())
    if (auto stat = sys::read_stat(state_.init_process_pid)) state_.init_name = std::move(stat->name);
  CAISSON_TRY(entry_->replace_state(state_));
  if (waits_for_start()) {
    // Engines take the pid file's being there for success: it comes after everything that may fail.
    CAISSON_TRY(succeed());
    return child_->channel().send(wire::Recorded{});
  }
  if (runs_at_once()) return {};
  // startContainer hooks may take their time.
  entry_->unlock();
  lock_is_free_ = true;
  return {};
}

/// The one point at which the container stands: the pid file says so, and so does our exit code, whatever signal comes
/// from here on. One that came before still undoes it.
Status Creation::succeed() {
  if (!options_.pid_file.empty()) {
    CAISSON_TRY(write_pid_file(options_.pid_file, state_.init_process_pid));
    pid_file_written_ = true;
  }
  if (!interruptible_) return {};
  if (watched_signals_ != nullptr) {
    // The process runs and gets them: to ignore a signal would discard one that is blocked and has come.
    interruptible_.reset();
    return {};
  }
  interruptible_->ignore_from_now_on();
  return sys::go_on_unless_interrupted();
}

Status Creation::make_in_order() {
  CAISSON_TRY(reserve());
  CAISSON_TRY(spawn_init());
  CAISSON_TRY(prepare_host());
  if (runs_at_once()) return {};
  CAISSON_TRY(wait_for_created());
  return record();
}

Status Creation::make() {
  Status made = make_in_order();
  if (!made) return std::unexpected(name_cause(std::move(made).error()));
  if (!runs_at_once()) tell_warnings();
  return {};
}

/// Only of what stands: engines read the log of what failed as the one error.
void Creation::tell_warnings() const {
  for (const auto& warning : warnings_) log::warn("{}", warning);
  if (const auto& note = plan_.init.identity.capabilities.note; !note.empty()) log::debug("{}", note);
}

/// Lets the process run, unless Proceed did so already, and waits for its execve, or for the startContainer hooks.
Status Creation::let_run() {
  if (!runs_at_once()) {
    CAISSON_TRY(sys::go_on_unless_interrupted());
    CAISSON_TRY(child_->channel().send(wire::Start{}));
  }
  return converse(child_->channel(), Until::execve, {}, watched_signals_);
}

/// In the foreground signals are blocked, and interrupt a hook only by their descriptor.
std::vector<process::HookWatch> Creation::signal_watches() {
  if (watched_signals_ == nullptr) return {};
  return {{watched_signals_->fd(), [this] { return watched_signals_->receive(); }}};
}

Status Creation::run_poststart_hooks() {
  if (!spec_.hooks || spec_.hooks->poststart.empty()) return {};
  process::HookOptions options{.stage = "poststart", .cwd = bundle_, .annotations = &state_.annotations};
  options.watches = signal_watches();
  return process::run_hooks(spec_.hooks->poststart, state_for_hooks(state_, "running", state_.init_process_pid),
                            std::move(options));
}

Status Creation::start() {
  const timeline::Span span("start the process");
  if (shares_readiness_) readiness_ = CAISSON_TRY(Readiness::open(*entry_));
  if (auto executed = let_run(); !executed) return std::unexpected(name_cause(std::move(executed).error()));
  if (runs_at_once()) tell_warnings();
  // While it runs it is everybody's: others pause it, update it, delete it, its poststart hooks among them.
  entry_->unlock();
  lock_is_free_ = true;
  CAISSON_TRY(run_poststart_hooks());
  if (mode_ == Mode::run_detached && readiness_) CAISSON_TRY(readiness_->wait(init()));
  CAISSON_TRY(succeed());
  return {};
}

Standing Creation::standing() const {
  return {state_.init_process_pid, state_.init_process_start, state_.cgroup_paths, state_.veths};
}

void Creation::release() {
  if (child_) child_->release();
  entry_.reset();
}

void Creation::tell_of_oom() const {
  if (auto report = cgroup_->oom_report(); report && *report)
    log::warn("run {}: {}", state_.id, oom_sentence(**report, state_.cgroup_paths));
}

}  // namespace caisson::container
