// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace guest {

/// What the command line asks to look at besides the standing parts of the report.
struct Questions {
  std::vector<std::string> stats;    ///< --stat PATH
  std::vector<std::string> reads;    ///< --read PATH: up to 64 KiB
  std::vector<std::string> writes;   ///< --try-write PATH: open for writing, then write nothing
  std::vector<std::string> creates;  ///< --try-create PATH: make a file and remove it
  std::vector<std::string> lists;    ///< --list DIR: sorted names
  std::vector<std::string> opens;    ///< --try-open PATH: read-only
  std::vector<std::string> sysctls;  ///< --sysctl a.b.c
  std::vector<std::string> calls;    ///< --syscall NR[,A[,B...]]: raw, its errno name or "ok"
};

/// The whole report as one JSON object.
std::string report(const Questions& questions, char** argv, char** envp);

/// "ENOENT" for 2; "ok" for 0.
std::string errno_name(int error);
/// Up to 64 KiB of a file; false and errno when it cannot be read.
bool read_text(const std::string& path, std::string& text);

}  // namespace guest
