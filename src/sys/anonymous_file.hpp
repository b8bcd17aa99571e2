// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::sys {

/// What an anonymous file is for.
enum class FileUse {
  data,     ///< never executed
  program,  ///< execveat(2) must be able to run it
};

/// A file without a name, open for reading and writing.
struct AnonymousFile {
  FileDescriptor fd;
  bool is_memfd = false;  ///< else an O_TMPFILE file, which cannot be sealed
};

/// memfd_create(2); where that is refused (by a filter, or for a program by vm.memfd_noexec=2) a file by O_TMPFILE in a
/// directory of the system's or, for a user, in XDG_RUNTIME_DIR: on a file system that lets programs run where that is
/// the use. `name` is for /proc and for errors.
Result<AnonymousFile> make_anonymous_file(const char* name, FileUse use);

/// The same file so that no process can change it through the result: a memfd sealed (F_SEAL_SEAL|SHRINK|GROW|WRITE),
/// any other opened anew for reading alone. Its mode becomes `mode`. The offset is at the beginning.
///
/// Nothing can be written to an O_TMPFILE file while a process runs it (ETXTBSY, but for Linux 6.11 and 6.12), and a
/// container that got at it later would change a copy that is not run again. /proc/PID/exe of the process running it is
/// closed to the container, because that process is not dumpable.
Result<FileDescriptor> make_unchangeable(AnonymousFile file, mode_t mode);

}  // namespace caisson::sys
