// SPDX-License-Identifier: Apache-2.0
#include "base/timeline.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace caisson;
using timeline::Step;
using timeline::Track;

namespace {

const std::vector<Step> kSteps{{"decide", Track::runtime, 0, 1'000'000, 2'000'000},
                               {"read \"x\"", Track::runtime, 1, 1'200'000, 1'500'000},
                               {"mount", Track::init, 0, 2'000'000, 4'000'000},
                               {"execute", Track::init, 0, 4'000'000, 0},
                               {"wait", Track::runtime, 0, 4'000'000, 5'000'000}};

}  // namespace

TEST_CASE("a timeline as trace events", "[base][timeline]") {
  const std::string text = timeline::trace_events(kSteps);
  CHECK(text.find(R"({"name":"thread_name","ph":"M","pid":1,"tid":1,"args":{"name":"runtime"}})") != text.npos);
  CHECK(text.find(R"({"name":"thread_name","ph":"M","pid":1,"tid":2,"args":{"name":"init"}})") != text.npos);
  CHECK(text.find(R"({"name":"mount","ph":"X","pid":1,"tid":2,"ts":2000.000,"dur":2000.000})") != text.npos);
  CHECK(text.find(R"("name":"read \"x\"")") != text.npos);
  // What the process was replaced in has no length.
  CHECK(text.find(R"({"name":"execute","ph":"X","pid":1,"tid":2,"ts":4000.000,"dur":0.000})") != text.npos);
}

TEST_CASE("a timeline as a chart", "[base][timeline]") {
  CHECK(timeline::bar_chart(kSteps, 90) ==
        "runtime decide                             1.000 ##########\n"
        "runtime   read \"x\"                         0.300   ###\n"
        "init    mount                              2.000           ====================\n"
        "init    execute                            0.000                               =\n"
        "runtime wait                               1.000                               ##########\n"
        "all                                        4.000 milliseconds\n");
  CHECK(timeline::bar_chart({}, 90).empty());
}

TEST_CASE("steps of two processes in one record", "[base][timeline]") {
  { const timeline::Span off("nobody records"); }
  CHECK(timeline::read().empty());
  CHECK(timeline::descriptor() == -1);
  // In a child, so that other tests have no record.
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!timeline::start() || timeline::descriptor() < 0) ::_exit(1);
    {
      const timeline::Span outer("outer");
      const timeline::Span inner("a name that is longer than the forty-seven bytes that are kept of it");
      const pid_t init = ::fork();
      if (init == 0) {
        timeline::become_init();
        const timeline::Span span("of init");
        ::_exit(0);  // as by execve: nothing says when this ended
      }
      ::waitpid(init, nullptr, 0);
    }
    const auto steps = timeline::read();
    if (steps.size() != 3) ::_exit(2);
    if (steps[0].name != "outer" || steps[0].depth != 0 || steps[0].end <= steps[0].begin) ::_exit(3);
    if (steps[1].name.size() != 47 || steps[1].depth != 1) ::_exit(4);
    if (steps[2].name != "of init" || steps[2].track != Track::init || steps[2].depth != 0) ::_exit(5);
    if (steps[2].end != 0 || steps[2].begin < steps[1].begin) ::_exit(6);
    // More than there is room for: the rest is not recorded, nothing else happens.
    for (int i = 0; i < 1000; ++i) const timeline::Span span("one of many");
    ::_exit(timeline::read().size() == 250 ? 0 : 7);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
