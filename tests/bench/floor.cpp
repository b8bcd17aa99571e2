// SPDX-License-Identifier: Apache-2.0
// The yardstick for `run`: one straight line of the system calls that a container of the default bundle needs, and
// nothing else. No config is read, nothing is recorded, nothing is verified, no second program stands in between; an
// error ends it. Usage: floor ROOTFS ID PROGRAM
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace {

constexpr int kMostHierarchies = 24;
constexpr int kPathSize = 512;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  ::_exit(125);
}

void must(long result, const char* what) {
  if (result < 0) die(what);
}

struct Hierarchy {
  char name[64];
  char path[kPathSize];  // the container's cgroup
  int file;              // "tasks"; v2: the directory
  bool v2;
};

Hierarchy hierarchies[kMostHierarchies];
int hierarchy_count = 0;

void write_to(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  must(fd, path);
  must(::write(fd, text, std::strlen(text)), path);
  ::close(fd);
}

/// Lines of /proc/self/cgroup: "4:memory:/own", "9:name=systemd:/", "0::/".
void find_hierarchies(const char* id) {
  char text[4096];
  const int fd = ::open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  must(size, "/proc/self/cgroup");
  ::close(fd);
  text[size] = '\0';
  char* rest = text;
  while (char* line = ::strsep(&rest, "\n")) {
    char* number = ::strsep(&line, ":");
    char* controllers = ::strsep(&line, ":");
    if (number == nullptr || controllers == nullptr || line == nullptr) continue;
    Hierarchy& h = hierarchies[hierarchy_count];
    h.v2 = *controllers == '\0';
    const char* name = h.v2 ? "unified" : std::strncmp(controllers, "name=", 5) == 0 ? controllers + 5 : controllers;
    std::snprintf(h.name, sizeof h.name, "%s", name);
    const char* own = std::strcmp(line, "/") == 0 ? "" : line;
    std::snprintf(h.path, sizeof h.path, "/sys/fs/cgroup/%s%s/%s", name, own, id);
    char top[kPathSize + 16];
    std::snprintf(top, sizeof top, "/sys/fs/cgroup/%s/cgroup.procs", name);
    if (::access(top, F_OK) == 0) ++hierarchy_count;
  }
}

/// v1 cpusets start empty, and a process cannot enter an empty one.
void fill_cpuset(const char* path) {
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    char from[kPathSize + 64];
    char value[256];
    std::snprintf(from, sizeof from, "%s/../%s", path, file);
    const int fd = ::open(from, O_RDONLY | O_CLOEXEC);
    const ssize_t size = ::read(fd, value, sizeof value - 1);
    must(size, from);
    ::close(fd);
    value[size] = '\0';
    std::snprintf(from, sizeof from, "%s/%s", path, file);
    write_to(from, value);
  }
}

