// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "base/timeline.hpp"
#include "init/context.hpp"
#include "plan/plan.hpp"
#include "process/apply_identity.hpp"
#include "sys/credential.hpp"
#include "sys/file.hpp"
#include "sys/namespace.hpp"
#include "sys/process.hpp"

namespace caisson::init {

namespace {

Status receive_begin(InitContext& context) {
  std::vector<FileDescriptor> fds;
  context.begin = CAISSON_TRY(context.channel.expect<wire::Begin>(&fds));
  context.send_log();
  const std::size_t count = context.begin.descriptors.count();
  while (fds.size() < count) {
    std::vector<FileDescriptor> more;
    CAISSON_TRY(context.channel.expect<wire::More>(&more));
    for (auto& fd : more) fds.push_back(std::move(fd));
  }
  if (fds.size() != count) return fail(ErrorKind::system, "{} descriptors came with Begin, not {}", fds.size(), count);
  context.take(std::move(fds));
  context.spec = CAISSON_TRY(config::load_saved(CAISSON_TRY(sys::read_all(context.config, "config.json"))));
  return {};
}

Status make_plans(InitContext& context) {
  const wire::Begin& begin = context.begin;
  std::vector<std::string> warnings;  // the parent has made the same plan and said them
  plan::InitOptions options{.exec = begin.kind == wire::Kind::exec, .exec_namespaces = begin.namespaces, .rootfs = {}};
  options.rootfs.bundle = begin.bundle;
  options.rootfs.no_pivot = begin.no_pivot;
  for (const auto& cgroup : begin.cgroups)
    options.rootfs.cgroups.push_back({cgroup.controllers, cgroup.mountpoint, cgroup.path, cgroup.v2});
  context.take(CAISSON_TRY(plan::make_init(context.spec, begin.facts, options, warnings)));
  return {};
}

/// The stage's last act: init is cloned as the parent's own child and goes on in its place.
Status clone_init(InitContext& context, std::uint64_t namespaces) {
  sys::CloneOptions options{.flags = namespaces | CLONE_PARENT, .cgroup = context.cgroup.get()};
  auto cloned = sys::clone3(options);
  if (!cloned && options.cgroup >= 0) {
    // The parent moves it by a write when this is refused (EBUSY: the cgroup has children with controllers).
    options.cgroup = -1;
    cloned = sys::clone3(options);
  }
  if (!cloned) return std::unexpected(std::move(cloned).error());
  if (cloned->pid != 0) {
    const Status sent = context.channel.send(wire::Spawned{cloned->pid, options.cgroup >= 0}, {cloned->pidfd});
    ::_exit(sent ? 0 : 1);
  }
  context.cgroup.reset();
  return sys::set_parent_death_signal(SIGKILL);
}

Status join(const plan::JoinNamespace& target, FdView fd) {
  if (auto joined = sys::join_namespace(fd, target.kind); !joined)
    return std::unexpected(
        std::move(joined).error().with(fmt::format("join namespace '{}'", target.path)).at(target.origin));
  return {};
}

/// A map as numbers in order, whatever the spaces and the order of its lines.
std::vector<std::array<std::uint32_t, 3>> lines_of_map(std::string_view text) {
  std::vector<std::array<std::uint32_t, 3>> lines;
  for (const auto line : text::split(text, '\n')) {
    std::array<std::uint32_t, 3> numbers{};
    std::size_t count = 0;
    for (const auto word : text::split(line, ' '))
      if (!word.empty() && count < numbers.size())
        numbers[count++] = static_cast<std::uint32_t>(text::parse_uint(word).value_or(0));
    if (count == numbers.size()) lines.push_back(numbers);
  }
  std::ranges::sort(lines);
  return lines;
}

/// Engines give the maps of a user namespace that they join, too. Others than it has cannot be had.
Status check_joined_maps(const plan::NamespacePlan& plan, const config::Linux& wanted, FdView proc) {
  const auto check = [&](const char* file, const std::vector<config::IdMapping>& maps, const char* pointer) -> Status {
    if (maps.empty()) return {};
    const std::string present = CAISSON_TRY(sys::read_file(proc, file));
    if (lines_of_map(present) == lines_of_map(plan::map_text(maps))) return {};
    return fail_config(pointer, "the user namespace that is joined has other mappings");
  };
  if (!plan.joins(CLONE_NEWUSER)) return {};
  CAISSON_TRY(check("self/uid_map", wanted.uid_mappings, "/linux/uidMappings"));
  return check("self/gid_map", wanted.gid_mappings, "/linux/gidMappings");
}

/// What the root of the user namespace, which is entered next, could not mount. Then the PID namespace is joined.
Status make_joined_filesystems(InitContext& context, const std::vector<FileDescriptor>& files,
                               std::vector<bool>& joined) {
  const auto& targets = context.namespaces.join;
  const auto pids = std::ranges::find(targets, std::uint64_t{CLONE_NEWPID}, &plan::JoinNamespace::kind);
  const auto place = static_cast<std::size_t>(pids - targets.begin());
  std::uint64_t kinds = 0;
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (joined[i] || i == place) kinds |= targets[i].kind;
  context.environment.joined = CAISSON_TRY(rootfs::make_joined_filesystems(
      context.rootfs, kinds, [&](const auto& open) { return open_in_pid_namespace(files[place], open); }));
  if (pids != targets.end() && !joined[place]) joined[place] = join(*pids, files[place]).has_value();
  return {};
}

/// Namespaces by path, in three passes: with the host's privileges whatever can be joined, then the user namespace,
/// then the rest, which may belong to that one. All are opened first: afterwards the paths may be out of reach.
Status join_by_path(InitContext& context) {
  const plan::NamespacePlan& plan = context.namespaces;
  // The maps are read by it later: the mount namespace may be another by then.
  const FileDescriptor proc = CAISSON_TRY(sys::open_at(FdView::cwd(), "/proc", O_PATH | O_DIRECTORY));
  std::vector<FileDescriptor> files;
  for (const auto& target : plan.join) {
    files.emplace_back(::open(target.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!files.back())
      return std::unexpected(fail_errno("open('{}')", target.path).error().with("join namespace").at(target.origin));
  }
  std::vector<bool> joined(plan.join.size(), false);
  for (std::size_t i = 0; i < plan.join.size(); ++i) {
    if (plan.join[i].kind != CLONE_NEWPID || !context.begin.enters_pids_last) continue;
    context.pid_namespace = std::move(files[i]);
    joined[i] = true;
  }
  const bool user_namespace = plan.joins(CLONE_NEWUSER) || plan.makes(CLONE_NEWUSER);
  // The PID namespace concerns our children alone; the mount namespace comes after all files are open.
  for (std::size_t i = 0; i < plan.join.size(); ++i) {
    if (plan.join[i].kind == CLONE_NEWUSER || joined[i]) continue;
    // Children of this process are made before it is joined: they still have the host's root.
    if (user_namespace && plan.join[i].kind == CLONE_NEWPID) continue;
    auto done = join(plan.join[i], files[i]);
    if (!done && !user_namespace) return done;
    joined[i] = done.has_value();
  }
  if (user_namespace) CAISSON_TRY(make_joined_filesystems(context, files, joined));
  for (std::size_t i = 0; i < plan.join.size(); ++i) {
    if (plan.join[i].kind != CLONE_NEWUSER) continue;
    // setns(2) refuses the user namespace that we are in already.
    if (!CAISSON_TRY(sys::same_as_own(files[i], CLONE_NEWUSER))) {
      CAISSON_TRY(join(plan.join[i], files[i]));
      CAISSON_TRY(sys::become_namespace_root(proc), "join namespace '{}'", plan.join[i].path);
    }
    joined[i] = true;
  }
  CAISSON_TRY(check_joined_maps(plan, context.spec.linux_or_empty(), proc));
  for (std::size_t i = 0; i < plan.join.size(); ++i)
    if (!joined[i]) CAISSON_TRY(join(plan.join[i], files[i]));
  return {};
}

Status make_time_namespace(const plan::NamespacePlan& plan) {
  CAISSON_TRY(sys::make_namespaces(CLONE_NEWTIME));
  if (!plan.time_offsets.empty()) {
    auto written = sys::write_file(FdView::cwd(), "/proc/self/timens_offsets", plan.time_offsets);
    if (!written) return std::unexpected(std::move(written).error().at("/linux/timeOffsets"));
  }
  // unshare makes it for our children; entering it ourselves spares a clone. Nobody was in it: the offsets stood first.
  FileDescriptor own(::open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC));
  if (!own) return fail_errno("open('/proc/self/ns/time_for_children')");
  return sys::join_namespace(own, CLONE_NEWTIME);
}

/// Where the user namespace denies setgroups(2), there is nothing that could be dropped. `proc` is a procfs that shows
/// the caller.
void note_denied_groups(InitContext& context, FdView proc) {
  const auto self = sys::open_at(proc, "self", O_PATH | O_DIRECTORY);
  if (self && context.identity.groups.empty() && process::setgroups_is_denied(*self))
    context.identity.set_groups = false;
}

/// Joins a running container. The new process is the stage's child, in the container's PID namespace from its first
/// moment: by then the stage has the container's root and mounts, is in its cgroups, and holds no other descriptor than
/// the process needs. A container with CAP_SYS_PTRACE would take it by pidfd_getfd(2).
Status enter_container(InitContext& context, FileDescriptor proc) {
  CAISSON_TRY(process::apply_initial_affinity(context.identity), "set CPU affinity");
  std::uint64_t kinds = context.begin.namespaces;
  // The container's user namespace may deny setgroups(2). The caller's groups are of no use inside, and no path of the
  // host is opened any more. Without privilege they cannot be dropped here, and are dropped inside where it is allowed.
  if ((kinds & CLONE_NEWUSER) != 0 && context.identity.set_groups) (void)sys::set_groups({});
  if (kinds != 0) {
    auto joined = sys::join_namespace(context.container, kinds);
    if (!joined && joined.error().sys_errno() == EINVAL && (kinds & CLONE_NEWUSER) != 0) {
      // A user namespace that was joined by path and is the runtime's own too cannot be entered again.
      kinds &= ~static_cast<std::uint64_t>(CLONE_NEWUSER);
      joined = sys::join_namespace(context.container, kinds);
    }
    if (!joined) return std::unexpected(std::move(joined).error().with("join the container's namespaces"));
  }
  if (context.old_root) {
    if (::fchdir(context.old_root.get()) != 0) return fail_errno("fchdir(root of the container)");
    if (::chroot(".") != 0) return fail_errno("chroot(root of the container)");
    context.old_root.reset();
  }
  context.container.reset();
  CAISSON_TRY(enter_cgroups(std::exchange(context.tasks, {})));
  if ((kinds & CLONE_NEWUSER) != 0) {
    CAISSON_TRY(sys::become_namespace_root(proc));
    CAISSON_TRY(sys::hide_from_others());
    note_denied_groups(context, proc);
  }
  // Nothing of the host is left to be taken from the process in the container.
  proc.reset();
  context.config.reset();
  return clone_init(context, 0);
}

Status enter_new(InitContext& context, FdView proc) {
  const plan::NamespacePlan& plan = context.namespaces;
  if (!plan.join.empty()) CAISSON_TRY(join_by_path(context));
  if (context.pid_namespace) {
    CAISSON_TRY(sys::make_namespaces(plan.made_by_clone()), "make namespaces");
  } else if (plan.needs_stage) {
    CAISSON_TRY(clone_init(context, plan.made_by_clone()), "make namespaces");
    if (context.begin.maps_by_parent) {
      CAISSON_TRY(context.channel.expect<wire::Mapped>());
      CAISSON_TRY(sys::become_namespace_root(proc));
    }
  }
  if (plan.makes(CLONE_NEWIPC) && (plan.made_by_clone() & CLONE_NEWIPC) == 0)
    CAISSON_TRY(sys::make_namespaces(CLONE_NEWIPC), "make IPC namespace");
  if (plan.makes(CLONE_NEWNET)) {
    const timeline::Span span("make network namespace");
    CAISSON_TRY(sys::make_namespaces(CLONE_NEWNET), "make network namespace");
    CAISSON_TRY(sys::bring_loopback_up(), "make network namespace");
  }
  if (plan.makes(CLONE_NEWTIME)) CAISSON_TRY(make_time_namespace(plan), "make time namespace");
  return {};
}

}  // namespace

Status enter_pid_namespace(InitContext& context) {
  if (!context.pid_namespace) return {};
  CAISSON_TRY(sys::join_namespace(context.pid_namespace, CLONE_NEWPID));
  context.pid_namespace.reset();
  // Init could be made to give this descriptor of the host's away. Its lock is the stage's until the stage ends.
  const FileDescriptor config = std::move(context.config);
  CAISSON_TRY(clone_init(context, 0));
  // The stage tells our pid while we run already: the creator must know it before it hears of anything else.
  CAISSON_TRY(context.channel.expect<wire::Taken>());
  return {};
}

void InitContext::take(std::vector<FileDescriptor> fds) {
  const wire::Descriptors& expected = begin.descriptors;
  std::size_t next = 0;
  if (expected.start_listener) start_listener = std::move(fds[next++]);
  if (expected.container) container = std::move(fds[next++]);
  if (expected.cgroup) cgroup = std::move(fds[next++]);
  if (expected.root) old_root = std::move(fds[next++]);
  for (unsigned i = 0; i < expected.tasks; ++i) tasks.push_back(std::move(fds[next++]));
  for (unsigned i = 0; i < expected.prepared; ++i) environment.prepared.push_back(std::move(fds[next++]));
  if (expected.hook_out) hook_out = std::move(fds[next++]);
  if (expected.hook_err) hook_err = std::move(fds[next++]);
  if (expected.timeline) {
    timeline::adopt(fds[next++].release());
    timeline::become_init();
  }
}

Status enter_stage(InitContext& context) {
  CAISSON_TRY(receive_begin(context), "read what to do");
  CAISSON_TRY(sys::close_on_exec_from(3 + context.begin.preserve_fds));
  CAISSON_TRY(make_plans(context));
  return enter_namespaces(context);
}

Status enter_namespaces(InitContext& context) {
  const timeline::Span span("enter namespaces");
  // In memory, exec's process has joined the container before this: see container/launch/joiner.hpp.
  if (context.needs_no_stage && context.begin.kind == wire::Kind::exec) return {};
  // /proc/self/oom_score_adj is root's alone once this process is not dumpable, so it is written before.
  CAISSON_TRY(process::apply_oom_score(context.identity), "set OOM score");
  CAISSON_TRY(sys::hide_from_others());
  const bool exec = context.begin.kind == wire::Kind::exec;
  const bool user_namespace =
      exec ? (context.begin.namespaces & CLONE_NEWUSER) != 0 : !context.namespaces.shares_host(CLONE_NEWUSER);
  // Opened before the container's own /proc, which it may have put anything at, is in its place.
  FileDescriptor proc;
  if (user_namespace) proc = CAISSON_TRY(sys::open_at(FdView::cwd(), "/proc", O_PATH | O_DIRECTORY));
  if (exec) return enter_container(context, std::move(proc));
  CAISSON_TRY(enter_new(context, proc));
  if (user_namespace) note_denied_groups(context, proc);
  return {};
}

Status enter_cgroups(std::vector<FileDescriptor> tasks) {
  const auto files = std::move(tasks);  // closed when they have served
  for (const auto& file : files) CAISSON_TRY(sys::write_all(file, "0", "tasks"), "join cgroup");
  return {};
}

Status wait_for_cgroups(InitContext& context) {
  if (context.cgroups_ready) return {};
  if (context.begin.moved_late) CAISSON_TRY(context.channel.send(wire::RootfsReady{}));
  std::vector<FileDescriptor> tasks;
  {
    const timeline::Span span("wait for the cgroups");
    const auto ready = CAISSON_TRY(context.channel.expect<wire::CgroupsReady>(&tasks), "wait for the cgroups");
    context.environment.cgroups_are_callers = ready.callers;
  }
  const timeline::Span span("join the cgroups");
  CAISSON_TRY(enter_cgroups(std::move(tasks)));
  context.cgroups_ready = true;
  if (context.namespaces.makes(CLONE_NEWCGROUP))
    CAISSON_TRY(sys::make_namespaces(CLONE_NEWCGROUP), "make cgroup namespace");
  return {};
}

}  // namespace caisson::init
