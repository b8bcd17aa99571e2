// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::sys {

/// Whether the kernel lets a process with CAP_SYS_ADMIN name another file as its own program (Linux 3.18 with
/// CONFIG_CHECKPOINT_RESTORE).
bool can_change_own_image();

/// The calling process, of one thread, goes on in the same program read from `file`, another opening of it: all of its
/// memory that was mapped from the old one is mapped from `file` or is nobody's, and /proc/self/exe is `file`. What is
/// cloned from here on is as if it had executed `file`, without the time that takes. Its command line becomes
/// "caisson init" and its environment empty to whoever looks into /proc.
///
/// An error leaves the process as it was but for, at most, its mappings, which are equal in content.
Status change_own_image(FdView file);

/// Our program's file, opened so that nobody can write to it, where the program's first instructions have made that its
/// image already: see early_swap.cpp. Nothing elsewhere, and the second time.
FileDescriptor take_early_image();

/// The rest of what change_own_image() does, where the image is changed already: the command line and the environment.
Status hide_own_arguments();

/// Shows whoever looks into /proc the command line and the environment again that the process was started with, which
/// change_own_image() or hide_own_arguments() took away. No error: it is for people's eyes.
void show_own_arguments();

}  // namespace caisson::sys
