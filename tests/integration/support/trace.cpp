// SPDX-License-Identifier: Apache-2.0
#include "integration/support/trace.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

namespace caisson::testing {

namespace {

bool changes_something(unsigned long long number) {
  const unsigned long long all[] = {SYS_write,  SYS_pwrite64, SYS_writev, SYS_renameat2, SYS_renameat,
                                    SYS_rename, SYS_unlinkat, SYS_unlink, SYS_sendmsg,   SYS_bpf};
  return std::ranges::find(all, number) != std::end(all);
}

/// Whether `pid` stands before a system call that changes something.
bool before_change(pid_t pid) {
  __ptrace_syscall_info info{};
  if (::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0) return false;
  return info.op == PTRACE_SYSCALL_INFO_ENTRY && changes_something(info.entry.nr);
}

}  // namespace

bool kill_at_change(pid_t pid, int n) {
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);  // execve has stopped it
  REQUIRE(WIFSTOPPED(status));
  REQUIRE(::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD) == 0);
  for (long signal = 0; ::ptrace(PTRACE_SYSCALL, pid, nullptr, signal) == 0;) {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WSTOPPED | WNOWAIT) != 0) return false;
    if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) return false;
    ::waitpid(pid, &status, 0);
    const bool at_call = WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80);
    signal = at_call ? 0 : WSTOPSIG(status);
    if (!at_call || !before_change(pid) || --n > 0) continue;
    ::kill(pid, SIGKILL);
    return true;
  }
  return false;
}

}  // namespace caisson::testing
