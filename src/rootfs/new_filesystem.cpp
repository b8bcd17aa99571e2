// SPDX-License-Identifier: Apache-2.0
#include "rootfs/new_filesystem.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "base/uapi.hpp"
#include "sys/file.hpp"
#include "sys/mount.hpp"

namespace caisson::rootfs {
namespace {

struct SuperblockFlag {
  std::uint64_t bit;
  const char* on;
  const char* off;
};
// Source: fs/fs_context.c, common_set_sb_flag and common_clear_sb_flag.
constexpr auto kSuperblockFlags = std::to_array<SuperblockFlag>({
    {MS_SYNCHRONOUS, "sync", "async"},
    {MS_DIRSYNC, "dirsync", nullptr},
    {MS_LAZYTIME, "lazytime", "nolazytime"},
    {MS_MANDLOCK, "mand", "nomand"},
});

// statvfs(3) gives it since Linux 5.10; libc 2.36 has no name for it.
constexpr unsigned long kStatNosymfollow = 0x2000;

constexpr std::uint64_t kClassicOnly = MS_SILENT | MS_I_VERSION;

// In mount(2) quotes keep the commas of an SELinux context together; fsconfig(2) wants the context alone.
std::string_view unquoted(std::string_view key, std::string_view value) {
  if (key.ends_with("context") && value.size() >= 2 && value.front() == '"' && value.back() == '"')
    return value.substr(1, value.size() - 2);
  return value;
}

/// "key=value" or "key".
Status set_options(FdView context, const std::vector<std::string>& data) {
  for (const auto& entry : data) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos) {
      CAISSON_TRY(sys::set_option(context, entry));
    } else {
      const std::string key = entry.substr(0, equals);
      const std::string_view value = std::string_view(entry).substr(equals + 1);
      CAISSON_TRY(sys::set_option(context, key, std::string(unquoted(key, value))));
    }
  }
  return {};
}

/// MS_SYNCHRONOUS and the like.
Status set_superblock_flags(FdView context, std::uint64_t set, std::uint64_t clear) {
  if ((set | clear) == 0) return {};
  for (const auto& flag : kSuperblockFlags) {
    if (set & flag.bit) CAISSON_TRY(sys::set_option(context, flag.on));
    if ((clear & flag.bit) && flag.off) CAISSON_TRY(sys::set_option(context, flag.off));
  }
  return {};
}

bool has_long_option(const std::vector<std::string>& data) {
  return std::ranges::any_of(data, [](const std::string& entry) {
    const std::size_t equals = std::min(entry.find('='), entry.size());
    return equals > sys::kOptionLimit || entry.size() - equals > sys::kOptionLimit + 1;
  });
}

/// Before Linux 6.5 overlay takes its options through a layer that refuses values with a comma in them. mount(2) lets
/// them through where a backslash stands before the comma, as it does in the config.
bool has_overlay_comma(const plan::NewFilesystem& what) {
  return what.type == "overlay" && std::ranges::any_of(what.data, [](const std::string& entry) {
           return entry.contains(',') && entry.find("context=") == std::string::npos;
         });
}

bool needs_classic_mount(const plan::NewFilesystem& what) {
  return (what.superblock_set & kClassicOnly) != 0 || what.source.size() > sys::kOptionLimit ||
         has_long_option(what.data) || has_overlay_comma(what);
}

/// The options as mount(2) takes them. It reads one page, the ending zero byte included, and cuts off the rest
/// silently.
Result<std::string> joined_options(const std::vector<std::string>& data, std::optional<mode_t> mode) {
  std::string text;
  if (mode) text = fmt::format("mode={:o}", *mode);
  for (const auto& entry : data) {
    if (!text.empty()) text += ',';
    // An SELinux context may hold commas.
    const std::size_t value = entry.find("context=");
    if (value != std::string::npos && entry.contains(',') && !entry.contains('"')) {
      const std::size_t start = value + std::string_view("context=").size();
      text += fmt::format("{}\"{}\"", entry.substr(0, start), entry.substr(start));
    } else {
      text += entry;
    }
  }
  if (text.size() >= static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)))
    return fail(ErrorKind::system, "mount options of {} bytes are longer than the kernel takes", text.size());
  return text;
}

