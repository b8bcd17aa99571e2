// SPDX-License-Identifier: Apache-2.0
#include "sys/parallel.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <mutex>
#include <set>
#include <vector>

using namespace caisson;

namespace {

std::size_t threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

/// How often each number was worked on.
std::vector<int> shared_out(std::size_t count, std::size_t piece) {
  std::vector<int> done(count);
  sys::share_out(count, piece, [&](std::size_t first, std::size_t last) {
    if (first >= last || last > count || last - first > piece) ::abort();
    for (std::size_t i = first; i < last; ++i) ++done[i];
  });
  return done;
}

}  // namespace

TEST_CASE("work is shared out once each, and no thread stays", "[sys]") {
  for (const std::size_t count : {0, 1, 31, 32, 33, 64, 1000})
    for (const std::size_t piece : {1, 32, 5000}) {
      CAPTURE(count, piece);
      CHECK(shared_out(count, piece) == std::vector<int>(count, 1));
    }
  CHECK(threads() == 1);
}

TEST_CASE("who may run on one processor works alone", "[sys]") {
  cpu_set_t before;
  REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i)
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  std::set<pid_t> workers;
  sys::share_out(100, 1, [&](std::size_t, std::size_t) { workers.insert(::gettid()); });
  REQUIRE(::sched_setaffinity(0, sizeof before, &before) == 0);
  CHECK(workers == std::set<pid_t>{::gettid()});
}

TEST_CASE("the others take no signals, and the caller those it did", "[sys]") {
  sigset_t before;
  REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &before) == 0);
  std::mutex mutex;
  std::set<pid_t> workers;
  std::atomic<int> open_to_signals = 0;
  const pid_t caller = ::gettid();
  sys::share_out(200, 1, [&](std::size_t, std::size_t) {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    if (::gettid() != caller && ::sigismember(&mask, SIGTERM) == 0) ++open_to_signals;
    ::usleep(100);
    const std::scoped_lock lock(mutex);
    workers.insert(::gettid());
  });
  CHECK(open_to_signals == 0);
  cpu_set_t processors;
  if (::sched_getaffinity(0, sizeof processors, &processors) == 0 && CPU_COUNT(&processors) > 1)
    CHECK(workers.size() > 1);
  sigset_t after;
  REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &after) == 0);
  for (int signal = 1; signal < NSIG; ++signal) CHECK(::sigismember(&before, signal) == ::sigismember(&after, signal));
}

TEST_CASE("threads that cannot be had are done without", "[sys]") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
  const rlimit tight{1, before.rlim_max};
  std::vector<int> done(100);
  const std::function<void(std::size_t, std::size_t)> work = [&](std::size_t first, std::size_t) { ++done[first]; };
  REQUIRE(::setrlimit(RLIMIT_AS, &tight) == 0);
  sys::share_out(done.size(), 1, work);
  REQUIRE(::setrlimit(RLIMIT_AS, &before) == 0);
  CHECK(done == std::vector<int>(100, 1));
}
