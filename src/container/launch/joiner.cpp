// SPDX-License-Identifier: Apache-2.0
#include "container/launch/joiner.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sys/interrupt.hpp"
#include "sys/process.hpp"

namespace caisson::container {

namespace {

/// How long a killed joiner may take to end. In a frozen cgroup of v1 it ends when that is thawed.
constexpr int kEndTimeoutMs = 1000;

/// The joiner's stack, on which the new process runs in its own copy. Pages that are not touched cost nothing.
constexpr std::size_t kStackSize = 1024UL * 1024;
alignas(64) char stack[kStackSize];

constexpr std::size_t kMemorySize = 4096;

enum class Step : int { none, affinity, join, root, cgroups, ids, seal, descriptors, clone };

/// What the joiner is given and what it answers, in memory that the caller and the joiner share and the new process
/// does not: a process of the container that took control of it must not choose the pid that the caller believes.
struct Joiner {
  const JoinTarget* target;
  std::span<const int> kept;  ///< sorted
  int first_closed;
  pid_t creator;
  const std::function<void()>* run;
  int program;
  clone_args process;
  bool shares_page_alone;  ///< with the caller: all other memory is a copy

  volatile int tree_is_closed;  ///< a futex: 1 once the caller has released the program's tree
  volatile Step step;           ///< the last that was begun
  volatile int error;           ///< of it
  volatile pid_t process_pid;   ///< 0 = there is none
};

/// A system call: its result or -errno. errno itself is the caller's, who shares the thread-local storage.
long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
#if defined(__x86_64__)
  long result = number;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return result;
#else
  const long result = ::syscall(number, a, b, c, d, e);
  return result < 0 ? -errno : result;
#endif
}

long address(const void* at) { return reinterpret_cast<long>(at); }

long join_namespaces(FdView pidfd, std::uint64_t& kinds) {
  const long joined = call(SYS_setns, pidfd.get(), static_cast<long>(kinds));
  if (joined != -EINVAL || (kinds & CLONE_NEWUSER) == 0) return joined;
  // The container's user namespace is the caller's own: setns(2) refuses to enter it again.
  kinds &= ~static_cast<std::uint64_t>(CLONE_NEWUSER);
  return call(SYS_setns, pidfd.get(), static_cast<long>(kinds));
}

long change_root(FdView root) {
  const long entered = call(SYS_fchdir, root.get());
  return entered < 0 ? entered : call(SYS_chroot, address("."));
}

long enter_cgroups(const std::vector<FdView>& tasks) {
  for (const auto& file : tasks)
    if (const long written = call(SYS_write, file.get(), address("0"), 1); written < 0) return written;
  return 0;
}

/// Root of the user namespace that was joined, or its first id. The change of ids makes the memory dumpable where
/// fs.suid_dumpable is 1: it must not be when the process appears.
long become_namespace_root(const JoinTarget& target) {
  const long gid = target.gid;
  const long uid = target.uid;
  if (const long set = call(SYS_setresgid, gid, gid, gid); set < 0) return set;
  if (const long set = call(SYS_setresuid, uid, uid, uid); set < 0) return set;
  return call(SYS_prctl, PR_SET_DUMPABLE, 0);
}

/// 0 once no process can change the mount of the program any more. The caller, whose descriptors the joiner shares
/// until this is done, has begun to close the last one that could: the mount leaves its anonymous namespace at once,
/// and only the caller waits for the grace period. Where the caller has not come so far, this waits for it.
long wait_until_sealed(const Joiner& joiner) {
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY;
  for (bool last = false;; last = true) {
    const long changed =
        call(SYS_mount_setattr, joiner.program, address(""), AT_EMPTY_PATH, address(&read_only), sizeof read_only);
    // A sealed copy in memory is on no mount that could be changed either.
    if (changed == -EINVAL) return 0;
    if (last) return changed < 0 ? changed : -EPERM;
    while (joiner.tree_is_closed == 0) {
      const long waited = call(SYS_futex, address(const_cast<const int*>(&joiner.tree_is_closed)), FUTEX_WAIT, 0);
      if (waited < 0 && waited != -EAGAIN && waited != -EINTR) return waited;
    }
  }
}

long close_descriptors(int first, std::span<const int> kept) {
  auto begin = static_cast<unsigned>(first);
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (number < begin) continue;
    if (number > begin)
      if (const long closed = call(SYS_close_range, begin, number - 1); closed < 0) return closed;
    begin = number + 1;
  }
  return call(SYS_close_range, begin, ~0U);
}

