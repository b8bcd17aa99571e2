// SPDX-License-Identifier: Apache-2.0
#include "sys/process.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace caisson;

TEST_CASE("a process is ending from its end on, and not before", "[sys]") {
  CHECK_FALSE(sys::is_ending(::getpid()));
  const pid_t child = ::fork();
  if (child == 0)
    for (;;) ::pause();
  CHECK_FALSE(sys::is_ending(child));
  // A signal that is pending and does not end it changes nothing.
  ::kill(child, SIGSTOP);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WSTOPPED) == 0);
  ::kill(child, SIGTERM);
  CHECK_FALSE(sys::is_ending(child));
  ::kill(child, SIGKILL);
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK(sys::is_ending(child));  // a zombie
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(sys::is_ending(child));
}

TEST_CASE("what cannot be looked at is not taken for dead", "[sys]") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const bool ending = sys::is_ending(::getpid());
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_FALSE(ending);
}
