// SPDX-License-Identifier: Apache-2.0
#include "faults/tracer.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <ctime>

#include "faults/calls.hpp"
#include "faults/host.hpp"

namespace caisson::faults {

namespace {

/// How long a command may take, and how long its processes may live on after it without making a system call. A
/// runtime's own limits (10 s for a killed process to end) are to strike first.
constexpr double kCommandSeconds = 30, kQuietSeconds = 3, kShortQuietSeconds = 0.2;
constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                          PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

double now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// A periodic signal that interrupts waitpid(2), so that time limits are seen.
void tick(bool on) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGALRM, &action, nullptr);
  const timeval interval{0, on ? 50'000 : 0};
  const itimerval timer{interval, interval};
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

void put_register(pid_t pid, std::size_t offset, long value) {
  ::ptrace(PTRACE_POKEUSER, pid, reinterpret_cast<void*>(offset), reinterpret_cast<void*>(value));
}

[[noreturn]] void become_command(const Command& command, int go) {
  char byte = 0;
  if (::read(go, &byte, 1) != 1) ::_exit(120);
  run_program(command.args, command.cwd, command.out, command.err);
}

pid_t thread_group(pid_t pid) {
  const std::string status = read_text("/proc/" + std::to_string(pid) + "/status");
  const auto at = status.find("\nTgid:\t");
  return at == std::string::npos ? pid : std::atoi(status.c_str() + at + 7);
}

}  // namespace

std::string to_string(const Point& point) {
  return point.process + " " + name_of(point.call) + " #" + std::to_string(point.occurrence);
}

std::string to_string(const Fault& fault) {
  switch (fault.kind) {
    case Fault::Kind::kill: return "SIGKILL";
    case Fault::Kind::terminate: return "SIGTERM";
    case Fault::Kind::interrupt: return "SIGINT";
    case Fault::Kind::hang_up: return "SIGHUP";
    case Fault::Kind::error: break;
  }
  return error_name(fault.error);
}

Tracer::Tracer(Command command, const Point* point, Fault fault)
    : command_(std::move(command)), point_(point), fault_(fault) {
  struct stat info {};
  if (::stat(command_.args[0].c_str(), &info) == 0) runtime_size_ = info.st_size;
}

void Tracer::start() {
  int go[2];
  if (::pipe2(go, O_CLOEXEC) != 0) std::abort();
  runtime_ = ::fork();
  if (runtime_ == 0) {
    ::close(go[1]);
    become_command(command_, go[0]);
  }
  ::close(go[0]);
  if (::ptrace(PTRACE_SEIZE, runtime_, nullptr, kOptions) != 0) std::abort();
  Process process;
  process.name = "runtime";
  process.counted = false;  // until its execve
  process.group = runtime_;
  processes_.emplace(runtime_, std::move(process));
  [[maybe_unused]] const auto put = ::write(go[1], "g", 1);
  ::close(go[1]);
}

/// Follows a process that waits in a system call: it is stopped, which interrupts the call, and makes it again.
void Tracer::attach_init() {
  if (command_.init == 0) return;
  if (::ptrace(PTRACE_SEIZE, command_.init, nullptr, kOptions) != 0) return;
  Process process;
  process.name = "init";
  process.group = command_.init;
  processes_.emplace(command_.init, std::move(process));
  ::ptrace(PTRACE_INTERRUPT, command_.init, nullptr, nullptr);
}

void Tracer::resume(pid_t pid, int signal) { ::ptrace(PTRACE_SYSCALL, pid, nullptr, static_cast<long>(signal)); }

Tracer::Process& Tracer::leader(Process& process) {
  const auto found = processes_.find(process.group);
  return found == processes_.end() ? process : found->second;
}

/// Whether the process still is the runtime, under whichever name: a copy has the same size.
bool Tracer::runs_runtime(pid_t pid) const {
  struct stat info {};
  return ::stat(("/proc/" + std::to_string(pid) + "/exe").c_str(), &info) == 0 && info.st_size == runtime_size_;
}

void Tracer::handle_new(pid_t pid, pid_t child) {
  Process& parent = leader(processes_[pid]);
  Process made;
  made.group = thread_group(child);
  const bool thread = processes_.contains(made.group) && made.group != child;
  made.name = thread ? parent.name : parent.name + "." + std::to_string(++parent.children);
  processes_.insert_or_assign(child, std::move(made));
  if (early_.erase(child) != 0) resume(child);
}

void Tracer::handle_exec(pid_t pid) {
  unsigned long former = 0;
  ::ptrace(PTRACE_GETEVENTMSG, pid, nullptr, &former);
  if (static_cast<pid_t>(former) != pid) processes_.erase(static_cast<pid_t>(former));
  if (runs_runtime(pid)) {
    processes_[pid].counted = true;
    return resume(pid);
  }
  processes_.erase(pid);
  ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
}

void Tracer::handle_event(pid_t pid, int event) {
  unsigned long value = 0;
  switch (event) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
      ::ptrace(PTRACE_GETEVENTMSG, pid, nullptr, &value);
      handle_new(pid, static_cast<pid_t>(value));
      return resume(pid);
    case PTRACE_EVENT_EXEC: return handle_exec(pid);
    default: return resume(pid);
  }
}

