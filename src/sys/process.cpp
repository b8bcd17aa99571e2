// SPDX-License-Identifier: Apache-2.0
#include "sys/process.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/text.hpp"
#include "sys/descriptors.hpp"
#include "sys/file.hpp"
#include "sys/filtered.hpp"
#include "sys/interrupt.hpp"

namespace caisson::sys {

namespace {

/// clone(2) in place of clone3(2), with a child's memory of its own. It cannot clone into a cgroup or make a time
/// namespace: that is ENOSYS. Handlers are taken from the child one by one instead of by CLONE_CLEAR_SIGHAND.
Result<Cloned> clone_by_older_call(const CloneOptions& options) {
  constexpr std::uint64_t kOnlyNew = CLONE_INTO_CGROUP | CLONE_NEWTIME;
  if (options.cgroup >= 0 || (options.flags & kOnlyNew) != 0) {
    errno = ENOSYS;
    return fail_errno("clone3(flags={:#x})", options.flags);
  }
  const bool clears_handlers = (options.flags & CLONE_CLEAR_SIGHAND) != 0;
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  // A signal between must not run one of our handlers in the child.
  if (clears_handlers) ::sigprocmask(SIG_SETMASK, &all, &before);
  int pidfd = -1;
  const unsigned long flags = (options.flags & ~CLONE_CLEAR_SIGHAND) | CLONE_PIDFD |
                              ((options.flags & CLONE_PARENT) != 0 ? 0 : static_cast<unsigned long>(SIGCHLD));
#if defined(__s390x__)
  const long pid = ::syscall(SYS_clone, nullptr, flags, &pidfd, nullptr, nullptr);
#else
  const long pid = ::syscall(SYS_clone, flags, nullptr, &pidfd, nullptr, nullptr);
#endif
  const int error = errno;
  if (pid == 0 && clears_handlers) {
    struct sigaction present {};
    for (int signal = 1; signal < NSIG; ++signal) {
      if (::sigaction(signal, nullptr, &present) != 0 || present.sa_handler == SIG_IGN) continue;
      present.sa_handler = SIG_DFL;
      ::sigaction(signal, &present, nullptr);
    }
  }
  if (clears_handlers) ::sigprocmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  if (pid < 0) return fail_errno("clone(flags={:#x})", flags);
  if (pid == 0) return Cloned{0, FileDescriptor()};
  return Cloned{static_cast<pid_t>(pid), FileDescriptor(pidfd)};
}

}  // namespace

Result<Cloned> clone3(const CloneOptions& options) {
  int pidfd = -1;
  clone_args args{};
  args.flags = options.flags | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  // With CLONE_PARENT the child inherits the caller's exit signal and the kernel refuses another one.
  args.exit_signal = (options.flags & CLONE_PARENT) != 0 ? 0 : static_cast<std::uint64_t>(options.exit_signal);
  if (options.cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(options.cgroup);
  }
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  // docker's default profile answers ENOSYS to those without CAP_SYS_ADMIN, so that libc uses clone(2); a real EPERM is
  // given again there.
  if (pid < 0 && may_be_filtered(errno)) return clone_by_older_call(options);
  if (pid < 0) return fail_errno("clone3(flags={:#x})", args.flags);
  if (pid == 0) return Cloned{0, FileDescriptor()};
  return Cloned{static_cast<pid_t>(pid), FileDescriptor(pidfd)};
}

namespace {

/// A /proc/PID/stat is read whole by one read(2) of this size.
constexpr std::size_t kStatSize = 1024;

bool is_no_process(int error) { return error == ENOENT || error == ESRCH; }

/// Absent when there is no such process. Every other failure (EPERM, EACCES, EIO, EMFILE) is an error: the process may
/// well be there.
Result<std::optional<ProcessStat>> try_read_stat(pid_t pid) {
  char path[32];
  *fmt::format_to_n(path, sizeof path - 1, "/proc/{}/stat", pid).out = '\0';
  FileDescriptor file;
  do file.reset(::open(path, O_RDONLY | O_CLOEXEC));
  while (!file && errno == EINTR);
  if (!file && is_no_process(errno)) return std::nullopt;
  if (!file) return fail_errno("open('{}')", path);
  char text[kStatSize];
  ssize_t size = 0;
  do size = ::read(file.get(), text, sizeof text);
  while (size < 0 && errno == EINTR);
  if (size < 0 && is_no_process(errno)) return std::nullopt;
  if (size < 0) return fail_errno("read '{}'", path);
  auto stat = parse_stat(std::string_view(text, static_cast<std::size_t>(size)));
  if (!stat) return fail(ErrorKind::system, "'{}' cannot be understood", path);
  return stat;
}

/// Where /proc is mounted with hidepid, it shows only the caller's own processes.
bool is_hidden(pid_t pid) { return ::kill(pid, 0) == 0 || errno == EPERM; }

}  // namespace

std::optional<ProcessStat> read_stat(pid_t pid) { return try_read_stat(pid).value_or(std::nullopt); }

std::optional<ProcessStat> parse_stat(std::string_view text) {
  // Field 2, the name, may hold anything, also ") ": the fields start behind the last one.
  const auto name_start = text.find('(');
  const auto name_end = text.rfind(')');
  if (name_end == std::string_view::npos || name_start >= name_end || name_end + 2 >= text.size()) return std::nullopt;
  ProcessStat result;
  result.name = text.substr(name_start + 1, name_end - name_start - 1);
  std::string_view rest = text.substr(name_end + 2);
  for (int field = 3; field <= 22 && !rest.empty(); ++field) {
    const auto space = rest.find(' ');
    const std::string_view word = rest.substr(0, space);
    if (field == 3) result.state = word.front();
    if (field == 4) std::from_chars(word.data(), word.data() + word.size(), result.parent);
    if (field == 22) std::from_chars(word.data(), word.data() + word.size(), result.start_time);
    rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  }
  return result;
}

Result<std::optional<ProcessStat>> stat_of_running(pid_t pid, std::uint64_t start_time) {
  auto stat = CAISSON_TRY(try_read_stat(pid));
  if (!stat && is_hidden(pid)) {
    // It may have come or gone between the two looks.
    stat = CAISSON_TRY(try_read_stat(pid));
    if (!stat && is_hidden(pid)) return fail(ErrorKind::system, "process {} is hidden in /proc", pid);
  }
  if (stat && (stat->start_time != start_time || stat->state == 'Z' || stat->state == 'X')) stat.reset();
  return stat;
}

bool is_ending(pid_t pid) {
  const std::string dir = fmt::format("/proc/{}/", pid);
  const auto stat = read_file(FdView::cwd(), dir + "stat");
  const auto status = read_file(FdView::cwd(), dir + "status");
  for (const auto* file : {&stat, &status})
    if (!*file) return file->error().sys_errno() == ENOENT || file->error().sys_errno() == ESRCH;
  // Fields 3 and 9; the name in field 2 may have spaces and parentheses of its own. proc_pid_stat(5).
  const auto fields = text::split(std::string_view(*stat).substr(std::min(stat->rfind(')') + 2, stat->size())), ' ');
  constexpr std::uint64_t kExiting = 0x4;  // PF_EXITING of the kernel's sched.h
  if (fields.size() < 7 || fields[0] == "Z" || fields[0] == "X") return true;
  if ((text::parse_uint(fields[6]).value_or(0) & kExiting) != 0) return true;
  for (const auto line : text::split(*status, '\n')) {
    if (!line.starts_with("SigPnd:") && !line.starts_with("ShdPnd:")) continue;
    std::uint64_t pending = 0;
    const auto digits = text::trim(line.substr(line.find(':') + 1));
    std::from_chars(digits.data(), digits.data() + digits.size(), pending, 16);
    if ((pending & (1ULL << (SIGKILL - 1))) != 0) return true;
  }
  return false;
}

const std::string& boot_id() {
  static const std::string id = [] {
    const FileDescriptor file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
    char digits[36];
    if (!file || ::read(file.get(), digits, sizeof digits) != sizeof digits) return std::string();
    return std::string(digits, sizeof digits);
  }();
  return id;
}

Result<ProcessHandle> ProcessHandle::open(pid_t pid, std::uint64_t start_time) {
  if (pid <= 0) return fail(ErrorKind::destroyed, "container not running");
  auto opened = open_unchecked(pid);
  if (!opened) {
    // EINVAL, and ENOENT since Linux 6.9: the number is a thread's by now.
    const int why = opened.error().sys_errno();
    if (why == ESRCH || why == EINVAL || why == ENOENT) return fail(ErrorKind::destroyed, "container not running");
    return opened;
  }
  ProcessHandle handle = std::move(*opened);
  // Read after the pidfd is held: what it says is of the process that the pidfd pins, or that process has ended.
  auto stat = stat_of_running(pid, start_time);
  if (!stat && handle.is_pollable() && handle.wait_for_end(0).value_or(false)) stat = std::nullopt;
  if (!CAISSON_TRY(std::move(stat))) return fail(ErrorKind::destroyed, "container not running");
  return handle;
}

Result<ProcessHandle> open_unchecked(pid_t pid) {
  FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd) return ProcessHandle(pid, std::move(pidfd));
  if (!may_be_filtered(errno)) return fail_errno("pidfd_open({})", pid);
  const std::string path = fmt::format("/proc/{}", pid);
  ProcessHandle handle(pid, FileDescriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (!handle) return fail_errno("open('{}')", path);
  handle.is_directory_ = true;
  return handle;
}

Status ProcessHandle::signal(int number) const {
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0) return {};
  if (errno == ESRCH) return fail(ErrorKind::destroyed, "container not running");
  // Where a filter refuses the call, or a real EPERM that kill(2) gives as well. The pid can be another process' by now
  // only if the one that the descriptor pins has been reaped since this look.
  if (may_be_filtered(errno)) {
    if (!is_directory_ && wait_for_end(0).value_or(false)) return fail(ErrorKind::destroyed, "container not running");
    if (::kill(pid_, number) == 0) return {};
    if (errno == ESRCH) return fail(ErrorKind::destroyed, "container not running");
  }
  return fail_errno("pidfd_send_signal({}, {})", pid_, number);
}