/// Mounts by mount(2) and gives back a detached clone. mount(2) needs a path of this mount namespace: a directory in a
/// tmpfs of this process, which is on top of `scratch` for that long. `scratch` shares its mounts
/// with no other namespace.
Result<FileDescriptor> make_by_mount(const plan::NewFilesystem& what, std::uint64_t attributes,
                                     std::optional<mode_t> mode, FdView scratch) {
  if (scratch.get() < 0)
    return fail(ErrorKind::system, "a source or an option of more than {} bytes is not supported for this mount",
                sys::kOptionLimit);
  const std::string data = CAISSON_TRY(joined_options(what.data, mode));
  FileDescriptor context = CAISSON_TRY(sys::open_filesystem("tmpfs"));
  CAISSON_TRY(sys::create_filesystem(context));
  const FileDescriptor top = CAISSON_TRY(sys::mount_filesystem(context, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  CAISSON_TRY(sys::make_directory(top, "m", 0700));
  CAISSON_TRY(sys::move_mount(top, scratch));
  if (::fchdir(top.get()) < 0) return fail_errno("fchdir(scratch file system)");
  const auto mounted = [&]() -> Result<FileDescriptor> {
    const std::uint64_t flags = what.superblock_set | (what.readonly_superblock ? MS_RDONLY : 0);
    CAISSON_TRY(sys::classic_mount(what.source, "m", what.type, flags, data));
    return sys::open_tree(top, "m", sys::TreeCopy::single);
  };
  auto tree = mounted();
  // "." is the root of the scratch file system: the mount is found by that, whatever is above or below it.
  CAISSON_TRY(sys::unmount(".", MNT_DETACH));
  if (::fchdir(scratch.get()) < 0) return fail_errno("fchdir('/')");
  if (tree) CAISSON_TRY(sys::set_attributes(*tree, {.set = attributes, .clear = MOUNT_ATTR__ATIME}));
  return tree;
}

/// The flags of a mount as mount(2) takes them: a remount sets all of them anew.
std::uint64_t flags_of_mount(unsigned long present) {
  constexpr std::pair<unsigned long, std::uint64_t> kFlags[] = {
      {ST_NOSUID, MS_NOSUID},
      {ST_NODEV, MS_NODEV},
      {ST_NOEXEC, MS_NOEXEC},
      {ST_NOATIME, MS_NOATIME},
      {ST_NODIRATIME, MS_NODIRATIME},
      {ST_RELATIME, MS_RELATIME},
      {kStatNosymfollow, MS_NOSYMFOLLOW},
  };
  std::uint64_t flags = 0;
  for (const auto& [bit, flag] : kFlags)
    if (present & bit) flags |= flag;
  return (present & (ST_NOATIME | ST_RELATIME)) == 0 ? flags | MS_STRICTATIME : flags;
}

/// Whether the file system itself is read-only, and not the mount alone. Source: proc_pid_mountinfo(5), fields (1) and
/// (11).
Result<bool> is_superblock_readonly(FdView place) {
  struct statx found {};
  if (::statx(place.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &found) < 0) return fail_errno("statx");
  const std::string id = fmt::format("{} ", found.stx_mnt_id);
  const std::string mounts = CAISSON_TRY(sys::read_file(FdView::cwd(), "/proc/self/mountinfo"));
  for (const auto line : text::split(mounts, '\n')) {
    if (!line.starts_with(id)) continue;
    const auto fields = text::split(line.substr(std::min(line.find(" - "), line.size())), ' ');
    return !fields.empty() && (fields.back() == "ro" || fields.back().starts_with("ro,"));
  }
  return fail(ErrorKind::system, "mount {} is not in /proc/self/mountinfo", found.stx_mnt_id);
}

Status remount_by_mount(const plan::Reconfigure& op, FdView place, FdView root) {
  const std::string data = CAISSON_TRY(joined_options(op.data, std::nullopt));
  struct statvfs present {};
  if (::fstatvfs(place.get(), &present) < 0) return fail_errno("fstatvfs('{}')", op.target);
  std::uint64_t flags = MS_REMOUNT | op.superblock_set | flags_of_mount(present.f_flag);
  if (CAISSON_TRY(is_superblock_readonly(place))) flags |= MS_RDONLY;
  if (::fchdir(place.get()) < 0) return fail_errno("fchdir('{}')", op.target);
  auto done = sys::classic_mount({}, ".", {}, flags, data);
  if (::fchdir(root.get()) < 0) return fail_errno("fchdir('/')");
  // The mount was set read-only or not with the file system.
  if (done && (present.f_flag & ST_RDONLY) != 0) return sys::set_attributes(place, {.set = MOUNT_ATTR_RDONLY});
  return done;
}

}  // namespace

Result<FileDescriptor> make_filesystem(const plan::NewFilesystem& what, std::uint64_t attributes,
                                       std::optional<mode_t> mode, FdView scratch, FileDescriptor context) {
  if (needs_classic_mount(what)) return make_by_mount(what, attributes, mode, scratch);
  if (!context) context = CAISSON_TRY(sys::open_filesystem(what.type));
  if (!what.source.empty()) CAISSON_TRY(sys::set_option(context, "source", what.source));
  if (what.readonly_superblock) CAISSON_TRY(sys::set_option(context, "ro"));
  CAISSON_TRY(set_superblock_flags(context, what.superblock_set, 0));
  if (mode) CAISSON_TRY(sys::set_option(context, "mode", fmt::format("{:o}", *mode)));
  CAISSON_TRY(set_options(context, what.data));
  CAISSON_TRY(sys::create_filesystem(context));
  return sys::mount_filesystem(context, attributes);
}

Status reconfigure_filesystem(const plan::Reconfigure& op, FdView place, FdView root) {
  if (op.data.empty() && (op.superblock_set | op.superblock_clear) == 0) return {};
  if (has_long_option(op.data)) return remount_by_mount(op, place, root);
  FileDescriptor context = CAISSON_TRY(sys::pick_filesystem(place));
  CAISSON_TRY(set_superblock_flags(context, op.superblock_set, op.superblock_clear));
  CAISSON_TRY(set_options(context, op.data));
  return sys::reconfigure_filesystem(context);
}

Result<FileDescriptor> make_empty_directory(const std::string& context, FdView scratch) {
  // One inode, the root directory. Some kernels count it differently and need two.
  for (const char* inodes : {"nr_inodes=1", "nr_inodes=2"}) {
    plan::NewFilesystem empty;
    empty.type = "tmpfs";
    empty.readonly_superblock = true;
    empty.data = {"nr_blocks=1", inodes, "mode=755"};
    if (!context.empty()) empty.data.push_back(context);
    auto made = make_filesystem(empty, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                                std::nullopt, scratch);
    if (made || std::string_view(inodes).ends_with('2') || made.error().sys_errno() != ENOSPC) return made;
  }
  std::unreachable();
}

}  // namespace caisson::rootfs
