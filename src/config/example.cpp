// SPDX-License-Identifier: Apache-2.0
#include "config/spec.hpp"

namespace caisson::config {
namespace {

// The config that `spec` writes has the mounts, masks, capabilities and limits that other runtimes' `spec` has.

std::vector<Mount> example_mounts(bool rootless) {
  std::vector<Mount> mounts = {
      {.destination = "/proc", .type = "proc", .source = "proc"},
      {.destination = "/dev",
       .type = "tmpfs",
       .source = "tmpfs",
       .options = {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {.destination = "/dev/pts",
       .type = "devpts",
       .source = "devpts",
       .options = {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
      {.destination = "/dev/shm",
       .type = "tmpfs",
       .source = "shm",
       .options = {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
      {.destination = "/dev/mqueue", .type = "mqueue", .source = "mqueue", .options = {"nosuid", "noexec", "nodev"}},
  };
  if (rootless) {
    // Mounting sysfs needs ownership of the network namespace, which is the host's here.
    mounts.push_back({.destination = "/sys",
                      .type = "none",
                      .source = "/sys",
                      .options = {"rbind", "nosuid", "noexec", "nodev", "ro"}});
  } else {
    mounts[2].options.push_back("gid=5");  // Drop the group tty: without privileges only one id can be mapped.
    mounts.push_back(
        {.destination = "/sys", .type = "sysfs", .source = "sysfs", .options = {"nosuid", "noexec", "nodev", "ro"}});
  }
  mounts.push_back({.destination = "/sys/fs/cgroup",
                    .type = "cgroup",
                    .source = "cgroup",
                    .options = {"nosuid", "noexec", "nodev", "relatime", "ro"}});
  return mounts;
}

Linux example_linux(const ExampleHost& host) {
  Linux platform;
  platform.masked_paths = {"/proc/acpi",          "/proc/asound",     "/proc/kcore",       "/proc/keys",
                           "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
                           "/sys/firmware",       "/proc/scsi"};
  platform.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  platform.namespaces.push_back({.type = NamespaceType::pid});
  if (!host.rootless) platform.namespaces.push_back({.type = NamespaceType::network});
  platform.namespaces.push_back({.type = NamespaceType::ipc});
  platform.namespaces.push_back({.type = NamespaceType::uts});
  platform.namespaces.push_back({.type = NamespaceType::mount});
  if (host.cgroup_v2) platform.namespaces.push_back({.type = NamespaceType::cgroup});
  if (host.rootless) {
    platform.namespaces.push_back({.type = NamespaceType::user});
    platform.uid_mappings = {{.container_id = 0, .host_id = host.uid, .size = 1}};
    platform.gid_mappings = {{.container_id = 0, .host_id = host.gid, .size = 1}};
  } else {
    platform.resources.emplace().devices = {{.allow = false, .access = "rwm"}};
  }
  return platform;
}

}  // namespace

Spec example(const ExampleHost& host) {
  const std::vector<std::string> capabilities = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  Spec spec;
  spec.oci_version = kSpecVersion;
  auto& process = spec.process.emplace();
  process.terminal = true;
  process.args = {"sh"};
  process.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"};
  process.cwd = "/";
  // No ambient set: an ambient capability must also be inheritable (CVE-2022-24769), and root needs neither set.
  process.capabilities = {
      .bounding = capabilities, .effective = capabilities, .inheritable = {}, .permitted = capabilities, .ambient = {}};
  process.rlimits = {{.type = RlimitType::nofile, .soft = 1024, .hard = 1024}};
  process.no_new_privileges = true;
  spec.root = {.path = "rootfs", .readonly = true};
  spec.hostname = "caisson";
  spec.mounts = example_mounts(host.rootless);
  spec.linux = example_linux(host);
  return spec;
}

}  // namespace caisson::config