namespace {

/// Whether the process whose directory in /proc this is has ended: a zombie has.
bool has_ended(FdView directory) {
  const FileDescriptor file(::openat(directory.get(), "stat", O_RDONLY | O_CLOEXEC));
  char text[1024];
  const ssize_t size = file ? ::read(file.get(), text, sizeof text) : -1;
  if (size <= 0) return errno == ENOENT || errno == ESRCH;
  const auto stat = parse_stat(std::string_view(text, static_cast<std::size_t>(size)));
  return stat && (stat->state == 'Z' || stat->state == 'X');
}

/// Nothing announces the end of a process that is not our child but a pidfd, which a filter keeps from us: it is looked
/// for every few milliseconds.
Result<bool> look_for_end(FdView directory, int timeout_ms) {
  constexpr int kMomentMs = 2;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t start = now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
  while (!has_ended(directory)) {
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    if (timeout_ms >= 0 && now.tv_sec * 1000 + now.tv_nsec / 1'000'000 - start >= timeout_ms) return false;
    if (::poll(nullptr, 0, kMomentMs) < 0) CAISSON_TRY(go_on_unless_interrupted());
  }
  return true;
}

}  // namespace

Result<bool> ProcessHandle::wait_for_end(int timeout_ms) const {
  if (is_directory_) return look_for_end(pidfd_, timeout_ms);
  pollfd wait{pidfd_.get(), POLLIN, 0};
  for (;;) {
    const int ready = ::poll(&wait, 1, timeout_ms);
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return fail_errno("poll(pidfd of {})", pid_);
    CAISSON_TRY(go_on_unless_interrupted());
  }
}

