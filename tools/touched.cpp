// SPDX-License-Identifier: Apache-2.0
// Which code a command runs: steps through it and through the children it clones, until they execute another program,
// and writes the offsets in the program's file that were executed, by blocks of 16 bytes in the order of their first
// time. Usage: touched OUTPUT PROGRAM [ARG...]
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace {

constexpr std::uint64_t kBlock = 16;
constexpr long kOptions = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;

struct Range {
  std::uint64_t begin = 0, end = 0;
};

/// Where the program stands in memory: from its first mapping to the end of its last.
Range range_of(pid_t pid) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  char exe[4096] = "";
  (void)!::readlink(("/proc/" + std::to_string(pid) + "/exe").c_str(), exe, sizeof exe - 1);
  Range range;
  for (std::string line; std::getline(maps, line);) {
    if (line.find(exe) == std::string::npos) continue;
    unsigned long begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) != 2) continue;
    if (range.begin == 0) range.begin = begin;
    range.end = end;
  }
  return range;
}

struct Trace {
  Range range;
  std::set<std::uint64_t> seen;
  std::vector<std::uint64_t> order;
  std::set<pid_t> alive;

  void note(pid_t pid) {
    user_regs_struct registers{};
    if (::ptrace(PTRACE_GETREGS, pid, nullptr, &registers) != 0) return;
    if (registers.rip < range.begin || registers.rip >= range.end) return;
    const std::uint64_t block = (registers.rip - range.begin) / kBlock * kBlock;
    if (seen.insert(block).second) order.push_back(block);
  }

  void stopped(pid_t pid, int status) {
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (event == PTRACE_EVENT_EXEC && !seen.empty()) {
      alive.erase(pid);
      ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
      return;
    }
    // The first stop of a new child is a SIGSTOP that nobody sent.
    const bool fresh = alive.insert(pid).second;
    if (event == 0 && signal == SIGTRAP) note(pid);
    const bool ours = event != 0 || signal == SIGTRAP || (fresh && signal == SIGSTOP);
    ::ptrace(PTRACE_SINGLESTEP, pid, nullptr, ours ? 0L : static_cast<long>(signal));
  }

  /// An init that waits for its start, say: it goes on without us.
  void let_go() const {
    for (const pid_t pid : alive) {
      ::kill(pid, SIGSTOP);
      int status = 0;
      while (::waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status) && WSTOPSIG(status) != SIGSTOP)
        ::ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr);
      ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: touched OUTPUT PROGRAM [ARG...]\n", stderr);
    return 2;
  }
  const pid_t first = ::fork();
  if (first == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::execv(argv[2], argv + 2);
    std::perror(argv[2]);
    ::_exit(127);
  }
  int status = 0;
  if (::waitpid(first, &status, 0) < 0 || !WIFSTOPPED(status)) return 1;
  Trace trace;
  trace.range = range_of(first);
  trace.alive.insert(first);
  ::ptrace(PTRACE_SETOPTIONS, first, nullptr, kOptions);
  ::ptrace(PTRACE_SINGLESTEP, first, nullptr, nullptr);
  int code = 1;
  while (!trace.alive.empty()) {
    const pid_t pid = ::waitpid(-1, &status, __WALL);
    if (pid < 0) break;
    if (WIFSTOPPED(status)) {
      trace.stopped(pid, status);
      continue;
    }
    trace.alive.erase(pid);
    if (pid != first) continue;
    code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    break;
  }
  trace.let_go();
  std::FILE* out = std::fopen(argv[1], "w");
  if (out == nullptr) return 1;
  for (const auto block : trace.order) std::fprintf(out, "%lx\n", static_cast<unsigned long>(block));
  std::fclose(out);
  return code;
}
