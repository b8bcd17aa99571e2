// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "plan/facts.hpp"
#include "plan/mount_options.hpp"
#include "plan/namespaces.hpp"

namespace caisson::plan {

/// One hierarchy in which the container has a cgroup of its own.
struct ContainerCgroup {
  std::vector<std::string> controllers;  ///< v1: {"cpu","cpuacct"}; named: {"name=systemd"}; v2: as cgroup.controllers
  std::string mountpoint;                ///< where the host has it, "/sys/fs/cgroup/cpu,cpuacct"
  std::string path;                      ///< host directory of the container's own cgroup
  bool v2 = false;
  bool operator==(const ContainerCgroup&) const = default;
};

/// What the plan of a root file system needs besides the config.
struct RootfsOptions {
  std::string bundle;  ///< absolute; relative sources and a relative root.path start here
  bool no_pivot = false;
  std::vector<ContainerCgroup> cgroups;  ///< in the host's mount order, on hybrid hosts the unified one last
};

/// A mapping of ids for a mount: MOUNT_ATTR_IDMAP. The text form is that of /proc/PID/uid_map.
struct MountIdMap {
  bool recursive = false;
  std::string uid_map;  ///< "0 100000 65536\n"
  std::string gid_map;
  std::string namespace_path;  ///< a user namespace to take the mapping from instead
  bool operator==(const MountIdMap&) const = default;
};

/// A clone of a tree of the host: a bind mount.
struct CopiedTree {
  std::string source;  ///< absolute host path
  /// The path below the rootfs, clean, when the source lies there: it is found as the container finds it, and with the
  /// mounts that were made before it.
  std::string inside;
  bool recursive = false;
  bool follow = true;         ///< false: src-nofollow
  bool copy_symlink = false;  ///< a symlink as source is made again at the target
  bool must_be_proc = false;  ///< the target is /proc: nothing but procfs may be put there (CVE-2019-16884)
  bool prepared = false;      ///< the parent opens it (prepare_trees)
  std::optional<MountIdMap> id_map;
  /// The container's process opens and maps it, because earlier mounts are part of it; the parent prepares the user
  /// namespace of the mapping alone.
  bool maps_late = false;
  bool operator==(const CopiedTree&) const = default;
};

/// A file system made for the container.
struct NewFilesystem {
  std::string type;
  std::string source;                  ///< empty: the kernel's "none"
  std::vector<std::string> data;       ///< "size=64k", "newinstance"
  std::uint64_t superblock_set = 0;    ///< MS_*
  std::uint64_t superblock_clear = 0;  ///< MS_*
  bool readonly_superblock = false;    ///< "ro" is said to the file system as well as to the mount
  bool inherit_mode = false;           ///< tmpfs without mode=: that of the directory it covers
  bool copy_up = false;                ///< tmpcopyup
  /// With an id map it is made by the parent (prepare_trees): the kernel maps only what the host's privileges own.
  std::optional<MountIdMap> id_map;
  std::string label;  ///< SELinux label set on the root directory (mqueue takes no context=)
  /// Made by a process that has joined the container's other namespaces but not yet entered its user namespace: the
  /// root of that has no rights over what the joined ones show (make_joined_filesystems()).
  /// CLONE_NEW* of the one that it shows; 0 = made as all others.
  std::uint64_t before_user_namespace = 0;
  /// Tried in order when the kernel refuses this one (EPERM, EBUSY).
  std::vector<CopiedTree> fallbacks;
  /// The caller's cgroups would come along with a fallback, and belong to the user that the container runs as: an empty
  /// directory covers them (CVE-2023-25809).
  bool cover_cgroups = false;
  bool mask_when_absent = false;  ///< no fallback's source exists: an empty read-only tmpfs
  bool operator==(const NewFilesystem&) const = default;
};

/// One mount.
struct Attach {
  std::string target;  ///< absolute and clean, as the container sees it
  std::variant<NewFilesystem, CopiedTree> what;
  MountAttributes attributes;
  MountAttributes recursive;             ///< AT_RECURSIVE
  std::vector<Propagation> propagation;  ///< after the mount, in order
  /// proc, sysfs and what is made at /dev: no symlink on the way, and a directory (CVE-2019-19921, CVE-2026-41579)
  bool ordinary_directory = false;
  bool nofollow = false;       ///< dest-nofollow
  bool needs_cgroups = false;  ///< the container must be in its cgroups
  std::string origin;          ///< "/mounts/3"
  bool operator==(const Attach&) const = default;
};

/// The option "remount": changes what is mounted at the target already.
struct Reconfigure {
  std::string target;
  bool superblock = true;  ///< false with bind: the mount's attributes alone
  std::vector<std::string> data;
  std::uint64_t superblock_set = 0;
  std::uint64_t superblock_clear = 0;
  MountAttributes attributes;
  MountAttributes recursive;
  std::vector<Propagation> propagation;
  std::string origin;
  bool operator==(const Reconfigure&) const = default;
};

/// One hierarchy below a cgroup v1 mount.
struct CgroupHierarchy {
  std::string name;                ///< directory, "cpu,cpuacct", "systemd", "unified"
  std::vector<std::string> data;   ///< options of a fresh mount: {"cpu","cpuacct"}, {"none","name=systemd"}
  std::vector<std::string> links;  ///< symlinks to it: {"cpu","cpuacct"}
  std::string path;                ///< host directory to bind; used when the cgroup namespace is the host's
  bool v2 = false;
  bool operator==(const CgroupHierarchy&) const = default;
};

/// /sys/fs/cgroup on a v1 or hybrid host: a tmpfs with one mount for each hierarchy.
struct CgroupTree {
  std::string target;
  bool fresh = false;     ///< new mounts (own cgroup namespace), else binds of the container's own cgroups
  bool optional = false;  ///< rootless: a cgroup that is not there is shown as an empty directory
  std::vector<CgroupHierarchy> hierarchies;
  std::string label_option;  ///< "context=..." for the tmpfs, or empty
  MountAttributes attributes;
  std::vector<Propagation> propagation;
  std::string origin;
  bool operator==(const CgroupTree&) const = default;
};

using RootfsOp = std::variant<Attach, Reconfigure, CgroupTree>;

/// Which members of a device the config names. Where only the host's node can be had, what it names must be true of
/// that.
struct GivenOfDevice {
  bool mode = false;
  bool uid = false;
  bool gid = false;
  bool any() const { return mode || uid || gid; }
  bool operator==(const GivenOfDevice&) const = default;
};

/// A node below the rootfs, most of them in /dev.
struct DeviceNode {
  std::string path;        ///< absolute and clean
  std::uint32_t type = 0;  ///< S_IFCHR, S_IFBLK, S_IFIFO
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t mode = 0666;  ///< permission bits, exact (no umask)
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  GivenOfDevice given;
  bool bind = false;      ///< mknod(2) is not allowed here: the host's node of that path is bound
  bool prepared = false;  ///< not the host's but one that the parent makes (prepare_trees), of this owner on the host:
  std::uint32_t host_uid = 0;
  std::uint32_t host_gid = 0;
  std::string origin;  ///< "/linux/devices/0"; empty for the default ones
  bool operator==(const DeviceNode&) const = default;
};

/// A symlink in /dev.
struct DeviceLink {
  std::string path;
  std::string target;
  bool replace = false;  ///< made anew when it exists (ptmx); others are left as they are
  bool operator==(const DeviceLink&) const = default;
};

/// A path that finish_rootfs() works on, and the config value that asked for it.
struct PathRule {
  std::string path;
  std::string origin;
  bool operator==(const PathRule&) const = default;
};

/// Everything that is done to the root file system, in order.
struct RootfsPlan {
  std::string rootfs;  ///< absolute host path
  bool has_mount_namespace = true;
  bool no_pivot = false;
  bool prepared = false;         ///< the parent opens the rootfs: the first of prepare_trees()
  Propagation host_propagation;  ///< given to all mounts of our copy of the host's tree; kind 0: left as they are
  std::vector<Propagation> tree_propagation;  ///< given to the detached rootfs before it is attached, in order
  Propagation root_propagation;               ///< given to "/" at the very end; kind 0: none
  std::vector<RootfsOp> mounts;
  bool private_dev = false;  ///< /dev is a file system made here, which nobody else can change meanwhile
  std::vector<DeviceNode> devices;
  std::vector<DeviceLink> links;
  bool core_link = false;               ///< /dev/core -> /proc/kcore, when the host has that
  std::vector<PathRule> late_readonly;  ///< mounts made read-only after devices and mountpoints are in them
  bool readonly_root = false;
  std::vector<PathRule> readonly_paths;
  std::vector<PathRule> masked_paths;
  std::string mask_context;        ///< SELinux label of the tmpfs over masked directories
  std::vector<std::string> notes;  ///< lines for the debug log: what cannot be as the config names it
  bool operator==(const RootfsPlan&) const = default;
};

/// Decides everything about the root file system. Errors name /root, /mounts/N, /linux/devices/N,
/// /linux/rootfsPropagation, /linux/maskedPaths/N, /linux/readonlyPaths/N, /linux/mountLabel.
Result<RootfsPlan> make_rootfs(const config::Spec& spec, const HostFacts& facts, const NamespacePlan& namespaces,
                               const RootfsOptions& options);

/// One operation a line, for golden tests and debugging.
std::string describe(const RootfsPlan& plan);

}  // namespace caisson::plan
