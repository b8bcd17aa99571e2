// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::sys {

/// openat2(2) below `dir`. O_CLOEXEC and O_NOCTTY are always added (the latter never to O_PATH, which refuses it).
/// `resolve` is RESOLVE_* of <linux/openat2.h>; 0 resolves as the host does. `mode` is for O_CREAT and O_TMPFILE.
Result<FileDescriptor> open_at(FdView dir, const std::string& path, std::uint64_t flags, mode_t mode = 0,
                               std::uint64_t resolve = 0);

/// As open_at(), but an absent file (ENOENT, or ENOTDIR on the way) is an empty descriptor and not an error.
Result<FileDescriptor> open_if_exists(FdView dir, const std::string& path, std::uint64_t flags,
                                      std::uint64_t resolve = 0);

/// openat2(2) without the text of a failure, for callers to whom one is ordinary: a descriptor, or -errno.
int try_open(FdView dir, const char* path, std::uint64_t flags, mode_t mode, std::uint64_t resolve);

/// Whether a call has failed with this errno for want of descriptors or memory, and not for what it was asked about.
constexpr bool is_exhausted(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

/// A directory for fd-relative work (O_PATH): cheap, and needs search permission only.
Result<FileDescriptor> open_directory(FdView dir, const std::string& path);

/// What a file of ours may hold at most: more is not ours.
inline constexpr off_t kLargestOwnFile = 16 << 20;
/// All of a file of our own on a disk, which is never written to but only replaced: the first short read is its end. A
/// directory, FIFO, device or symlink in its place, and what is larger than kLargestOwnFile, is an error.
Result<std::string> read_own_file(FdView dir, const std::string& path);
/// All of a file, also of one whose size is not known beforehand (procfs, pipes).
Result<std::string> read_file(FdView dir, const std::string& path);
/// All that remains of an open file; `name` is for the error.
Result<std::string> read_all(FdView fd, std::string_view name);

/// Writes `text` in one write(2) to an existing file, as procfs and cgroupfs want it. Never creates or truncates.
Status write_file(FdView dir, const std::string& path, std::string_view text);
/// Writes all of `text`, in as many writes as it takes; `name` is for the error.
Status write_all(FdView fd, std::string_view text, std::string_view name);

/// Replaces (or makes) the file `name` in `dir` atomically: a new file of an unpredictable name (O_EXCL), then
/// renameat(2). A reader sees the old text or the new one, never a part; a failure leaves the old file and no new one.
Status replace_file(FdView dir, const std::string& name, std::string_view text, mode_t mode);

/// mkdirat(2); an existing directory is not an error. True when this call made it.
Result<bool> make_directory(FdView dir, const std::string& path, mode_t mode);
/// mkdir -p as the host resolves paths. Never for paths of a container: that is RootDir's work.
Status make_directories(const std::string& path, mode_t mode);

/// unlinkat(2); an absent file is not an error.
Status remove_file(FdView dir, const std::string& path);

/// An anonymous file holding `text`, its offset at the beginning. Sealed means nobody can change it any more, its
/// seals included (F_SEAL_SEAL|SHRINK|GROW|WRITE).
Result<FileDescriptor> memfd(const std::string& name, std::string_view text, bool sealed);

/// fstat(2); `name` is for the error.
Result<struct stat> stat_of(FdView fd, std::string_view name);
/// The magic number of the file system that `fd` lies on (<linux/magic.h>); works on O_PATH.
Result<std::int64_t> filesystem_magic(FdView fd, std::string_view name);

/// "/proc/self/fd/N": for the few calls that take a path and no descriptor.
std::string proc_path(FdView fd);

}  // namespace caisson::sys
