// SPDX-License-Identifier: Apache-2.0
#include "cli/signals.hpp"

#include <signal.h>

#include <catch2/catch.hpp>
#include <string>

using caisson::cli::read_signal;

TEST_CASE("signals by number and by name", "[cli][signals]") {
  struct Row {
    const char* text;
    int number;
  };
  const Row rows[] = {
      {"9", SIGKILL},
      {"0", 0},
      {"64", 64},
      {"32", 32},
      {"KILL", SIGKILL},
      {"SIGKILL", SIGKILL},
      {"kill", SIGKILL},
      {"SigTerm", SIGTERM},
      {"sigterm", SIGTERM},
      {"HUP", SIGHUP},
      {"WINCH", SIGWINCH},
      {"CHLD", SIGCHLD},
      {"CLD", SIGCHLD},
      {"IO", SIGIO},
      {"POLL", SIGPOLL},
      {"IOT", SIGABRT},
      {"ABRT", SIGABRT},
      {"STKFLT", SIGSTKFLT},
      {"PWR", SIGPWR},
      {"SYS", SIGSYS},
      {"USR1", SIGUSR1},
      {"SIGUSR2", SIGUSR2},
      {"RTMIN", SIGRTMIN},
      {"SIGRTMIN+3", SIGRTMIN + 3},
      {"rtmax-1", SIGRTMAX - 1},
      {"RTMAX", SIGRTMAX},
      {"XCPU", SIGXCPU},
      {"URG", SIGURG},
  };
  for (const auto& row : rows) {
    INFO(row.text);
    const auto number = read_signal(row.text);
    REQUIRE(number);
    CHECK(*number == row.number);
  }
}

TEST_CASE("what is no signal", "[cli][signals]") {
  for (const char* text : {"", "X", "SIG", "65", "-9", "9x", "+9", "99999999999", "SIGSIGKILL", "RTMIN+31", "RTMIN-1",
                           "RTMAX+1", "RTMIN+", "RTMINX", "KILL "}) {
    INFO(text);
    const auto number = read_signal(text);
    REQUIRE_FALSE(number);
    CHECK(number.error().message() == "unknown signal \"" + std::string(text) + "\"");
  }
}
