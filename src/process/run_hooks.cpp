// SPDX-License-Identifier: Apache-2.0
#include "process/run_hooks.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "base/fd.hpp"
#include "process/executable.hpp"
#include "sys/descriptors.hpp"
#include "sys/file.hpp"
#include "sys/filtered.hpp"
#include "sys/interrupt.hpp"
#include "sys/process.hpp"

namespace caisson::process {

namespace {

/// Bytes of each output stream that an error quotes: its end, where programs say why they gave up.
constexpr std::size_t kKept = 4096;

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

/// Above 2, so that the child's dup2 onto 0, 1 and 2 overwrites none that it still needs.
Result<FileDescriptor> above_streams(FileDescriptor fd) {
  if (fd.get() > 2) return fd;
  FileDescriptor moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!moved) return fail_errno("fcntl(F_DUPFD_CLOEXEC)");
  return moved;
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("pipe2()");
  FileDescriptor read(ends[0]);
  FileDescriptor write(ends[1]);
  return Pipe{CAISSON_TRY(above_streams(std::move(read))), CAISSON_TRY(above_streams(std::move(write)))};
}

/// A descriptor from which the hook reads `text`. A pipe is what hooks expect, and takes all of it at once: its reading
/// end is still open here, so that a hook that does not read raises no SIGPIPE.
Result<FileDescriptor> make_input(const std::string& text) {
  constexpr std::size_t kPipeCapacity = 65536;
  Pipe pipe = CAISSON_TRY(make_pipe());
  const bool fits =
      text.size() <= kPipeCapacity || ::fcntl(pipe.write.get(), F_SETPIPE_SZ, static_cast<int>(text.size())) >= 0;
  if (!fits) return above_streams(CAISSON_TRY(sys::memfd("state", text, false)));
  CAISSON_TRY(sys::write_all(pipe.write, text, "state for the hook"));
  return std::move(pipe.read);
}

/// The end of a stream, read as it comes.
struct Output {
  FileDescriptor fd;
  std::string text;
  bool cut = false;
  bool is_in_file = false;  ///< the hook writes to a file of its own, not to us

  /// Reads what is there, within reason: who writes without end does not hold us here. Closes at the end of the stream.
  void drain() {
    std::array<char, 16384> buffer;
    for (int reads = 0; reads < 16; ++reads) {
      const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) return;
      if (size <= 0) return fd.reset();
      text.append(buffer.data(), static_cast<std::size_t>(size));
      if (text.size() > 2 * kKept) {
        text.erase(0, text.size() - kKept);
        cut = true;
      }
    }
  }

  std::string shown() const {
    if (is_in_file) return "in its file";
    std::string end = text.size() > kKept ? text.substr(text.size() - kKept) : text;
    while (!end.empty() && (end.back() == '\n' || end.back() == '\r')) end.pop_back();
    return cut || text.size() > kKept ? "..." + end : end;
  }
};

struct Child {
  pid_t pid = -1;
  FileDescriptor pidfd;
  Output out;
  Output err;
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (const auto& text : texts) list.push_back(const_cast<char*>(text.c_str()));  // execve(2) does not write there
  list.push_back(nullptr);
  return list;
}

struct Launch {
  std::array<int, 3> streams;
  const char* program;
  const char* cwd;  ///< null = the caller's
  int cwd_fd;       ///< preferred to `cwd`; -1 = none
  char* const* arguments;
  char* const* environment;
  pid_t runner;
  const std::function<int()>* confine;
};

/// The step of become_hook() that failed; null = none did.
struct Failure {
  const char* step = nullptr;
  int sys_errno = 0;
};
constexpr const char* kExecve = "execve";

bool enter_directory(const Launch& launch) {
  if (launch.cwd_fd >= 0) return ::fchdir(launch.cwd_fd) == 0;
  return launch.cwd == nullptr || ::chdir(launch.cwd) == 0;
}

/// The hook's process up to its program. Shares the runner's memory until then: system calls alone.
Failure become_hook(const Launch& launch) {
  sys::reset_signals();
  // A group of its own, so that a timeout reaches what the hook started as well.
  ::setpgid(0, 0);
  // Nobody would hear of its end when its runner is killed, nor keep its time.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != launch.runner) ::_exit(1);
  for (int i = 0; i < 3; ++i)
    if (::dup2(launch.streams[static_cast<std::size_t>(i)], i) < 0) return {"dup2(standard stream)", errno};
  // The caller's own descriptors, those to be preserved for the container among them, are none of the hook's.
  (void)sys::end_descriptors(3, ~0U, sys::DescriptorFate::close_on_exec);
  if (!enter_directory(launch) && ::chdir("/") != 0) return {"chdir('/')", errno};
  if (*launch.confine)
    if (const int error = (*launch.confine)(); error != 0) return {"load seccomp filter", error};
  ::execve(launch.program, launch.arguments, launch.environment);
  return {kExecve, errno};
}