std::optional<ExitStatus> ProcessHandle::look_at_end() const {
  siginfo_t info{};
  const auto id = static_cast<id_t>(pidfd_.get());
  if (::waitid(static_cast<idtype_t>(P_PIDFD), id, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return std::nullopt;
  if (info.si_pid == 0) return std::nullopt;
  return ExitStatus{info.si_code != CLD_EXITED, info.si_status};
}

Result<ExitStatus> ProcessHandle::reap() const {
  siginfo_t info{};
  for (;;) {
    // The pid of a child is its own until it is reaped.
    const auto kind = static_cast<idtype_t>(is_directory_ ? P_PID : P_PIDFD);
    if (::waitid(kind, static_cast<id_t>(is_directory_ ? pid_ : pidfd_.get()), &info, WEXITED) == 0) break;
    if (errno != EINTR) return fail_errno("waitid(pidfd of {})", pid_);
  }
  return ExitStatus{info.si_code != CLD_EXITED, info.si_status};
}

Result<FileDescriptor> take_descriptor(FdView pidfd, int number) {
  FileDescriptor fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
  if (!fd) return fail_errno("pidfd_getfd({})", number);
  return fd;
}

std::uint64_t ignored_signals() {
  std::uint64_t ignored = 0;
  struct sigaction present {};
  for (int signal = 1; signal < NSIG; ++signal)
    if (::sigaction(signal, nullptr, &present) == 0 && present.sa_handler == SIG_IGN) ignored |= 1ULL << (signal - 1);
  return ignored;
}

void reset_signals(std::uint64_t which) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  // Those that cannot be set (SIGKILL, SIGSTOP, the libc's own) are what they are.
  for (int signal = 1; signal < NSIG; ++signal)
    if ((which >> (signal - 1) & 1U) != 0) ::sigaction(signal, &action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

Status become_subreaper() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return fail_errno("prctl(PR_SET_CHILD_SUBREAPER)");
  return {};
}

Status set_parent_death_signal(int signal) {
  if (::prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0) return fail_errno("prctl(PR_SET_PDEATHSIG, {})", signal);
  return {};
}

Status hide_from_others() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return fail_errno("prctl(PR_SET_DUMPABLE, 0)");
  return {};
}

Status close_on_exec_from(unsigned first) { return end_descriptors(first, ~0U, DescriptorFate::close_on_exec); }

}  // namespace caisson::sys
