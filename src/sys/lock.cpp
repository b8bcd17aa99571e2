// SPDX-License-Identifier: Apache-2.0
#include "sys/lock.hpp"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>

#include "base/text.hpp"
#include "sys/file.hpp"
#include "sys/interrupt.hpp"
#include "sys/process.hpp"

namespace caisson::sys {

namespace {

using Clock = std::chrono::steady_clock;

int operation_of(Lock kind) { return kind == Lock::exclusive ? LOCK_EX : LOCK_SH; }

/// In the child of lock_within(): system calls alone, for the caller may have had other threads.
[[noreturn]] void lock_and_exit(FdView fd, Lock kind, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(1);
  while (::flock(fd.get(), operation_of(kind)) != 0)
    if (errno != EINTR) ::_exit(1);
  ::_exit(0);
}

/// True when the child has ended before the time was over.
Result<bool> wait_for_child(const Cloned& child, int timeout_ms) {
  const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
  pollfd ended{child.pidfd.get(), POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    const int ready = ::poll(&ended, 1, static_cast<int>(std::max<long long>(left, 0)));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return fail_errno("poll(pidfd of {})", child.pid);
    CAISSON_TRY(go_on_unless_interrupted());
  }
}

/// Whether one of the process's descriptors is this file. The kernel goes on to show the pid that took a lock when that
/// process has ended and another one has the number.
bool has_open(pid_t pid, const struct stat& file) {
  const std::string path = fmt::format("/proc/{}/fd", pid);
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(path.c_str()), ::closedir);
  if (!list) return false;
  struct stat info {};
  while (const dirent* item = ::readdir(list.get()))
    if (::fstatat(::dirfd(list.get()), item->d_name, &info, 0) == 0 && info.st_dev == file.st_dev &&
        info.st_ino == file.st_ino)
      return true;
  return false;
}

}  // namespace

Result<bool> try_lock(FdView fd, Lock kind) {
  while (::flock(fd.get(), operation_of(kind) | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return fail_errno("flock");
  }
  return true;
}

Result<bool> lock_within(FdView fd, Lock kind, int timeout_ms) {
  if (timeout_ms <= 0 || CAISSON_TRY(try_lock(fd, kind))) return try_lock(fd, kind);
  // flock(2) takes no time limit, and a timer's signal is not ours to use in a program that embeds us. The lock belongs
  // to the opening, which a child shares: it waits in our place and can be ended at any moment. It sends no SIGCHLD.
  const pid_t parent = ::getpid();
  Cloned child = CAISSON_TRY(clone3({.flags = 0, .cgroup = -1, .exit_signal = 0}), "wait for a lock");
  if (child.pid == 0) lock_and_exit(fd, kind, parent);
  const auto ended = wait_for_child(child, timeout_ms);
  ::kill(child.pid, SIGKILL);  // not reaped yet: the pid is the child's
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED | __WALL) != 0 && errno == EINTR) {
  }
  // Whether the child has got it is asked of the kernel: it may have been ended just after.
  const bool held = CAISSON_TRY(try_lock(fd, kind));
  if (ended || held) return held;
  return std::unexpected(ended.error());
}

std::optional<pid_t> lock_holder(FdView fd) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return std::nullopt;
  const auto locks = read_file(FdView::cwd(), "/proc/locks");
  if (!locks) return std::nullopt;
  // "1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF". proc_locks(5). Waiting ones have "->" as the second word.
  const std::string file = fmt::format("{:02x}:{:02x}:{}", major(info.st_dev), minor(info.st_dev), info.st_ino);
  for (const auto line : text::split(*locks, '\n')) {
    std::vector<std::string_view> words;
    for (const auto word : text::split(line, ' '))
      if (!word.empty()) words.push_back(word);
    if (words.size() < 6 || words[1] != "FLOCK" || words[5] != file) continue;
    const auto pid = text::parse_int(words[4]);
    if (pid && *pid > 0 && has_open(static_cast<pid_t>(*pid), info)) return static_cast<pid_t>(*pid);
  }
  return std::nullopt;
}

}  // namespace caisson::sys
