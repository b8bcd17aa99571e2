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

TEST_CASE("a process' name may be anything", "[sys]") {
  const std::string rest = " S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 100 200 18446744073709551615";
  for (const char* name : {"sleep", "", "a b", ") R 1 (", "(", ")", "x\ny", "\xff\xfe"}) {
    CAPTURE(name);
    const auto stat = sys::parse_stat("42 (" + std::string(name) + ")" + rest);
    REQUIRE(stat);
    CHECK(stat->name == name);
    CHECK(stat->state == 'S');
    CHECK(stat->parent == 7);
    CHECK(stat->start_time == 123456);
  }
  for (const char* none : {"", "42", "42 (sleep", "42 (sleep)", "42 sleep) S 1", ")("}) {
    CAPTURE(none);
    CHECK_FALSE(sys::parse_stat(none));
  }
}

TEST_CASE("only the process that started then runs, and no zombie does", "[sys]") {
  const auto own = sys::read_stat(::getpid());
  REQUIRE(own);
  const auto running = [](pid_t pid, std::uint64_t start) {
    auto stat = sys::stat_of_running(pid, start);
    REQUIRE(stat);
    return std::move(*stat);
  };
  const auto again = running(::getpid(), own->start_time);
  REQUIRE(again);
  CHECK(again->name == own->name);
  CHECK(again->parent == ::getppid());
  CHECK_FALSE(running(::getpid(), own->start_time + 1));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  const auto zombie = sys::read_stat(child);
  REQUIRE(zombie);
  CHECK_FALSE(running(child, zombie->start_time));
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK_FALSE(running(child, zombie->start_time));
}

TEST_CASE("what cannot be looked at is not taken for dead", "[sys]") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const bool ending = sys::is_ending(::getpid());
  const auto running = sys::stat_of_running(::getpid(), 1);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE_FALSE(running);
  CHECK(running.error().sys_errno() == EMFILE);
  CHECK_FALSE(ending);
}
