// SPDX-License-Identifier: Apache-2.0
#include "process/apply_identity.hpp"

#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "sys/credential.hpp"
#include "sys/file.hpp"
#include "sys/filtered.hpp"
#include "sys/process.hpp"
#include "sys/scheduling.hpp"

namespace caisson::process {

namespace {

Status at(Status status, const std::string& pointer) {
  if (status) return status;
  return std::unexpected(std::move(status.error()).at(pointer));
}

bool says_deny(FdView file) {
  char first = 0;
  return ::read(file.get(), &first, 1) == 1 && first == 'd';
}

Status set_groups(const plan::IdentityPlan& plan) {
  if (!plan.set_groups) return {};
  auto set = sys::set_groups(plan.groups);
  if (set) return {};
  if (set.error().sys_errno() == EPERM && plan.groups.empty()) {
    // The runtime's own user namespace may be one that was made without privilege.
    Procfs proc;
    const auto file = proc.open_file("self/setgroups", O_RDONLY);
    if (file && says_deny(*file)) return {};
  }
  return at(std::move(set), plan.pointer + "/user/additionalGids");
}

}  // namespace

bool setgroups_is_denied(FdView process) {
  const auto file = sys::open_at(process, "setgroups", O_RDONLY);
  return file && says_deny(*file);
}

void give_stream(int fd, std::uint32_t uid) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || status.st_uid == uid) return;
  // A device is the host's: an owner could open the caller's terminal, or a disk, from outside the container as well.
  // A file that is only read must not become writable by its new owner.
  const bool is_written = (::fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
  if (!S_ISFIFO(status.st_mode) && !(S_ISREG(status.st_mode) && is_written)) return;
  // NFS with root squashed, a read-only file system, FUSE, an owner that the user namespace does not map: whatever
  // refuses leaves a stream that works and cannot be opened anew.
  (void)!::fchown(fd, uid, static_cast<gid_t>(-1));
}

void give_streams(std::uint32_t uid) {
  for (int fd = 0; fd <= 2; ++fd) give_stream(fd, uid);
}

Status apply_oom_score(const plan::IdentityPlan& plan, pid_t pid) {
  if (!plan.oom_score_adj) return {};
  const std::string path = pid == 0 ? "/proc/self/oom_score_adj" : fmt::format("/proc/{}/oom_score_adj", pid);
  auto written = sys::write_file(FdView::cwd(), path, std::to_string(*plan.oom_score_adj));
  if (written) return {};
  return std::unexpected(
      std::move(written.error()).with("failed to update /proc/self/oom_score_adj").at(plan.pointer + "/oomScoreAdj"));
}

Status join_session_keyring(const std::string& container_id) {
  constexpr std::uint32_t kUserSearch = 0x00080000;  // KEY_USR_SEARCH of the kernel's <linux/key.h>
  auto key = sys::join_session_keyring("_ses." + container_id);
  if (!key) {
    // The container goes without a keyring of its own where the kernel has none or a filter refuses keyctl(2), and
    // where the quota of keys of its root is used up (EDQUOT: keyrings(7), kernel.keys.maxkeys and root_maxkeys).
    const int why = key.error().sys_errno();
    if (sys::may_be_filtered(why) || why == EDQUOT) return {};
    return std::unexpected(std::move(key.error()));
  }
  if (*key == 0) return {};  // the kernel's word for a keyring that is ours already
  // "keyring;uid;gid;permissions in hexadecimal;name"
  const std::string text = CAISSON_TRY(sys::describe_key(*key));
  std::size_t begin = 0;
  for (int field = 0; field < 3 && begin != std::string::npos; ++field) {
    begin = text.find(';', begin);
    if (begin != std::string::npos) ++begin;
  }
  std::uint32_t permissions = 0;
  if (begin == std::string::npos ||
      std::from_chars(text.data() + begin, text.data() + text.size(), permissions, 16).ec != std::errc{})
    return fail(ErrorKind::system, "unexpected description '{}' of the session keyring", text);
  if ((permissions & kUserSearch) != 0) return {};
  return sys::set_key_permissions(*key, permissions | kUserSearch);
}

Status apply_no_new_privileges(const plan::IdentityPlan& plan) {
  if (!plan.no_new_privileges) return {};
  return at(sys::forbid_new_privileges(), plan.pointer + "/noNewPrivileges");
}

