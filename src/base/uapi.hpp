// SPDX-License-Identifier: Apache-2.0
#pragma once

// Kernel numbers that Debian 12's libc (2.36) and kernel headers (6.1) do not spell, each with the kernel that brought
// it. <linux/fcntl.h> cannot be included beside libc's <fcntl.h>, so its numbers stand here as well.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U  // 6.3
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U  // 6.3
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020  // 6.3
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000  // 5.14
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256  // 5.10
#endif
#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)  // 4.0
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x00002000  // 5.8
#endif
