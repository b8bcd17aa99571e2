// SPDX-License-Identifier: Apache-2.0
#include "base/suggestion.hpp"

#include <catch2/catch.hpp>

using caisson::text::closest;

TEST_CASE("a mistyped command is recognised", "[base][suggestion]") {
  constexpr std::string_view kWords[] = {"checkpoint", "create", "delete", "exec",  "kill",
                                         "list",       "ps",     "run",    "start", "state"};
  CHECK(closest("lst", kWords) == "list");
  CHECK(closest("exce", kWords).empty());
  CHECK(closest("exex", kWords) == "exec");
  CHECK(closest("craete", kWords) == "create");
  CHECK(closest("checkpointt", kWords) == "checkpoint");
  CHECK(closest("stat", kWords) == "start");
  CHECK(closest("rum", kWords) == "run");
  CHECK(closest("x", kWords).empty());
  CHECK(closest("", kWords).empty());
  CHECK(closest("frobnicate", kWords).empty());
}
