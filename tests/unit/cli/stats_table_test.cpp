// SPDX-License-Identifier: Apache-2.0
#include "cli/stats_table.hpp"

#include <catch2/catch.hpp>

#include "fake_container.hpp"
#include "program.hpp"

using namespace caisson;
using container::Usage;
using Shares = std::vector<std::optional<double>>;

namespace {

Usage busy() {
  Usage usage;
  usage.id = "busy";
  usage.status = "running";
  usage.taken = 2'000'000'000;
  usage.cpu_nanoseconds = 1'500'000'000;
  usage.memory_bytes = 1'572'864;
  usage.memory_limit_bytes = 64 << 20;
  usage.processes = 3;
  usage.process_limit = 20;
  usage.read_bytes = 512;
  usage.written_bytes = 5 << 20;
  usage.cpu_pressure = 12.4;
  usage.memory_pressure = 0;
  usage.io_pressure = 1.6;
  usage.oom_kills = 1;
  return usage;
}

Usage bare() {
  Usage usage;
  usage.id = "bare";
  usage.status = "paused";
  return usage;
}

}  // namespace

TEST_CASE("processor shares are between two looks at the same container", "[cli][stats]") {
  Usage before = busy();
  before.taken = 1'000'000'000;
  before.cpu_nanoseconds = 1'000'000'000;
  const std::vector<Usage> first{before}, second{busy(), bare()};
  CHECK(cli::cpu_percent(first, second) == Shares{50.0, std::nullopt});
  CHECK(cli::cpu_percent({}, second) == Shares{std::nullopt, std::nullopt});
  // It was deleted and made anew meanwhile.
  before.cpu_nanoseconds = 9'000'000'000;
  CHECK(cli::cpu_percent(std::vector<Usage>{before}, second) == Shares{std::nullopt, std::nullopt});
}

TEST_CASE("the table of usage", "[cli][stats]") {
  const std::vector<Usage> usage{busy(), bare()};
  CHECK(cli::stats_table(usage, Shares{50.04, std::nullopt}) ==
        "ID          STATUS      CPU         MEMORY                   PIDS        READ / WRITTEN   PRESSURE C/M/I   "
        "OOM KILLS\n"
        "busy        running     50.0%       1.50MiB / 64.0MiB (2%)   3 / 20      512B / 5.00MiB   12/0/2%          "
        "1\n"
        "bare        paused      -           -                        -           - / -            -                "
        "-\n");
}

TEST_CASE("usage as JSON has plain numbers", "[cli][stats]") {
  CHECK(cli::stats_json(std::vector<Usage>{busy(), bare()}, Shares{50.5, std::nullopt}) ==
        R"([{"id":"busy","status":"running","cpuPercent":50.5,"cpuNanoseconds":1500000000,"memoryBytes":1572864,)"
        R"("memoryLimit":67108864,"pids":3,"pidsLimit":20,"ioReadBytes":512,"ioWrittenBytes":5242880,)"
        R"("cpuPressure":12.4,"memoryPressure":0,"ioPressure":1.6,"oomKills":1},)"
        R"({"id":"bare","status":"paused","cpuPercent":null,"cpuNanoseconds":null,"memoryBytes":null,)"
        R"("memoryLimit":null,"pids":null,"pidsLimit":null,"ioReadBytes":null,"ioWrittenBytes":null,)"
        R"("cpuPressure":null,"memoryPressure":null,"ioPressure":null,"oomKills":null}])"
        "\n");
  CHECK(cli::stats_json({}, {}) == "[]\n");
}

TEST_CASE("a table is cut to the terminal", "[cli][stats]") {
  CHECK(cli::fit("abcdef\nghi\njkl\n", 4, 2) == "abcd\nghi\n");
  CHECK(cli::fit("a\n", 80, 24) == "a\n");
}

TEST_CASE("stats is printed once where there is no terminal", "[cli][stats]") {
  reset_fake_container();
  fake_container().usage = {bare()};
  const auto table = call({"stats", "bare", "other"});
  CHECK(table.code == 0);
  CHECK(table.out.starts_with("ID "));
  CHECK(fake_container().ids == std::vector<std::string>{"bare", "other"});
  CHECK(call({"stats", "--format", "json"}).out.starts_with("[{\"id\":\"bare\""));
  CHECK(call({"stats", "--interval", "often"}).err ==
        "error: invalid value 'often' for --interval: no duration such as 500ms, 5s or 1m\n");
}

TEST_CASE("events: once, and at an interval", "[cli][events]") {
  reset_fake_container();
  CHECK(call({"events", "--stats", "c1"}).out == "{}\n");
  CHECK(fake_container().called == "print_stats");
  CHECK(call({"events", "c1"}).code == 0);
  CHECK(fake_container().called == "follow_events");
  CHECK(fake_container().interval == 5'000'000'000);
  CHECK(call({"events", "--interval=1m30s", "c1"}).code == 0);
  CHECK(fake_container().interval == 90'000'000'000);
  CHECK(call({"events", "--interval", "0", "c1"}).err == "error: duration interval must be greater than 0\n");
  CHECK(call({"events", "--interval", "5", "c1"}).code == 1);
}
