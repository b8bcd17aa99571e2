// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::selfexe {

/// Whether the kernel lets a process with CAP_SYS_ADMIN change what its /proc/self/exe is (Linux 3.18 with
/// CONFIG_CHECKPOINT_RESTORE).
bool can_replace_image();

/// Remaps this single-threaded process's segments from `file`, a second descriptor of the same binary, and points
/// /proc/self/exe to it: same effect as execve(file), in a fraction of the time (CVE-2019-5736). Variables keep their
/// values. /proc/self/cmdline becomes "caisson init" and /proc/self/environ empty.
///
/// After an error the process runs on: at most, some of its mappings are of `file`, with the same content.
Status replace_own_image(FdView file);

/// What the program's first instructions have left: see early_swap.cpp.
struct EarlyImage {
  FileDescriptor program;  ///< what this process's image is mapped from already; none = nothing was replaced
  FileDescriptor tree;     ///< from open_tree(2)
};
/// The caller owns them from now on; the second call gives none.
EarlyImage take_early_image();

/// Of replace_own_image(): the command line and the environment alone.
Status hide_own_arguments();

/// Shows in /proc the command line and the environment again that the process was started with. No error: they are
/// for people to read.
void show_own_arguments();

}  // namespace caisson::selfexe