int make_cgroups() {
  int clone_cgroup = -1;
  for (int i = 0; i < hierarchy_count; ++i) {
    Hierarchy& h = hierarchies[i];
    must(::mkdir(h.path, 0755), h.path);
    char path[kPathSize + 64];
    if (h.v2) {
      clone_cgroup = ::open(h.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      must(clone_cgroup, h.path);
      continue;
    }
    if (std::strcmp(h.name, "cpuset") == 0) fill_cpuset(h.path);
    if (std::strcmp(h.name, "devices") == 0) {
      std::snprintf(path, sizeof path, "%s/devices.deny", h.path);
      write_to(path, "a");
      std::snprintf(path, sizeof path, "%s/devices.allow", h.path);
      const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
      for (const char* rule : {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",
                               "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm", "c 10:200 rwm"})
        must(::write(fd, rule, std::strlen(rule)), path);
      ::close(fd);
    }
    std::snprintf(path, sizeof path, "%s/tasks", h.path);
    h.file = ::open(path, O_WRONLY | O_CLOEXEC);
    must(h.file, path);
  }
  return clone_cgroup;
}

void raise_loopback() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  must(::ioctl(fd, SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
  ::close(fd);
}

void mount_all(const char* rootfs) {
  must(::mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr), "slave");
  must(::mount(rootfs, rootfs, nullptr, MS_BIND | MS_REC, nullptr), rootfs);
  must(::chdir(rootfs), rootfs);
  constexpr unsigned long kStrict = MS_NOSUID | MS_NOEXEC | MS_NODEV;
  must(::mount("proc", "proc", "proc", 0, nullptr), "proc");
  must(::mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"), "dev");
  for (const char* dir : {"dev/pts", "dev/shm", "dev/mqueue"}) must(::mkdir(dir, 0755), dir);
  must(::mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"),
       "pts");
  must(::mount("shm", "dev/shm", "tmpfs", kStrict, "mode=1777,size=65536k"), "shm");
  must(::mount("mqueue", "dev/mqueue", "mqueue", kStrict, nullptr), "mqueue");
  must(::mount("sysfs", "sys", "sysfs", kStrict | MS_RDONLY, nullptr), "sysfs");
  must(::mount("tmpfs", "sys/fs/cgroup", "tmpfs", kStrict, "mode=755"), "cgroup");
  for (int i = 0; i < hierarchy_count; ++i) {
    char target[kPathSize];
    std::snprintf(target, sizeof target, "sys/fs/cgroup/%s", hierarchies[i].name);
    must(::mkdir(target, 0755), target);
    must(::mount(hierarchies[i].path, target, nullptr, MS_BIND, nullptr), target);
    must(::mount(nullptr, target, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kStrict, nullptr), target);
  }
  must(::mount(nullptr, "sys/fs/cgroup", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kStrict, nullptr), "cgroup");
}

void make_devices() {
  constexpr struct {
    const char* name;
    unsigned major, minor;
  } kNodes[] = {{"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
                {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
  for (const auto& node : kNodes) must(::mknod(node.name, S_IFCHR | 0666, makedev(node.major, node.minor)), node.name);
  constexpr const char* kLinks[][2] = {{"/proc/self/fd", "dev/fd"},
                                       {"/proc/self/fd/0", "dev/stdin"},
                                       {"/proc/self/fd/1", "dev/stdout"},
                                       {"/proc/self/fd/2", "dev/stderr"},
                                       {"pts/ptmx", "dev/ptmx"}};
  for (const auto& link : kLinks) must(::symlink(link[0], link[1]), link[1]);
}

void protect() {
  must(::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), "read-only root");
  for (const char* path : {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}) {
    if (::mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) < 0) continue;
    must(::mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), path);
  }
  const char* first = nullptr;
  for (const char* path : {"/proc/acpi", "/proc/asound", "/sys/firmware", "/proc/scsi"}) {
    if (::access(path, F_OK) != 0) continue;
    if (first != nullptr) {
      must(::mount(first, path, nullptr, MS_BIND, nullptr), path);
      continue;
    }
    must(::mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "nr_blocks=1,nr_inodes=1"),
         path);
    first = path;
  }
  for (const char* path : {"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                           "/proc/sched_debug"})
    if (::mount("/dev/null", path, nullptr, MS_BIND, nullptr) < 0 && errno != ENOENT) die(path);
}

void become_payload() {
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  const rlimit files{1024, 1024};
  must(::setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
  constexpr unsigned kKept = 1U << CAP_KILL | 1U << CAP_NET_BIND_SERVICE | 1U << CAP_AUDIT_WRITE;
  for (unsigned capability = 0; capability <= CAP_LAST_CAP; ++capability)
    if (capability >= 32 || (kKept >> capability & 1U) == 0) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  must(::syscall(SYS_setgroups, 0, nullptr), "setgroups");
  must(::syscall(SYS_setresgid, 0, 0, 0), "setresgid");
  must(::syscall(SYS_setresuid, 0, 0, 0), "setresuid");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct data[2] = {{kKept, kKept, 0}, {0, 0, 0}};
  must(::syscall(SYS_capset, &header, data), "capset");
}

[[noreturn]] void live(const char* rootfs, const char* program) {
  for (int i = 0; i < hierarchy_count; ++i)
    if (!hierarchies[i].v2) must(::write(hierarchies[i].file, "0", 1), hierarchies[i].path);
  raise_loopback();
  const long ring = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "_ses.floor");
  must(ring, "keyctl");
  must(::syscall(SYS_keyctl, KEYCTL_SETPERM, ring, 0x3f1b0000), "keyctl");
  ::umask(0);
  mount_all(rootfs);
  make_devices();
  must(::syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(::umount2(".", MNT_DETACH), "umount2");
  must(::setsid(), "setsid");
  must(::sethostname("caisson", 7), "sethostname");
  protect();
  ::umask(0022);
  become_payload();
  const char* const arguments[] = {program, nullptr};
  const char* const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
                                     "HOME=/root", nullptr};
  ::execve(program, const_cast<char* const*>(arguments), const_cast<char* const*>(environment));
  die(program);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: floor ROOTFS ID PROGRAM\n", stderr);
    return 125;
  }
  find_hierarchies(argv[2]);
  const int clone_cgroup = make_cgroups();
  clone_args args{};
  args.flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET;
  args.exit_signal = SIGCHLD;
  if (clone_cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<unsigned>(clone_cgroup);
  }
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  must(pid, "clone3");
  if (pid == 0) live(argv[1], argv[3]);
  int status = 0;
  must(::waitpid(static_cast<pid_t>(pid), &status, 0), "waitpid");
  for (int i = 0; i < hierarchy_count; ++i) must(::rmdir(hierarchies[i].path), hierarchies[i].path);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