/// The joiner: system calls alone, since heap, errno and all other memory are the waiting caller's. Returns in the new
/// process and nowhere else.
long take_steps(Joiner& joiner) {
  const JoinTarget& target = *joiner.target;
  joiner.step = Step::affinity;
  if (!target.affinity.empty())
    if (const long set = call(SYS_sched_setaffinity, 0, static_cast<long>(target.affinity.size_bytes()),
                              address(target.affinity.data()));
        set < 0)
      return set;
  joiner.step = Step::join;
  std::uint64_t kinds = target.namespaces;
  // Before it is joined: the user namespace may deny setgroups(2).
  if ((kinds & CLONE_NEWUSER) != 0 && !target.keeps_groups)
    if (const long set = call(SYS_setgroups, 0, 0); set < 0 && set != -EPERM) return set;
  if (kinds != 0)
    if (const long joined = join_namespaces(target.pidfd, kinds); joined < 0) return joined;
  joiner.step = Step::root;
  if (target.root.get() >= 0)
    if (const long changed = change_root(target.root); changed < 0) return changed;
  joiner.step = Step::cgroups;
  if (const long entered = enter_cgroups(target.tasks); entered < 0) return entered;
  joiner.step = Step::ids;
  if ((kinds & CLONE_NEWUSER) != 0)
    if (const long changed = become_namespace_root(target); changed < 0) return changed;
  joiner.step = Step::seal;
  if (const long sealed = wait_until_sealed(joiner); sealed < 0) return sealed;
  joiner.step = Step::descriptors;
  if (const long unshared = call(SYS_unshare, CLONE_FILES); unshared < 0) return unshared;
  if (const long closed = close_descriptors(joiner.first_closed, joiner.kept); closed < 0) return closed;
  joiner.step = Step::clone;
  if (joiner.shares_page_alone)
    if (const long done = call(SYS_madvise, address(&joiner), kMemorySize, MADV_DONTFORK); done < 0) return done;
  return call(SYS_clone3, address(&joiner.process), sizeof joiner.process);
}

[[gnu::noinline, noreturn]] void be_joiner(Joiner* joiner) {
  const auto* const run = joiner->run;
  // The caller may be gone already.
  call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  if (call(SYS_getppid) != joiner->creator) call(SYS_exit_group, 1);
  const long cloned = take_steps(*joiner);
  if (cloned == 0) (*run)();
  if (cloned > 0)
    joiner->process_pid = static_cast<pid_t>(cloned);
  else
    joiner->error = static_cast<int>(-cloned);
  for (;;) call(SYS_exit_group, cloned > 0 ? 0 : 1);
}

#if defined(__x86_64__)
constexpr bool kCanShareMemory = true;

/// clone3(2) whose child runs be_joiner() on a stack of its own: the caller's stays the caller's.
long clone_on_stack(clone_args& args, Joiner* joiner) {
  long result = SYS_clone3;
  asm volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "movq %[joiner], %%rdi\n\t"
      "call *%[function]\n\t"
      "ud2\n"
      "1:"
      : "+a"(result)
      : "D"(&args), "S"(sizeof args), [function] "r"(&be_joiner), [joiner] "r"(joiner)
      : "rcx", "r11", "memory");
  return result;
}
#else
constexpr bool kCanShareMemory = false;

long clone_on_stack(clone_args&, Joiner*) { return -ENOSYS; }
#endif