Status apply_scheduling(const plan::IdentityPlan& plan) {
  if (const auto& wanted = plan.scheduler) {
    auto set = sys::set_scheduler({wanted->policy, wanted->flags, wanted->nice, wanted->priority, wanted->runtime,
                                   wanted->deadline, wanted->period});
    if (!set && set.error().sys_errno() == EPERM && wanted->policy == 6)
      return std::unexpected(std::move(set.error())
                                 .with("SCHED_DEADLINE can't be used together with a cpuset of some processors")
                                 .at(wanted->origin));
    CAISSON_TRY(at(std::move(set), wanted->origin));
  }
  if (plan.io_priority) CAISSON_TRY(at(sys::set_io_priority(plan.io_priority->level), plan.io_priority->origin));
  if (plan.personality) CAISSON_TRY(at(sys::set_personality(plan.personality->persona), plan.personality->origin));
  if (plan.memory_policy)
    CAISSON_TRY(
        at(sys::set_memory_policy(plan.memory_policy->mode, plan.memory_policy->nodes), plan.memory_policy->origin));
  return {};
}

Status reset_affinity() {
  // 8192 processors, as many as a kernel can be built for.
  std::array<unsigned long, 8192 / (8 * sizeof(unsigned long))> all;
  all.fill(~0UL);
  auto set = sys::set_affinity(0, all);
  // Where a filter around the runtime forbids the call, it also kept its caller from narrowing the affinity.
  if (!set && (set.error().sys_errno() == ENOSYS || set.error().sys_errno() == EPERM)) return {};
  return set;
}

Status apply_initial_affinity(const plan::IdentityPlan& plan) {
  if (!plan.initial_affinity) return {};
  return at(sys::set_affinity(0, plan.initial_affinity->processors), plan.initial_affinity->origin);
}

Status apply_final_affinity(const plan::IdentityPlan& plan) {
  if (!plan.final_affinity) return reset_affinity();
  return at(sys::set_affinity(0, plan.final_affinity->processors), plan.final_affinity->origin);
}

Status apply_limits(const plan::IdentityPlan& plan, pid_t pid) {
  for (const auto& limit : plan.rlimits) {
    auto set = sys::set_limit(pid, limit.resource, {limit.soft, limit.hard});
    if (!set) return std::unexpected(std::move(set.error()).with("set " + limit.name).at(limit.origin));
  }
  return {};
}

Error name_tight_limit(Error error, const plan::IdentityPlan& plan) {
  struct Tight {
    int sys_errno;
    int resource;
  };
  constexpr Tight kTight[] = {
      {EMFILE, RLIMIT_NOFILE}, {EAGAIN, RLIMIT_NPROC}, {ENOMEM, RLIMIT_AS}, {ENOMEM, RLIMIT_DATA}};
  for (const auto& tight : kTight) {
    if (error.sys_errno() != tight.sys_errno) continue;
    for (const auto& limit : plan.rlimits)
      if (limit.resource == tight.resource)
        return std::move(error).with(fmt::format("{} of {} is too low", limit.name, limit.soft)).at(limit.origin);
  }
  return error;
}

Status become_user(const plan::IdentityPlan& plan) {
  ::umask(plan.umask);
  give_streams(plan.uid);
  // setuid to root changes no capabilities, so that there is nothing to keep.
  if (plan.uid != 0) CAISSON_TRY(sys::keep_capabilities());
  CAISSON_TRY(set_groups(plan));
  auto group = sys::set_group(plan.gid);
  if (!group && group.error().sys_errno() == EINVAL)
    return fail_config(plan.pointer + "/user/gid", "cannot setgid to unmapped gid {} in user namespace", plan.gid);
  CAISSON_TRY(at(std::move(group), plan.pointer + "/user/gid"));
  auto user = sys::set_user(plan.uid);
  if (!user && user.error().sys_errno() == EINVAL)
    return fail_config(plan.pointer + "/user/uid", "cannot setuid to unmapped uid {} in user namespace", plan.uid);
  CAISSON_TRY(at(std::move(user), plan.pointer + "/user/uid"));
  // The kernel makes a process whose ids changed dumpable as fs.suid_dumpable says (CVE-2016-9962).
  return sys::hide_from_others();
}

Result<bool> enter_directory(const plan::IdentityPlan& plan) {
  if (::chdir(plan.cwd.c_str()) == 0) return true;
  if (errno == EACCES || errno == EPERM) return false;
  auto failure = fail_errno("chdir('{}')", plan.cwd);
  return std::unexpected(std::move(failure.error()).at(plan.pointer + "/cwd"));
}

Status check_directory() {
  // By syscall: it says "(unreachable)/..." where glibc's wrapper goes looking for a path of its own.
  std::array<char, PATH_MAX> path;
  if (::syscall(SYS_getcwd, path.data(), path.size()) < 0) return fail_errno("getcwd()");
  if (path[0] == '/') return {};
  return fail(ErrorKind::system,
              "current working directory is outside of container mount namespace root -- possible container breakout "
              "detected");
}

}  // namespace caisson::process
