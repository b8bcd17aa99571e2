// SPDX-License-Identifier: Apache-2.0
#include "container/probe.hpp"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "cgroup/find.hpp"
#include "process/lsm.hpp"
#include "process/seccomp.hpp"
#include "sys/file.hpp"

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

/// The hexadecimal mask behind "CapBnd:" or another key of /proc/self/status.
std::uint64_t read_mask(std::string_view status, std::string_view key) {
  const auto at = status.find(key);
  if (at == std::string_view::npos) return 0;
  std::string_view rest = status.substr(at + key.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  std::uint64_t mask = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), mask, 16);
  return mask;
}

Status read_capabilities(plan::HostFacts& facts) {
  const std::string status = CAISSON_TRY(sys::read_file(FdView::cwd(), "/proc/self/status"));
  facts.bounding_capabilities = read_mask(status, "CapBnd:");
  facts.privileged = (read_mask(status, "CapEff:") & (1ULL << CAP_SYS_ADMIN)) != 0;
  facts.last_capability = CAP_LAST_CAP;
  // The kernel may know fewer than our headers, or more.
  while (facts.last_capability > 0 && ::prctl(PR_CAPBSET_READ, facts.last_capability, 0, 0, 0) < 0)
    --facts.last_capability;
  while (facts.last_capability < 63 && ::prctl(PR_CAPBSET_READ, facts.last_capability + 1, 0, 0, 0) >= 0)
    ++facts.last_capability;
  return {};
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

}  // namespace caisson::container