/// Memory for a Joiner. It is not freed: a joiner that is frozen may outlast the call.
void* joiner_memory(bool shares_memory) {
  static_assert(sizeof(Joiner) <= kMemorySize);
  alignas(Joiner) static char place[sizeof(Joiner)];
  if (shares_memory) return place;
  void* const page =
      ::mmap(nullptr, kMemorySize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return page == MAP_FAILED ? nullptr : page;
}

/// Clones the joiner. `joiner` is memory that both see.
long clone_joiner(Joiner* joiner, int& pidfd, bool shares_memory) {
  clone_args args{};
  args.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | CLONE_FILES;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (joiner->target->cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(joiner->target->cgroup);
  }
  if (shares_memory) {
    args.flags |= CLONE_VM;
    args.stack = reinterpret_cast<std::uintptr_t>(&stack);
    args.stack_size = kStackSize;
    return clone_on_stack(args, joiner);
  }
  const long pid = call(SYS_clone3, address(&args), sizeof args);
  if (pid == 0) be_joiner(joiner);
  return pid;
}

/// Waits for the end of the joiner without a call that writes errno, which is the joiner's, too.
Status wait_for_joiner(const sys::ProcessHandle& process) {
  pollfd end{process.pidfd().get(), POLLIN, 0};
  for (;;) {
    const long ready = call(SYS_ppoll, address(&end), 1, 0, 0, sizeof(std::uint64_t));
    if (ready > 0) return {};
    if (ready < 0 && ready != -EINTR)
      return std::unexpected(Error(ErrorKind::system, "ppoll(pidfd of the joiner)", static_cast<int>(-ready)));
    if (sys::interruption() == 0) continue;
    (void)process.signal(SIGKILL);
    (void)process.wait_for_end(kEndTimeoutMs);
    return sys::go_on_unless_interrupted();
  }
}

Error error_of(const Joiner& joiner) {
  constexpr std::array<const char*, 9> kCalls{"the process that joins the container has ended",
                                              "sched_setaffinity()",
                                              "setns()",
                                              "chroot()",
                                              "write(tasks)",
                                              "setresuid(0)",
                                              "protect caisson's program",
                                              "close_range()",
                                              "clone3()"};
  Error error(ErrorKind::system, kCalls.at(static_cast<std::size_t>(static_cast<Step>(joiner.step))), joiner.error);
  return std::move(error).with("join the container's namespaces");
}

}  // namespace

Result<pid_t> clone_joined(const JoinTarget& target, selfexe::ProtectedProgram& program, int first_closed,
                           std::vector<int> kept, const std::function<void()>& run) {
  std::ranges::sort(kept);
  const bool shares_memory = kCanShareMemory && (target.namespaces & CLONE_NEWTIME) == 0;
  void* const memory = joiner_memory(shares_memory);
  if (memory == nullptr) return fail_errno("mmap({})", kMemorySize);
  auto* const joiner = new (memory) Joiner{.target = &target,
                                           .kept = kept,
                                           .first_closed = first_closed,
                                           .creator = ::getpid(),
                                           .run = &run,
                                           .program = program.file().get(),
                                           .process = {},
                                           .shares_page_alone = !shares_memory,
                                           .tree_is_closed = 0,
                                           .step = Step::none,
                                           .error = 0,
                                           .process_pid = 0};
  // CLONE_PARENT: the caller's child, with the joiner's exit signal.
  joiner->process.flags = CLONE_PARENT | CLONE_CLEAR_SIGHAND;
  int pidfd = -1;
  const long pid = clone_joiner(joiner, pidfd, shares_memory);
  if (pid < 0) {
    errno = static_cast<int>(-pid);
    return fail_errno("clone3(joiner)");
  }
  const sys::ProcessHandle process(static_cast<pid_t>(pid), FileDescriptor(pidfd));
  program.release_tree();
  joiner->tree_is_closed = 1;
  call(SYS_futex, address(const_cast<const int*>(&joiner->tree_is_closed)), FUTEX_WAKE, 1);
  CAISSON_TRY(wait_for_joiner(process));
  const auto status = CAISSON_TRY(process.reap());
  if (joiner->process_pid != 0) return joiner->process_pid;
  if (joiner->error != 0) return std::unexpected(error_of(*joiner));
  return fail(ErrorKind::destroyed, "the process that joins the container ended with {}", status.code());
}

}  // namespace caisson::container