/// vfork(2): page tables need not be copied for a program that comes at once. Signals are held off meanwhile, since a
/// handler in the child would run on the runner's memory.
[[gnu::noinline]] Result<pid_t> start(const Launch& launch) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, &before);
  // Written by the child: the compiler must not take the parent's value for it.
  const char* volatile failed_step = nullptr;
  volatile int failure = 0;
  const pid_t pid = ::vfork();  // NOLINT(bugprone-unsafe-functions): posix_spawn(3) sets no parent death signal
  if (pid == 0) {
    const Failure failed = become_hook(launch);
    failed_step = failed.step;
    failure = failed.sys_errno;
    ::_exit(127);
  }
  const int fork_error = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) {
    errno = fork_error;
    return fail_errno("vfork()");
  }
  if (failed_step == nullptr) return pid;
  ::waitpid(pid, nullptr, 0);
  if (failed_step == kExecve) return std::unexpected(diagnose(launch.program, failure));
  return std::unexpected(Error(ErrorKind::system, failed_step, failure));
}

/// Descriptors of the files for a hook's output; -1 = none.
struct OutputFiles {
  FileDescriptor opened_out;
  FileDescriptor opened_err;
  int out = -1;
  int err = -1;
};

Result<OutputFiles> open_output_files(const HookOptions& options) {
  OutputFiles files;
  if (options.annotations != nullptr) {
    files.opened_out = CAISSON_TRY(open_hook_output(*options.annotations, kHookStdout));
    files.opened_err = CAISSON_TRY(open_hook_output(*options.annotations, kHookStderr));
  }
  files.out = files.opened_out ? files.opened_out.get() : options.out;
  files.err = files.opened_err ? files.opened_err.get() : options.err;
  return files;
}

Result<Child> spawn(const config::Hook& hook, const std::string& state_json, const HookOptions& options) {
  const OutputFiles files = CAISSON_TRY(open_output_files(options));
  FileDescriptor in = CAISSON_TRY(make_input(state_json));
  Pipe out = CAISSON_TRY(make_pipe());
  Pipe err = CAISSON_TRY(make_pipe());
  for (const auto* end : {&out.read, &err.read})
    if (::fcntl(end->get(), F_SETFL, O_NONBLOCK) != 0) return fail_errno("fcntl(F_SETFL)");

  const std::vector<std::string> own_name{hook.path};
  const auto argv = pointers(hook.args.empty() ? own_name : hook.args);
  const std::vector<std::string>* const env = hook.env ? &*hook.env : options.default_env;
  const auto envp = env != nullptr ? pointers(*env) : std::vector<char*>();
  Child child;
  child.pid = CAISSON_TRY(start({.streams = {in.get(), files.out >= 0 ? files.out : out.write.get(),
                                             files.err >= 0 ? files.err : err.write.get()},
                                 .program = hook.path.c_str(),
                                 .cwd = options.cwd.empty() ? nullptr : options.cwd.c_str(),
                                 .cwd_fd = options.cwd_fd,
                                 .arguments = argv.data(),
                                 .environment = env != nullptr ? envp.data() : environ,
                                 .runner = ::getpid(),
                                 .confine = &options.confine}));
  // The child is not reaped before us, so that its pid is still its own.
  child.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0)));
  child.out.fd = std::move(out.read);
  child.err.fd = std::move(err.read);
  const bool is_filtered = !child.pidfd && sys::may_be_filtered(errno);
  child.out.is_in_file = files.out >= 0;
  child.err.is_in_file = files.err >= 0;
  if (!child.pidfd && !is_filtered) {
    auto failure = fail_errno("pidfd_open({})", child.pid);
    ::kill(-child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
    return failure;
  }
  return child;
}

std::int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

/// Without a pidfd, which a filter may keep from us, nothing that poll(2) knows announces the end of the hook: it is
/// looked for this often.
constexpr int kLookMs = 5;

bool has_ended(const Child& child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid != 0;
}

