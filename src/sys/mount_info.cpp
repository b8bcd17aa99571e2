// SPDX-License-Identifier: Apache-2.0
#include "sys/mount_info.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/mount.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/text.hpp"
#include "sys/file.hpp"

namespace caisson::sys {

namespace {

// The kernel headers of Debian 12 (6.1) do not have these. Source: include/uapi/linux/{mount,stat,nsfs}.h.
constexpr long kStatmountNumber = 457;                                          // Linux 6.8
constexpr unsigned kStatxUniqueMountId = 0x4000;                                // STATX_MNT_ID_UNIQUE, Linux 6.8
constexpr std::uint64_t kMountBasic = 0x02;                                     // STATMOUNT_MNT_BASIC
constexpr std::uint64_t kFilesystemType = 0x20;                                 // STATMOUNT_FS_TYPE
constexpr unsigned long kGetMountNamespaceId = _IOR(0xb7, 0x5, std::uint64_t);  // NS_GET_MNTNS_ID, Linux 6.11

/// struct mnt_id_req, MNT_ID_REQ_SIZE_VER1.
struct MountRequest {
  std::uint32_t size;
  std::uint32_t spare;
  std::uint64_t id;
  std::uint64_t parameters;
  std::uint64_t mount_namespace;
};

/// The beginning of struct statmount, as far as it is read here; strings start at offset 512.
struct MountAnswer {
  std::uint32_t size, options;
  std::uint64_t mask;
  std::uint32_t device_major, device_minor;
  std::uint64_t magic;
  std::uint32_t superblock_flags, type;
  std::uint64_t id, parent;
  std::uint32_t old_id, old_parent;
  std::uint64_t attributes;
};
constexpr std::size_t kStringsOffset = 512;

struct Option {
  std::string_view name;
  std::uint64_t attribute;
};
constexpr auto kOptions = std::to_array<Option>({{"ro", MOUNT_ATTR_RDONLY},
                                                 {"nosuid", MOUNT_ATTR_NOSUID},
                                                 {"nodev", MOUNT_ATTR_NODEV},
                                                 {"noexec", MOUNT_ATTR_NOEXEC},
                                                 {"noatime", MOUNT_ATTR_NOATIME},
                                                 {"nodiratime", MOUNT_ATTR_NODIRATIME},
                                                 {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW}});

/// "ro,nosuid,relatime". A mount that names no access time option has strictatime.
std::uint64_t attributes_of(std::string_view options) {
  std::uint64_t attributes = 0;
  bool times_named = false;
  for (const auto& name : text::split(options, ',')) {
    times_named = times_named || name == "relatime" || name == "noatime";
    for (const auto& option : kOptions)
      if (name == option.name) attributes |= option.attribute;
  }
  return times_named ? attributes : attributes | MOUNT_ATTR_STRICTATIME;
}

Result<struct statx> mount_id(FdView place, unsigned mask) {
  struct statx info {};
  if (::statx(place.get(), "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, mask, &info) != 0) return fail_errno("statx(mount id)");
  return info;
}

/// Absent where the kernel cannot tell: the caller has another way.
std::optional<MountInfo> ask_statmount(FdView place, pid_t pid) {
  const auto info = mount_id(place, kStatxUniqueMountId);
  if (!info || (info->stx_mask & kStatxUniqueMountId) == 0) return std::nullopt;
  const auto space = open_at(FdView::cwd(), fmt::format("/proc/{}/ns/mnt", pid), O_RDONLY);
  std::uint64_t space_id = 0;
  if (!space || ::ioctl(space->get(), kGetMountNamespaceId, &space_id) != 0) return std::nullopt;
  MountRequest request{sizeof request, 0, info->stx_mnt_id, kMountBasic | kFilesystemType, space_id};
  alignas(8) char buffer[kStringsOffset + 256] = {};
  if (::syscall(kStatmountNumber, &request, buffer, sizeof buffer, 0) != 0) return std::nullopt;
  MountAnswer answer;
  std::memcpy(&answer, buffer, sizeof answer);
  if ((answer.mask & request.parameters) != request.parameters || answer.type >= 255) return std::nullopt;
  return MountInfo{buffer + kStringsOffset + answer.type, answer.attributes};
}

}  // namespace

std::optional<MountInfo> find_mount(std::string_view mountinfo, std::uint64_t id) {
  const std::string wanted = fmt::format("{}", id);
  for (const auto& line : text::split(mountinfo, '\n')) {
    const auto words = text::split(line, ' ');
    if (words.size() < 10 || words[0] != wanted) continue;
    for (std::size_t i = 6; i + 1 < words.size(); ++i)
      if (words[i] == "-") return MountInfo{std::string(words[i + 1]), attributes_of(words[5])};
  }
  return std::nullopt;
}

Result<MountInfo> mount_of(FdView place, pid_t pid) {
  if (auto answer = ask_statmount(place, pid)) return std::move(*answer);
  const auto info = CAISSON_TRY(mount_id(place, STATX_MNT_ID));
  const std::string file = fmt::format("/proc/{}/mountinfo", pid);
  auto found = find_mount(CAISSON_TRY(read_file(FdView::cwd(), file)), info.stx_mnt_id);
  if (!found) return fail(ErrorKind::system, "'{}' has no mount {}", file, info.stx_mnt_id);
  return std::move(*found);
}

Result<bool> is_mount_root(FdView place) {
  return (CAISSON_TRY(mount_id(place, STATX_MNT_ID)).stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace caisson::sys
