// SPDX-License-Identifier: Apache-2.0
#include "faults/calls.hpp"

#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace caisson::faults {

namespace {

// Numbers that the kernel headers of Debian 12 do not have. They are the same on every architecture.
constexpr long kStatmount = 457, kListmount = 458;

using Errors = std::vector<int>;

const Errors kPath{EPERM, EACCES, ENOMEM, EIO};
const Errors kDescriptor{EMFILE, ENFILE, ENOMEM};
const Errors kMountDescriptor{EPERM, EMFILE, ENFILE, ENOMEM, ENOSYS};
const Errors kMountChange{EPERM, EBUSY, ENOMEM, ENOSYS};
const Errors kClone{EPERM, ENOMEM, EAGAIN, ENOSPC, ENOSYS};
const Errors kPermission{EPERM};

std::vector<Call> file_calls() {
  const Errors written{EINTR, EIO, ENOSPC, EPERM, EBUSY, ENOMEM};
  const Errors made{EPERM, EACCES, ENOMEM, ENOSPC};
  return {
      {SYS_read, "read", {EINTR, EIO}},
      {SYS_pread64, "pread64", {EINTR, EIO}},
      {SYS_readv, "readv", {EINTR, EIO}},
      {SYS_write, "write", written},
      {SYS_pwrite64, "pwrite64", written},
      {SYS_writev, "writev", written},
      {SYS_open, "open", {EPERM, EACCES, ENOMEM, EMFILE, ENFILE, EINTR, ENOSPC, EBUSY, EIO}},
      {SYS_openat, "openat", {EPERM, EACCES, ENOMEM, EMFILE, ENFILE, EINTR, ENOSPC, EBUSY, EIO}},
      {SYS_openat2, "openat2", {EPERM, EACCES, ENOMEM, EMFILE, ENFILE, EINTR, ENOSPC, EBUSY, EIO, EAGAIN, ENOSYS}},
      {SYS_close, "close", {EINTR, EIO}, true},
      {SYS_close_range, "close_range", {EMFILE, ENOMEM, ENOSYS, EPERM}},
      {SYS_stat, "stat", kPath},
      {SYS_lstat, "lstat", kPath},
      {SYS_fstat, "fstat", {ENOMEM, EIO}},
      {SYS_newfstatat, "newfstatat", kPath},
      {SYS_statx, "statx", {EPERM, EACCES, ENOMEM, ENOSYS}},
      {SYS_statfs, "statfs", {EACCES, EINTR, EIO, ENOMEM, ENOSYS}},
      {SYS_fstatfs, "fstatfs", {EINTR, EIO, ENOMEM, ENOSYS}},
      {SYS_readlink, "readlink", {EACCES, EIO, ENOMEM}},
      {SYS_readlinkat, "readlinkat", {EACCES, EIO, ENOMEM}},
      {SYS_access, "access", {EACCES, EIO, ENOMEM}},
      {SYS_faccessat, "faccessat", {EACCES, EIO, ENOMEM}},
      {SYS_faccessat2, "faccessat2", {EPERM, EACCES, EIO, ENOMEM, ENOSYS}},
      {SYS_mkdir, "mkdir", made},
      {SYS_mkdirat, "mkdirat", made},
      {SYS_mknod, "mknod", made},
      {SYS_mknodat, "mknodat", made},
      {SYS_symlink, "symlink", made},
      {SYS_symlinkat, "symlinkat", made},
      {SYS_linkat, "linkat", made},
      {SYS_rmdir, "rmdir", {EPERM, EACCES, EBUSY, ENOMEM}},
      {SYS_unlink, "unlink", {EPERM, EACCES, EBUSY, EIO, ENOMEM}},
      {SYS_unlinkat, "unlinkat", {EPERM, EACCES, EBUSY, EIO, ENOMEM}},
      {SYS_rename, "rename", {EPERM, EACCES, EBUSY, ENOMEM, ENOSPC}},
      {SYS_renameat, "renameat", {EPERM, EACCES, EBUSY, ENOMEM, ENOSPC}},
      {SYS_renameat2, "renameat2", {EPERM, EACCES, EBUSY, ENOMEM, ENOSPC}},
      {SYS_chmod, "chmod", kPath},
      {SYS_fchmod, "fchmod", {EPERM, EIO}},
      {SYS_fchmodat, "fchmodat", kPath},
      {SYS_chown, "chown", kPath},
      {SYS_fchown, "fchown", {EPERM, EIO}},
      {SYS_fchownat, "fchownat", kPath},
      {SYS_ftruncate, "ftruncate", {EINTR, EIO, EPERM}},
      {SYS_fsync, "fsync", {EIO, ENOSPC}},
      {SYS_getdents64, "getdents64", {EIO, ENOMEM}},
      {SYS_getcwd, "getcwd", {EACCES, ENOMEM}},
      {SYS_chdir, "chdir", {EACCES, EIO, ENOMEM}},
      {SYS_fchdir, "fchdir", {EACCES, EIO}},
      {SYS_flock, "flock", {EINTR, ENOLCK}},
      {SYS_fcntl, "fcntl", {EMFILE, EPERM, EINTR}},
      {SYS_dup, "dup", {EMFILE}},
      {SYS_dup2, "dup2", {EMFILE, EBUSY, EINTR}},
      {SYS_dup3, "dup3", {EMFILE, EBUSY, EINTR}},
      {SYS_pipe2, "pipe2", {EMFILE, ENFILE}},
      {SYS_ioctl, "ioctl", {EPERM, EIO}},
      {SYS_sendfile, "sendfile", {EIO, ENOMEM}},
      {SYS_copy_file_range, "copy_file_range", {EIO, ENOMEM, ENOSPC}},
      {SYS_memfd_create, "memfd_create", {EMFILE, ENFILE, ENOMEM, EPERM, ENOSYS}},
      {SYS_getrandom, "getrandom", {EINTR, ENOSYS}},
  };
}

std::vector<Call> mount_calls() {
  return {
      {SYS_mount, "mount", {EPERM, EBUSY, ENOMEM}},
      {SYS_umount2, "umount2", {EPERM, EBUSY, ENOMEM}},
      {SYS_open_tree, "open_tree", kMountDescriptor},
      {SYS_fsopen, "fsopen", kMountDescriptor},
      {SYS_fsmount, "fsmount", {EPERM, EMFILE, EBUSY, ENOMEM, ENOSYS}},
      {SYS_fsconfig, "fsconfig", kMountChange},
      {SYS_move_mount, "move_mount", kMountChange},
      {SYS_mount_setattr, "mount_setattr", kMountChange},
      {SYS_pivot_root, "pivot_root", {EPERM, EBUSY}},
      {SYS_chroot, "chroot", kPath},
      {kStatmount, "statmount", {EPERM, ENOMEM, ENOSYS}},
      {kListmount, "listmount", {EPERM, ENOMEM, ENOSYS}},
  };
}

std::vector<Call> process_calls() {
  return {
      {SYS_clone, "clone", {EPERM, ENOMEM, EAGAIN, ENOSPC}},
      {SYS_clone3, "clone3", kClone},
      {SYS_fork, "fork", {ENOMEM, EAGAIN}},
      {SYS_vfork, "vfork", {ENOMEM, EAGAIN}},
      {SYS_unshare, "unshare", {EPERM, ENOMEM, ENOSPC}},
      {SYS_setns, "setns", {EPERM, ENOMEM}},
      {SYS_execve, "execve", {EPERM, EACCES, ENOMEM, EIO, EMFILE, ENFILE, EAGAIN}},
      {SYS_execveat, "execveat", {EPERM, EACCES, ENOMEM, EIO, EMFILE, ENFILE, EAGAIN}},
      {SYS_waitid, "waitid", {EINTR}},
      {SYS_wait4, "wait4", {EINTR}},
      {SYS_pidfd_open, "pidfd_open", {EMFILE, ENFILE, ENOMEM, EPERM, ENOSYS}},
      {SYS_pidfd_send_signal, "pidfd_send_signal", {EPERM, ENOSYS}},
      {SYS_kill, "kill", kPermission},
      {SYS_prctl, "prctl", kPermission},
      {SYS_capget, "capget", kPermission},
      {SYS_capset, "capset", kPermission},
      {SYS_setuid, "setuid", {EPERM, EAGAIN}},
      {SYS_setgid, "setgid", kPermission},
      {SYS_setresuid, "setresuid", {EPERM, EAGAIN}},
      {SYS_setresgid, "setresgid", kPermission},
      {SYS_setgroups, "setgroups", {EPERM, ENOMEM}},
      {SYS_setsid, "setsid", kPermission},
      {SYS_sethostname, "sethostname", kPermission},
      {SYS_setdomainname, "setdomainname", kPermission},
      {SYS_keyctl, "keyctl", {EPERM, EACCES, ENOMEM, EDQUOT, ENOSYS}},
      {SYS_prlimit64, "prlimit64", kPermission},
      {SYS_setrlimit, "setrlimit", kPermission},
      {SYS_sched_setaffinity, "sched_setaffinity", kPermission},
      {SYS_sched_setattr, "sched_setattr", kPermission},
      {SYS_sched_setscheduler, "sched_setscheduler", kPermission},
      {SYS_ioprio_set, "ioprio_set", kPermission},
      {SYS_set_mempolicy, "set_mempolicy", {ENOMEM}},
      {SYS_seccomp, "seccomp", {EACCES, ENOMEM, EBUSY, ENOSYS}},
      {SYS_bpf, "bpf", {EPERM, ENOMEM}},
      {SYS_mmap, "mmap", {ENOMEM, EPERM}},
      {SYS_mprotect, "mprotect", {ENOMEM, EACCES}},
      {SYS_mremap, "mremap", {ENOMEM}},
  };
}

std::vector<Call> message_calls() {
  return {
      {SYS_socket, "socket", {EACCES, EMFILE, ENFILE, ENOMEM}},
      {SYS_socketpair, "socketpair", kDescriptor},
      {SYS_bind, "bind", {EACCES, ENOMEM}},
      {SYS_connect, "connect", {EACCES, EPERM, EAGAIN, EINTR}},
      {SYS_accept, "accept", {EINTR, EMFILE, ENFILE, ENOMEM, EPERM}},
      {SYS_accept4, "accept4", {EINTR, EMFILE, ENFILE, ENOMEM, EPERM}},
      {SYS_sendto, "sendto", {EINTR, ENOMEM, EACCES}},
      {SYS_sendmsg, "sendmsg", {EINTR, ENOMEM, EACCES}},
      {SYS_recvfrom, "recvfrom", {EINTR, ENOMEM}},
      {SYS_recvmsg, "recvmsg", {EINTR, ENOMEM}},
      {SYS_setsockopt, "setsockopt", {ENOMEM}},
      {SYS_getsockopt, "getsockopt", {ENOMEM}},
      {SYS_poll, "poll", {EINTR, ENOMEM}},
      {SYS_ppoll, "ppoll", {EINTR, ENOMEM}},
      {SYS_epoll_create1, "epoll_create1", kDescriptor},
      {SYS_epoll_ctl, "epoll_ctl", {ENOMEM, ENOSPC}},
      {SYS_epoll_wait, "epoll_wait", {EINTR}},
      {SYS_epoll_pwait, "epoll_pwait", {EINTR}},
      {SYS_signalfd4, "signalfd4", kDescriptor},
      {SYS_eventfd2, "eventfd2", kDescriptor},
      {SYS_timerfd_create, "timerfd_create", {EMFILE, ENFILE, ENOMEM, EPERM}},
      {SYS_inotify_init1, "inotify_init1", kDescriptor},
      {SYS_inotify_add_watch, "inotify_add_watch", {EACCES, ENOMEM, ENOSPC}},
  };
}

/// Calls that are only named: nothing is made to fail there.
std::vector<Call> plain_calls() {
  return {
      {SYS_brk, "brk", {}},
      {SYS_munmap, "munmap", {}},
      {SYS_madvise, "madvise", {}},
      {SYS_rt_sigaction, "rt_sigaction", {}},
      {SYS_listen, "listen", {}},
      {SYS_rt_sigprocmask, "rt_sigprocmask", {}},
      {SYS_getpid, "getpid", {}},
      {SYS_rt_sigreturn, "rt_sigreturn", {}},
      {SYS_getppid, "getppid", {}},
      {SYS_set_tid_address, "set_tid_address", {}},
      {SYS_gettid, "gettid", {}},
      {SYS_set_robust_list, "set_robust_list", {}},
      {SYS_getuid, "getuid", {}},
      {SYS_sched_getaffinity, "sched_getaffinity", {}},
      {SYS_geteuid, "geteuid", {}},
      {SYS_arch_prctl, "arch_prctl", {}},
      {SYS_getgid, "getgid", {}},
      {SYS_exit_group, "exit_group", {}},
      {SYS_getegid, "getegid", {}},
      {SYS_getsockname, "getsockname", {}},
      {SYS_exit, "exit", {}},
      {SYS_clock_gettime, "clock_gettime", {}},
      {SYS_umask, "umask", {}},
      {SYS_sigaltstack, "sigaltstack", {}},
      {SYS_uname, "uname", {}},
      {SYS_personality, "personality", {}},
      {SYS_rseq, "rseq", {}},
      {SYS_restart_syscall, "restart_syscall", {}},
      {SYS_lseek, "lseek", {}},
      {SYS_setpgid, "setpgid", {}},
      {SYS_tgkill, "tgkill", {}},
      {SYS_getrlimit, "getrlimit", {}},
      {SYS_futex, "futex", {}},
      {SYS_nanosleep, "nanosleep", {}},
      {SYS_sysinfo, "sysinfo", {}},
      {SYS_setitimer, "setitimer", {}},
      {SYS_getpgrp, "getpgrp", {}},
      {SYS_timerfd_settime, "timerfd_settime", {}},
      {SYS_getgroups, "getgroups", {}},
  };
}

const std::vector<Call>& all_calls() {
  static const std::vector<Call> calls = [] {
    std::vector<Call> all = file_calls();
    for (auto& part : {mount_calls(), process_calls(), message_calls(), plain_calls()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return calls;
}

}  // namespace

const Call* find_call(long number) {
  const auto found = std::ranges::find(all_calls(), number, &Call::number);
  return found == all_calls().end() ? nullptr : &*found;
}

std::string name_of(long number) {
  const Call* call = find_call(number);
  return call != nullptr ? call->name : "call" + std::to_string(number);
}

long number_of(const std::string& name) {
  for (const auto& call : all_calls())
    if (name == call.name) return call.number;
  return name.starts_with("call") ? std::atol(name.c_str() + 4) : -1;
}

std::string error_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

int error_of(const std::string& name) {
  for (int error = 1; error < 134; ++error)
    if (error_name(error) == name) return error;
  return 0;
}

}  // namespace caisson::faults
