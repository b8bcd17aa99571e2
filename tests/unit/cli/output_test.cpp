// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <catch2/catch.hpp>

using namespace caisson;
using namespace caisson::cli;

namespace {

container::ContainerState sample() {
  return {.oci_version = "1.3.0",
          .id = "c1",
          .pid = 42,
          .status = "running",
          .bundle = "/b/\"x\"",
          .rootfs = "/b/rootfs",
          .created = "2026-01-02T15:04:05.123456789Z",
          .annotations = {{"a.b", "c/d"}},
          .owner = "root"};
}

}  // namespace

TEST_CASE("the state object", "[cli][output]") {
  CHECK(state_json(sample()) == R"({
  "ociVersion": "1.3.0",
  "id": "c1",
  "pid": 42,
  "status": "running",
  "bundle": "/b/\"x\"",
  "rootfs": "/b/rootfs",
  "created": "2026-01-02T15:04:05.123456789Z",
  "annotations": {
    "a.b": "c/d"
  },
  "owner": "root"
})");
  auto stopped = sample();
  stopped.pid = 0;
  stopped.annotations.clear();
  stopped.owner.clear();
  const auto text = state_json(stopped);
  CHECK(text.find("\"pid\": 0,") != text.npos);
  CHECK(text.find("annotations") == text.npos);
  CHECK(text.ends_with("\"owner\": \"\"\n}"));
}

TEST_CASE("lists of states and of numbers", "[cli][output]") {
  CHECK(list_json({}) == "null\n");
  auto second = sample();
  second.id = "c2";
  second.annotations.clear();
  const std::vector states{sample(), second};
  CHECK(list_json(states) ==
        R"([{"ociVersion":"1.3.0","id":"c1","pid":42,"status":"running","bundle":"/b/\"x\"","rootfs":"/b/rootfs",)"
        R"("created":"2026-01-02T15:04:05.123456789Z","annotations":{"a.b":"c/d"},"owner":"root"},)"
        R"({"ociVersion":"1.3.0","id":"c2","pid":42,"status":"running","bundle":"/b/\"x\"","rootfs":"/b/rootfs",)"
        R"("created":"2026-01-02T15:04:05.123456789Z","owner":"root"}])"
        "\n");
  CHECK(numbers_json({}) == "null\n");
  const int numbers[] = {1, 22, 333};
  CHECK(numbers_json(numbers) == "[1,22,333]\n");
}

TEST_CASE("columns", "[cli][output]") {
  const std::vector<std::vector<std::string>> header{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  CHECK(table(header) == "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
  const std::vector<std::vector<std::string>> rows{
      {"ID", "PID", "END"}, {"a-long-identifier", "1", ""}, {"é", "2", "x"}};
  CHECK(table(rows) ==
        "ID                  PID         END\n"
        "a-long-identifier   1           \n"
        "é                   2           x\n");
  CHECK(table({}).empty());
}

TEST_CASE("a table's cells cannot write to the terminal", "[cli][output]") {
  const std::vector<std::vector<std::string>> rows{{"/b/\x1b[2J\n", "\xc2\x9b"}};
  CHECK(table(rows) == "/b/\\u001b[2J\\n   \\u009b\n");
}
