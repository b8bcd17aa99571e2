// SPDX-License-Identifier: Apache-2.0
#include "sys/mount.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>

#include "base/uapi.hpp"

namespace caisson::sys {
namespace {

// What the kernel has logged in a file system context: "e " (error), "w " or "i " and the text, one read(2) a message.
// Source: Documentation/filesystems/mount_api.rst, "The FS context log".
std::string kernel_log(FdView context) {
  std::string text;
  std::array<char, 512> line;
  for (;;) {
    ssize_t n = ::read(context.get(), line.data(), line.size());
    if (n <= 0) return text;
    std::string_view message(line.data(), static_cast<std::size_t>(n));
    while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
    if (message.size() > 2 && message[1] == ' ') message.remove_prefix(2);
    if (!text.empty()) text += "; ";
    text += message;
  }
}

std::unexpected<Error> explained(FdView context, std::unexpected<Error> failure) {
  std::string why = kernel_log(context);
  if (why.empty()) return failure;
  return std::unexpected(std::move(failure.error()).with(std::move(why)));
}

Status set_attributes_at(int dir, const char* path, const std::string& shown, const AttributeChange& change) {
  struct mount_attr attributes {};
  attributes.attr_set = change.set;
  attributes.attr_clr = change.clear;
  attributes.propagation = change.propagation;
  if (change.user_namespace >= 0) attributes.userns_fd = static_cast<std::uint64_t>(change.user_namespace);
  const unsigned flags = (*path ? 0 : AT_EMPTY_PATH) | (change.recursive ? AT_RECURSIVE : 0);
  if (::mount_setattr(dir, path, flags, &attributes, sizeof attributes) == 0) return {};
  return fail_errno("mount_setattr({}set={:#x}, clear={:#x}, propagation={:#x}{})", shown, change.set, change.clear,
                    change.propagation, change.recursive ? ", recursive" : "");
}

}  // namespace

Result<FileDescriptor> open_tree(FdView dir, const std::string& path, TreeCopy copy, LastPart last) {
  unsigned flags = OPEN_TREE_CLOEXEC;
  if (last != LastPart::automount) flags |= AT_NO_AUTOMOUNT;
  if (last == LastPart::keep_link) flags |= AT_SYMLINK_NOFOLLOW;
  if (path.empty()) flags |= AT_EMPTY_PATH;
  if (copy != TreeCopy::none) flags |= OPEN_TREE_CLONE;
  if (copy == TreeCopy::recursive) flags |= AT_RECURSIVE;
  int fd = ::open_tree(dir.get(), path.c_str(), flags);
  if (fd < 0) return fail_errno("open_tree('{}')", path);
  return FileDescriptor(fd);
}

Result<bool> is_mount_root(FdView place, const std::string& name) {
  struct statx found {};
  if (::statx(place.get(), "", AT_EMPTY_PATH, STATX_TYPE, &found) < 0) return fail_errno("statx('{}')", name);
  return (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Result<FileDescriptor> open_filesystem(const std::string& type) {
  int fd = ::fsopen(type.c_str(), FSOPEN_CLOEXEC);
  if (fd < 0) return fail_errno("fsopen('{}')", type);
  return FileDescriptor(fd);
}

Result<FileDescriptor> pick_filesystem(FdView target) {
  int fd = ::fspick(target.get(), "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
  if (fd < 0) return fail_errno("fspick");
  return FileDescriptor(fd);
}

Status set_option(FdView context, const std::string& key, const std::string& value) {
  if (::fsconfig(context.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0) == 0) return {};
  return explained(context, fail_errno("fsconfig({}={})", key, value));
}

Status set_option(FdView context, const std::string& key) {
  if (::fsconfig(context.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0) == 0) return {};
  return explained(context, fail_errno("fsconfig({})", key));
}

Status create_filesystem(FdView context) {
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) return {};
  return explained(context, fail_errno("fsconfig(create)"));
}

Status reconfigure_filesystem(FdView context) {
  if (::fsconfig(context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) == 0) return {};
  return explained(context, fail_errno("fsconfig(reconfigure)"));
}

Result<FileDescriptor> mount_filesystem(FdView context, std::uint64_t attributes) {
  int fd = ::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes));
  if (fd < 0) return explained(context, fail_errno("fsmount"));
  return FileDescriptor(fd);
}

Status set_attributes(FdView mount, const AttributeChange& change) {
  return set_attributes_at(mount.get(), "", "", change);
}

Status set_attributes(const std::string& path, const AttributeChange& change) {
  return set_attributes_at(AT_FDCWD, path.c_str(), fmt::format("'{}', ", path), change);
}

Status move_mount(FdView mount, FdView target) {
  if (::move_mount(mount.get(), "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0)
    return {};
  return fail_errno("move_mount");
}

Status move_mount(FdView mount, FdView target, const std::string& path) {
  if (::move_mount(mount.get(), "", target.get(), path.c_str(), MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) == 0)
    return {};
  return fail_errno("move_mount('{}')", path);
}

Status classic_mount(const std::string& source, const std::string& target, const std::string& type, std::uint64_t flags,
                     const std::string& data) {
  const char* source_text = source.empty() ? "none" : source.c_str();
  if (::mount(source_text, target.c_str(), type.c_str(), flags, data.empty() ? nullptr : data.c_str()) == 0) return {};
  return fail_errno("mount('{}', type '{}', data '{}')", source_text, type, data);
}

Status unmount(const std::string& path, int flags) {
  if (::umount2(path.c_str(), flags) == 0) return {};
  return fail_errno("umount2('{}')", path);
}

Status pivot_root(const std::string& new_root, const std::string& put_old) {
  if (::syscall(SYS_pivot_root, new_root.c_str(), put_old.c_str()) == 0) return {};
  return fail_errno("pivot_root({}, {})", new_root, put_old);
}

}  // namespace caisson::sys
