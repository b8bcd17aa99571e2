// SPDX-License-Identifier: Apache-2.0
#include "sys/lock.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "sys/interrupt.hpp"

using namespace caisson;

namespace {

/// Two openings of one file, which has no name any more.
struct Two {
  Two() {
    char name[] = "/tmp/caisson-lock-XXXXXX";
    first.reset(::mkstemp(name));
    second.reset(::open(name, O_RDONLY | O_CLOEXEC));
    ::unlink(name);
  }
  FileDescriptor first, second;
};

}  // namespace

TEST_CASE("a lock is shared, or one's own", "[sys][lock]") {
  Two file;
  CHECK(sys::try_lock(file.first, sys::Lock::shared).value());
  CHECK(sys::try_lock(file.second, sys::Lock::shared).value());
  CHECK_FALSE(sys::try_lock(file.second, sys::Lock::exclusive).value());
  file.first.reset();
  CHECK(sys::try_lock(file.second, sys::Lock::exclusive).value());
}

TEST_CASE("a wait for a lock has its limit, and no child is left of it", "[sys][lock]") {
  Two file;
  REQUIRE(sys::try_lock(file.first, sys::Lock::exclusive).value());
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(sys::lock_within(file.second, sys::Lock::exclusive, 50).value());
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(50));
  CHECK(::waitpid(-1, nullptr, __WALL | WNOHANG) == -1);
  // Nor does it take the lock later.
  file.first.reset();
  CHECK(sys::try_lock(file.second, sys::Lock::exclusive).value());
}

TEST_CASE("a wait for a lock ends when it is freed, and the waiter holds it", "[sys][lock]") {
  Two file;
  REQUIRE(sys::try_lock(file.first, sys::Lock::exclusive).value());
  std::thread holder([&file] {
    ::usleep(20'000);
    file.first.reset();
  });
  CHECK(sys::lock_within(file.second, sys::Lock::exclusive, 60'000).value());
  holder.join();
  const FileDescriptor third(::open(fmt::format("/proc/self/fd/{}", file.second.get()).c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(third);
  CHECK_FALSE(sys::try_lock(third, sys::Lock::exclusive).value());
}

TEST_CASE("a signal ends a wait for a lock", "[sys][lock]") {
  Two file;
  REQUIRE(sys::try_lock(file.first, sys::Lock::exclusive).value());
  CHECK(sys::lock_holder(file.second) == ::getpid());
  const sys::Interruptible interruptible;
  const pid_t self = ::getpid();
  const pid_t sender = ::fork();
  if (sender == 0) {
    ::usleep(50'000);
    ::kill(self, SIGTERM);
    ::_exit(0);
  }
  const auto locked = sys::lock_within(file.second, sys::Lock::exclusive, 60'000);
  REQUIRE_FALSE(locked);
  CHECK(locked.error().message().find("interrupted by SIGTERM") != std::string::npos);
  REQUIRE(::waitpid(sender, nullptr, 0) == sender);
}