void Tracer::apply(pid_t pid, Process& process) {
  trace_.reached = true;
  const Call* call = find_call(point_->call);
  switch (fault_.kind) {
    case Fault::Kind::kill: ::kill(process.group, SIGKILL); break;
    case Fault::Kind::terminate: ::kill(runtime_, SIGTERM); break;
    case Fault::Kind::interrupt: ::kill(-runtime_, SIGINT); break;
    case Fault::Kind::hang_up: ::kill(runtime_, SIGHUP); break;
    case Fault::Kind::error:
      process.replacement = fault_.error;
      if (call == nullptr || !call->fails_after) put_register(pid, offsetof(user, regs.orig_rax), -1);
      break;
  }
}

void Tracer::handle_call(pid_t pid, Process& process) {
  __ptrace_syscall_info info{};
  if (::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0) return;
  if (info.op == PTRACE_SYSCALL_INFO_EXIT && process.replacement != 0) {
    put_register(pid, offsetof(user, regs.rax), -process.replacement);
    process.replacement = 0;
  }
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !leader(process).counted) return;
  const long number = static_cast<long>(info.entry.nr);
  const Point here{process.name, number, ++leader(process).calls[number]};
  if (point_ == nullptr) trace_.points.push_back(here);
  if (point_ != nullptr && !trace_.reached && here == *point_) apply(pid, process);
}

void Tracer::forget(pid_t pid, int status) {
  processes_.erase(pid);
  early_.erase(pid);
  if (pid != runtime_) return;
  runtime_ended_ = true;
  trace_.by_signal = WIFSIGNALED(status);
  trace_.code = trace_.by_signal ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void Tracer::handle(pid_t pid, int status) {
  if (!WIFSTOPPED(status)) return forget(pid, status);
  const auto found = processes_.find(pid);
  if (found == processes_.end()) {
    early_.insert(pid);
    return;
  }
  const int event = status >> 16, signal = WSTOPSIG(status);
  if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
    // A group stop: it goes on when somebody continues it.
    ::ptrace(PTRACE_LISTEN, pid, nullptr, nullptr);
  } else if (event != 0) {
    handle_event(pid, event);
  } else if (signal == (SIGTRAP | 0x80)) {
    handle_call(pid, found->second);
    resume(pid);
  } else {
    resume(pid, signal);
  }
}

std::string Tracer::where(pid_t pid) const {
  const std::string dir = "/proc/" + std::to_string(pid);
  const auto found = processes_.find(pid);
  const std::string call = read_text(dir + "/syscall");
  const bool known = !call.empty() && call[0] >= '0' && call[0] <= '9';
  return (found == processes_.end() ? "a process" : found->second.name) + " in " +
         (known ? name_of(std::atol(call.c_str())) : "user space");
}

/// Whether there is nothing more to follow.
bool Tracer::is_over() {
  if (!runtime_ended_) {
    if (now() - started_ < kCommandSeconds) return false;
    for (const auto& [pid, process] : processes_) trace_.left.push_back(where(pid));
    kill_all();
    return true;
  }
  if (processes_.empty()) return true;
  if (command_.leaves_init && trace_.code == 0) return true;
  // An init that waits for another start, and what a killed runtime leaves to a delete, may stay.
  const bool may_stay = (fault_.kind == Fault::Kind::kill && trace_.by_signal) ||
                        std::ranges::all_of(processes_, [](const auto& entry) { return entry.second.name == "init"; });
  if (now() - last_event_ < (may_stay ? kShortQuietSeconds : kQuietSeconds)) return false;
  if (!may_stay)
    for (const auto& [pid, process] : processes_) trace_.left.push_back(where(pid));
  return true;
}

void Tracer::kill_all() {
  for (const auto& [pid, process] : processes_) ::kill(pid, SIGKILL);
  ::kill(runtime_, SIGKILL);
  for (const auto& [pid, process] : processes_) ::waitpid(pid, nullptr, __WALL);
  processes_.clear();
  trace_.code = -1;
}

/// Lets the rest run by itself: it must stop for that.
void Tracer::release_all() {
  for (const auto& [pid, process] : processes_) {
    ::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr);
    int status = 0;
    while (::waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {
    }
    if (!WIFSTOPPED(status)) continue;
    const int signal = WSTOPSIG(status);
    const bool delivery = (status >> 16) == 0 && signal != (SIGTRAP | 0x80);
    ::ptrace(PTRACE_DETACH, pid, nullptr, static_cast<long>(delivery ? signal : 0));
  }
  processes_.clear();
}

Trace Tracer::run() {
  start();
  attach_init();
  started_ = last_event_ = now();
  tick(true);
  while (!is_over()) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, __WALL);
    if (pid < 0 && errno == ECHILD) break;
    if (pid < 0) continue;
    last_event_ = now();
    handle(pid, status);
  }
  tick(false);
  release_all();
  return std::move(trace_);
}

}  // namespace caisson::faults
