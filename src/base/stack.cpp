// SPDX-License-Identifier: Apache-2.0
#include "base/stack.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstddef>

namespace caisson {

namespace {

/// Reading JSON takes 48 KiB on the stack, so that the usual document costs no allocation.
constexpr std::size_t kStackSize = std::size_t{1} << 20;

/// makecontext(3) hands on no pointers.
struct Call {
  int (*run)(int, char**);
  int argc;
  char** argv;
  int value;
};
constinit Call the_call{};

void make_the_call() { the_call.value = the_call.run(the_call.argc, the_call.argv); }

void set_thread_stack_size() {
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return;
  if (::pthread_attr_setstacksize(&attributes, kStackSize) == 0) ::pthread_setattr_default_np(&attributes);
  ::pthread_attr_destroy(&attributes);
}

}  // namespace

int call_on_large_stack(int (*run)(int, char**), int argc, char** argv) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= kStackSize) return run(argc, argv);
  set_thread_stack_size();
  // Below the lowest page lies one that cannot be written to, as below a thread's.
  const auto guard = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const memory = ::mmap(nullptr, guard + kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return run(argc, argv);
  ::mprotect(memory, guard, PROT_NONE);
  static ucontext_t before;
  static ucontext_t during;
  if (::getcontext(&during) != 0) return run(argc, argv);
  during.uc_stack.ss_sp = static_cast<char*>(memory) + guard;
  during.uc_stack.ss_size = kStackSize;
  during.uc_link = &before;
  the_call = {.run = run, .argc = argc, .argv = argv, .value = 1};
  ::makecontext(&during, make_the_call, 0);
  ::swapcontext(&before, &during);
  return the_call.value;
}

}  // namespace caisson
