// SPDX-License-Identifier: Apache-2.0
#include "sys/parallel.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>

namespace caisson::sys {

namespace {

constexpr std::size_t kMostThreads = 8;
/// The system's 8 MiB are not to be had where address space is limited.
constexpr std::size_t kStackSize = std::size_t{512} << 10;

struct Share {
  std::size_t count;
  std::size_t piece;
  const std::function<void(std::size_t, std::size_t)>& work;
  std::atomic<std::size_t> next = 0;
};

void* take_pieces(void* shared) {
  auto& share = *static_cast<Share*>(shared);
  for (;;) {
    const std::size_t first = share.next.fetch_add(share.piece, std::memory_order_relaxed);
    if (first >= share.count) return nullptr;
    share.work(first, std::min(first + share.piece, share.count));
  }
}

std::size_t processors() {
  cpu_set_t set;
  // Of a machine with more than fit into the set: many.
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<std::size_t>(CPU_COUNT(&set)) : kMostThreads;
}

}  // namespace

void share_out(std::size_t count, std::size_t piece, const std::function<void(std::size_t, std::size_t)>& work) {
  Share share{count, piece, work};
  const std::size_t pieces = (count + piece - 1) / piece;
  std::array<pthread_t, kMostThreads - 1> others{};
  std::size_t started = 0;
  if (pieces > 1) {
    const std::size_t wanted = std::min({pieces, processors(), kMostThreads}) - 1;
    // What the program handles, the threads that were there before handle.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, kStackSize);
    while (started < wanted && ::pthread_create(&others.at(started), &attributes, take_pieces, &share) == 0) ++started;
    ::pthread_attr_destroy(&attributes);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  take_pieces(&share);
  for (std::size_t i = 0; i < started; ++i) ::pthread_join(others.at(i), nullptr);
}

}  // namespace caisson::sys
