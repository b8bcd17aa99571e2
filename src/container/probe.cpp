// SPDX-License-Identifier: Apache-2.0
#include "container/probe.hpp"

#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <string_view>

#include "cgroup/find.hpp"
#include "process/load_filter.hpp"
#include "process/lsm.hpp"
#include "sys/credential.hpp"
#include "sys/file.hpp"
#include "sys/namespace.hpp"

namespace caisson::container {

namespace {

/// Inode of the first user namespace's file (PROC_USER_INIT_INO of the kernel's proc_ns.h).
constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;

constexpr int kMinimumMajor = 5;
constexpr int kMinimumMinor = 12;  // mount_setattr(2)

Status read_kernel_version(plan::HostFacts& facts) {
  utsname name{};
  if (::uname(&name) != 0) return fail_errno("uname");
  const char* const release = name.release;
  const char* const end = release + std::strlen(release);
  const auto major = std::from_chars(release, end, facts.kernel_major);
  if (major.ptr < end && *major.ptr == '.') std::from_chars(major.ptr + 1, end, facts.kernel_minor);
  if (std::pair(facts.kernel_major, facts.kernel_minor) < std::pair(kMinimumMajor, kMinimumMinor))
    return fail(ErrorKind::system, "Linux {} is too old: {}.{} or newer is needed (mount_setattr)", release,
                kMinimumMajor, kMinimumMinor);
  return {};
}

Status read_capabilities(plan::HostFacts& facts) {
  facts.privileged = (CAISSON_TRY(sys::capabilities()).effective & (1ULL << CAP_SYS_ADMIN)) != 0;
  const auto bounding = CAISSON_TRY(sys::bounding_set());
  facts.bounding_capabilities = bounding.set;
  facts.last_capability = bounding.last_capability;
  return {};
}

/// The id that `uid` has in the parent of our user namespace.
std::uint32_t outer_user(std::uint32_t uid) {
  const auto map = sys::read_file(FdView::cwd(), "/proc/self/uid_map");
  return map ? sys::outer_id(*map, uid).value_or(uid) : uid;
}

}  // namespace

Result<plan::HostFacts> probe_kernel() {
  plan::HostFacts facts;
  facts.euid = ::geteuid();
  facts.egid = ::getegid();
  CAISSON_TRY(read_kernel_version(facts));
  CAISSON_TRY(read_capabilities(facts));
  struct stat user {};
  facts.in_user_namespace = ::stat("/proc/self/ns/user", &user) == 0 && user.st_ino != kInitialUserNamespace;
  facts.cgroup_flavour = plan::CgroupFlavour::none;
  return facts;
}

void probe_lsm(plan::HostFacts& facts) {
  facts.apparmor = process::apparmor_is_enabled();
  facts.selinux = process::selinux_is_enabled();
}

void probe_systemd(plan::HostFacts& facts) {
  // sd_booted(3)
  struct stat booted {};
  if (::lstat("/run/systemd/system", &booted) != 0 || !S_ISDIR(booted.st_mode)) return;
  // Root of a user namespace may have a systemd of its own there, or only see the host's, which is not root's then.
  const bool of_user = facts.euid != 0 || (facts.in_user_namespace && booted.st_uid != 0);
  facts.systemd = of_user ? plan::SystemdManager::user : plan::SystemdManager::system;
  facts.systemd_owner = facts.in_user_namespace ? outer_user(facts.euid) : facts.euid;
}

Result<plan::HostFacts> probe(const Globals&) {
  plan::HostFacts facts = CAISSON_TRY(probe_kernel());
  probe_lsm(facts);
  CAISSON_TRY(cgroup::find_mounts(facts));
  return facts;
}

SeccompSupport probe_seccomp() {
  struct Flag {
    unsigned long bit;
    const char* name;
  };
  constexpr Flag kFlags[] = {
      {SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_LOG"},
      {SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"},
      {SECCOMP_FILTER_FLAG_TSYNC, "SECCOMP_FILTER_FLAG_TSYNC"},
      {SECCOMP_FILTER_FLAG_NEW_LISTENER | (1UL << 5), "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"},
  };
  SeccompSupport support{libseccomp_version(), {}};
  // A known flag with no program is EFAULT, an unknown one EINVAL: nothing is loaded either way. seccomp(2).
  for (const auto& flag : kFlags)
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag.bit, nullptr) != 0 && errno == EFAULT)
      support.kernel_flags.emplace_back(flag.name);
  return support;
}

std::string libseccomp_version() { return process::seccomp_library_version(); }

std::uint64_t own_among_joined(const config::Spec& spec) {
  struct Kind {
    config::NamespaceType type;
    std::uint64_t flag;
    const char* own;
  };
  constexpr Kind kKinds[] = {{config::NamespaceType::network, CLONE_NEWNET, "/proc/self/ns/net"},
                             {config::NamespaceType::ipc, CLONE_NEWIPC, "/proc/self/ns/ipc"},
                             {config::NamespaceType::uts, CLONE_NEWUTS, "/proc/self/ns/uts"}};
  std::uint64_t own = 0;
  for (const auto& kind : kKinds) {
    const auto* joined = spec.linux_or_empty().find(kind.type);
    if (joined == nullptr || joined->path.empty()) continue;
    struct stat theirs {};
    struct stat ours {};
    // What cannot be looked at is named when it is joined.
    if (::stat(joined->path.c_str(), &theirs) != 0 || ::stat(kind.own, &ours) != 0) continue;
    if (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino) own |= kind.flag;
  }
  return own;
}

}  // namespace caisson::container