/// Reads the output until the hook itself has ended; what it left running may go on writing. False when `deadline`
/// (CLOCK_MONOTONIC in milliseconds, absent = none) came first. An error when a watch or a signal has ended the wait.
Result<bool> wait_for_end(Child& child, std::optional<std::int64_t> deadline, const std::vector<HookWatch>& watches) {
  std::vector<pollfd> events(3 + watches.size());
  for (;;) {
    int timeout = -1;
    if (deadline) {
      const std::int64_t left = *deadline - now_ms();
      timeout = left <= 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left, 1 << 30));
    }
    if (!child.pidfd) {
      if (has_ended(child)) break;
      if (timeout != 0) timeout = kLookMs;
    }
    events[0] = {child.pidfd.get(), POLLIN, 0};
    events[1] = {child.out.fd.get(), POLLIN, 0};
    events[2] = {child.err.fd.get(), POLLIN, 0};
    for (std::size_t i = 0; i < watches.size(); ++i) events[3 + i] = {watches[i].fd.get(), POLLIN, 0};
    const int ready = ::poll(events.data(), events.size(), timeout);
    if (ready < 0 && errno == EINTR) {
      CAISSON_TRY(sys::go_on_unless_interrupted());
      continue;
    }
    if (ready < 0) return fail_errno("poll()");
    if (events[1].revents != 0) child.out.drain();
    if (events[2].revents != 0) child.err.drain();
    if (events[0].revents != 0) break;
    for (std::size_t i = 0; i < watches.size(); ++i)
      if (events[3 + i].revents != 0) CAISSON_TRY(watches[i].found());
    if (ready == 0 && deadline && now_ms() >= *deadline) return false;
  }
  if (child.out.fd) child.out.drain();
  if (child.err.fd) child.err.drain();
  return true;
}

/// "" when the hook succeeded, otherwise how it ended.
Result<std::string> reap(const Child& child) {
  siginfo_t info{};
  // The child is ours: its pid is its own until this reaps it.
  while (::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED) != 0)
    if (errno != EINTR) return fail_errno("waitid({})", child.pid);
  if (info.si_code != CLD_EXITED) {
    // As other runtimes say it, small: "signal: killed".
    const char* known = ::sigdescr_np(info.si_status);
    std::string name = known ? known : std::to_string(info.si_status);
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return "signal: " + name;
  }
  return info.si_status == 0 ? std::string() : fmt::format("exit status {}", info.si_status);
}

Status run(const config::Hook& hook, const std::string& state_json, const HookOptions& options) {
  Child child = CAISSON_TRY(spawn(hook, state_json, options));
  std::optional<std::int64_t> deadline;
  if (hook.timeout) deadline = now_ms() + std::min<std::int64_t>(*hook.timeout, 1LL << 40) * 1000;
  auto ended = wait_for_end(child, deadline, options.watches);
  if (!ended || !*ended) {
    ::kill(-child.pid, SIGKILL);
    // The hook may have left its group.
    ::kill(child.pid, SIGKILL);
  }
  const std::string end = CAISSON_TRY(reap(child));
  if (!ended) return std::unexpected(std::move(ended.error()));
  const std::string output = fmt::format(", stdout: {}, stderr: {}", child.out.shown(), child.err.shown());
  if (!*ended)
    return fail(ErrorKind::system, "hook ran past specified timeout of {:.1f}s{}", static_cast<double>(*hook.timeout),
                output);
  if (!end.empty()) return fail(ErrorKind::system, "{}{}", end, output);
  return {};
}

}  // namespace

Result<FileDescriptor> open_hook_output(const std::map<std::string, std::string>& annotations, const char* key) {
  const auto found = annotations.find(key);
  if (found == annotations.end() || found->second.empty()) return FileDescriptor();
  const std::string pointer = fmt::format("/annotations/{}", key);
  const std::string& path = found->second;
  if (path.front() != '/') return fail_config(pointer, "'{}' is not an absolute path", path);
  // A FIFO without a reader is refused (ENXIO), where open(2) would wait for one without a limit.
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  FileDescriptor file(::open(path.c_str(), kFlags, 0600));
  if (!file) return std::unexpected(fail_errno("open('{}') for the output of hooks", path).error().at(pointer));
  if (::fcntl(file.get(), F_SETFL, O_APPEND) != 0) return fail_errno("fcntl(F_SETFL)");
  return above_streams(std::move(file));
}

void keep_environment(std::vector<config::Hook>& hooks) {
  for (auto& hook : hooks) {
    if (hook.env) continue;
    hook.env.emplace();
    for (char** entry = environ; *entry != nullptr; ++entry) hook.env->emplace_back(*entry);
  }
}

Status run_hook(const config::Hook& hook, const std::string& state_json, const HookOptions& options) {
  auto status = run(hook, state_json, options);
  if (status) return {};
  return std::unexpected(std::move(status.error())
                             .with(fmt::format("'{}'", hook.path))
                             .with(fmt::format("error running {} hook #{}", options.stage, options.index))
                             .at(fmt::format("/hooks/{}/{}", options.stage, options.index)));
}

Status run_hooks(const std::vector<config::Hook>& hooks, const std::string& state_json, HookOptions options) {
  for (options.index = 0; options.index < hooks.size(); ++options.index)
    CAISSON_TRY(run_hook(hooks[options.index], state_json, options));
  return {};
}

}  // namespace caisson::process
