// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "base/fixed_text.hpp"
#include "plan/identity.hpp"

namespace caisson::plan {

namespace {
// By number. Source: <linux/capability.h> of Linux 6.1; CAP_CHECKPOINT_RESTORE (5.9) is still the last in 6.18.
constexpr auto kNames = std::to_array<text::Fixed<23>>({
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
});
static_assert(kNames.size() == 41);
}  // namespace

std::string_view capability_name(int number) {
  if (number < 0 || static_cast<std::size_t>(number) >= kNames.size()) return {};
  return kNames[static_cast<std::size_t>(number)];
}

std::optional<int> capability_number(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return {};
  return static_cast<int>(found - kNames.begin());
}

std::vector<std::string> capability_names() { return {kNames.begin(), kNames.end()}; }

}  // namespace caisson::plan
