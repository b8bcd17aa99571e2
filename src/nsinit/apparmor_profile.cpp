// SPDX-License-Identifier: Apache-2.0
#include "nsinit/apparmor_profile.hpp"

namespace caisson::nsinit {

namespace {

constexpr const char* kRules = R"(  network,
  capability,
  file,
  umount,

  # file systems of the container's own, and those of the kernel where they belong
  mount fstype=tmpfs,
  mount fstype=mqueue,
  mount fstype=fuse.*,
  mount fstype=binfmt_misc -> /proc/sys/fs/binfmt_misc/,
  mount fstype=efivarfs -> /sys/firmware/efi/efivars/,
  mount fstype=fusectl -> /sys/fs/fuse/connections/,
  mount fstype=securityfs -> /sys/kernel/security/,
  mount fstype=debugfs -> /sys/kernel/debug/,
  mount fstype=proc -> /proc/,
  mount fstype=sysfs -> /sys/,

  # what would change the host
  deny @{PROC}/sys/fs/** wklx,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/mem rwklx,
  deny @{PROC}/kmem rwklx,
  deny @{PROC}/sys/kernel/[^s][^h][^m]* wklx,
  deny @{PROC}/sys/kernel/*/** wklx,

  # what the start of a distribution tries in vain
  deny mount options=(ro, remount) -> /,
  deny mount fstype=debugfs -> /var/lib/ureadahead/debugfs/,
  deny mount fstype=devpts,

  # of /sys, cgroups alone may be written
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/efi/efivars/** rwklx,
  deny /sys/kernel/security/** rwklx,
)";

}  // namespace

std::string default_profile_text(const ApparmorParts& parts) {
  std::string text = parts.tunables ? "#include <tunables/global>\n" : "@{PROC}=/proc/\n";
  text += std::string("\nprofile ") + kDefaultProfile + " flags=(attach_disconnected,mediate_deleted) {\n";
  if (parts.abstractions) text += "  #include <abstractions/base>\n\n";
  return text + kRules + "}\n";
}

}  // namespace caisson::nsinit
