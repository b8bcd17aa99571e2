// SPDX-License-Identifier: Apache-2.0
#include "rootfs/trees.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/uapi.hpp"
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

constexpr std::uint64_t kClassicOnly = MS_SILENT | MS_I_VERSION;

// In mount(2) quotes keep the commas of an SELinux context together; fsconfig(2) wants the context alone.
std::string_view unquoted(std::string_view key, std::string_view value) {
  if (key.ends_with("context") && value.size() >= 2 && value.front() == '"' && value.back() == '"')
    return value.substr(1, value.size() - 2);
  return value;
}

std::uint64_t classic_flags(std::uint64_t attributes) {
  constexpr std::pair<std::uint64_t, std::uint64_t> kFlags[] = {
      {MOUNT_ATTR_RDONLY, MS_RDONLY},         {MOUNT_ATTR_NOSUID, MS_NOSUID},
      {MOUNT_ATTR_NODEV, MS_NODEV},           {MOUNT_ATTR_NOEXEC, MS_NOEXEC},
      {MOUNT_ATTR_NOATIME, MS_NOATIME},       {MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
      {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME}, {MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW},
  };
  std::uint64_t flags = 0;
  for (const auto& [attribute, flag] : kFlags)
    if (attributes & attribute) flags |= flag;
  return flags;
}

Status explained(Status status) {
  if (!status && status.error().sys_errno() == EPERM)
    return std::unexpected(std::move(status.error()).with("cannot clear locked flags or change locked atime flags"));
  return status;
}

}  // namespace

Status change_tree(FdView tree, const plan::MountAttributes& attributes, const plan::MountAttributes& recursive,
                   const std::vector<plan::Propagation>& propagation) {
  // Propagation joins the call before it when both reach equally far and that call has none yet.
  sys::AttributeChange pending;
  bool is_pending = false;
  const auto flush = [&]() -> Status {
    if (!std::exchange(is_pending, false)) return {};
    return explained(sys::set_attributes(tree, pending));
  };
  for (const auto& [change, reach] : {std::pair{&attributes, false}, std::pair{&recursive, true}}) {
    if (change->empty()) continue;
    CAISSON_TRY(flush());
    pending = {.set = change->set, .clear = change->clear, .recursive = reach};
    is_pending = true;
  }
  for (const auto& step : propagation) {
    if (!is_pending || pending.recursive != step.recursive || pending.propagation != 0) {
      CAISSON_TRY(flush());
      pending = {.recursive = step.recursive};
      is_pending = true;
    }
    pending.propagation = step.kind;
  }
  return flush();
}

Result<FileDescriptor> copy_tree(const plan::CopiedTree& tree) {
  const auto copy = tree.recursive ? sys::TreeCopy::recursive : sys::TreeCopy::single;
  auto fd = sys::open_tree(FdView::cwd(), tree.source, copy, tree.follow);
  if (!fd && fd.error().sys_errno() == ENOENT)
    return std::unexpected(std::move(fd.error()).with("bind mount source stat"));
  return fd;
}

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

Status set_superblock_flags(FdView context, std::uint64_t set, std::uint64_t clear) {
  if ((set | clear) == 0) return {};
  for (const auto& flag : kSuperblockFlags) {
    if (set & flag.bit) CAISSON_TRY(sys::set_option(context, flag.on));
    if ((clear & flag.bit) && flag.off) CAISSON_TRY(sys::set_option(context, flag.off));
  }
  return {};
}

Result<FileDescriptor> make_filesystem(const plan::NewFilesystem& what, std::uint64_t attributes,
                                       std::optional<mode_t> mode, FileDescriptor context) {
  if (!context) context = CAISSON_TRY(sys::open_filesystem(what.type));
  if (!what.source.empty()) CAISSON_TRY(sys::set_option(context, "source", what.source));
  if (what.readonly_superblock) CAISSON_TRY(sys::set_option(context, "ro"));
  CAISSON_TRY(set_superblock_flags(context, what.superblock_set, 0));
  if (mode) CAISSON_TRY(sys::set_option(context, "mode", fmt::format("{:o}", *mode)));
  CAISSON_TRY(set_options(context, what.data));
  CAISSON_TRY(sys::create_filesystem(context));
  return sys::mount_filesystem(context, attributes);
}

bool needs_classic_mount(const plan::NewFilesystem& what) {
  if (what.superblock_set & kClassicOnly) return true;
  for (const auto& entry : what.data) {
    const std::size_t equals = entry.find('=');
    if (equals != std::string::npos && entry.size() - equals - 1 > sys::kOptionLimit) return true;
  }
  return false;
}

Status classic_mount_here(const plan::NewFilesystem& what, std::uint64_t attributes, std::optional<mode_t> mode) {
  std::string data;
  if (mode) data = fmt::format("mode={:o}", *mode);
  for (const auto& entry : what.data) {
    if (!data.empty()) data += ',';
    data += entry;
  }
  // mount(2) reads one page, the ending zero byte included, and cuts off the rest without a word.
  if (data.size() >= static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)))
    return fail(ErrorKind::system, "mount options of {} bytes are longer than the kernel takes", data.size());
  return sys::classic_mount(what.source, ".", what.type, classic_flags(attributes) | what.superblock_set, data);
}

Result<FileDescriptor> make_empty_directory(const std::string& context_option) {
  // One inode, the root directory. Some kernels count it differently and need two.
  for (const char* inodes : {"1", "2"}) {
    FileDescriptor context = CAISSON_TRY(sys::open_filesystem("tmpfs"));
    CAISSON_TRY(sys::set_option(context, "ro"));
    CAISSON_TRY(sys::set_option(context, "nr_blocks", "1"));
    CAISSON_TRY(sys::set_option(context, "nr_inodes", inodes));
    CAISSON_TRY(sys::set_option(context, "mode", "755"));
    if (!context_option.empty()) CAISSON_TRY(set_options(context, {context_option}));
    auto made = sys::create_filesystem(context);
    if (made)
      return sys::mount_filesystem(context,
                                   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (inodes[0] == '2' || made.error().sys_errno() != ENOSPC) return std::unexpected(std::move(made.error()));
  }
  std::unreachable();
}

}  // namespace caisson::rootfs
