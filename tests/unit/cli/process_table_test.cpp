// SPDX-License-Identifier: Apache-2.0
#include "cli/process_table.hpp"

#include <catch2/catch.hpp>

using caisson::cli::select_processes;

TEST_CASE("only the container's lines of ps remain", "[cli][ps]") {
  constexpr std::string_view kFull =
      "UID          PID    PPID  C STIME TTY          TIME CMD\n"
      "root           1       0  0 10:00 ?        00:00:01 init\n"
      "root          12       1  0 10:00 ?        00:00:00 sh -c 7 8\n"
      "root         120       1  0 10:00 ?        00:00:00 sleep 12\n";
  const int pids[] = {12};
  CHECK(select_processes(kFull, pids) ==
        "UID          PID    PPID  C STIME TTY          TIME CMD\n"
        "root          12       1  0 10:00 ?        00:00:00 sh -c 7 8\n");
  CHECK(select_processes(kFull, {}) == "UID          PID    PPID  C STIME TTY          TIME CMD\n");
}

TEST_CASE("the PID column is found by its name", "[cli][ps]") {
  const int pids[] = {5, 7};
  CHECK(select_processes("CMD   PID\nsh      5\nls      6\nbash    7", pids) == "CMD   PID\nsh      5\nbash    7\n");
  CHECK(select_processes("  PID CMD\n    5 a\n\n", pids) == "  PID CMD\n    5 a\n");
}

TEST_CASE("a process cannot write to the terminal by its arguments", "[cli][ps]") {
  const auto kept = select_processes("  PID CMD\n    7 sh \x1b]0;x\a\n", std::vector{7});
  REQUIRE(kept);
  CHECK(*kept == "  PID CMD\n    7 sh \\u001b]0;x\\u0007\n");
}

TEST_CASE("threads go with their process", "[cli][ps]") {
  const int pids[] = {5};
  CHECK(select_processes("PID LWP CMD\n5 - a\n- 5 -\n- 6 -\n9 - b\n- 9 -\n", pids) ==
        "PID LWP CMD\n5 - a\n- 5 -\n- 6 -\n");
}

TEST_CASE("ps without a PID column is refused", "[cli][ps]") {
  const auto selected = select_processes("CMD\nsh\n", {});
  REQUIRE_FALSE(selected);
  CHECK(selected.error().message() == "the output of ps(1) has no PID column: its options must ask for one");
  CHECK_FALSE(select_processes("", {}));
}
