// SPDX-License-Identifier: Apache-2.0
#include "cli/parser.hpp"

#include <catch2/catch.hpp>

#include <chrono>

using namespace caisson;
using namespace caisson::cli;

namespace {

struct Sample {
  bool detach = false;
  std::optional<bool> tty;
  std::string bundle = ".";
  std::string format = "table";
  int preserve_fds = 0;
  std::optional<std::int64_t> quota;
  std::vector<std::string> env;
  std::vector<std::uint32_t> gids;
  std::string secret;
  std::string id;
  std::vector<std::string> rest;
  Grammar grammar{.command = "sample",
                  .options = {{"detach,d", &detach, "", "go away"},
                              {"tty,t", &tty},
                              {"bundle,b", &bundle, "DIR", "the bundle"},
                              {"format,f", Choice{&format, "table|json"}, "table|json"},
                              {"preserve-fds", &preserve_fds, "N"},
                              {"quota", &quota, "USEC"},
                              {"env,e", &env, "K=V"},
                              {"gids,g", &gids, "GID"},
                              {"secret", &secret, "X", "never shown", true}},
                  .arguments = {{"container-id", &id}, {"rest", &rest, false}}};

  Result<Asked> parse(std::vector<const char*> words) { return cli::parse(grammar, words); }
};

std::string failure(std::vector<const char*> words) {
  Sample sample;
  const auto asked = sample.parse(std::move(words));
  return asked ? "no failure" : asked.error().message();
}

}  // namespace

TEST_CASE("what is not given keeps its value", "[cli][parser]") {
  Sample sample;
  REQUIRE(sample.parse({"c1"}) == Asked::action);
  CHECK(sample.id == "c1");
  CHECK_FALSE(sample.detach);
  CHECK_FALSE(sample.tty.has_value());
  CHECK(sample.bundle == ".");
  CHECK(sample.format == "table");
  CHECK_FALSE(sample.quota.has_value());
}

TEST_CASE("each kind of option reaches its variable", "[cli][parser]") {
  Sample sample;
  REQUIRE(sample.parse({"-d", "--tty=false", "--bundle", "/b", "-f=json", "--preserve-fds", "2147483647", "--quota",
                        "-1", "-e", "A=B", "--env=C", "-g", "0", "-gids", "4294967295", "--secret=s", "c1", "x"}));
  CHECK(sample.detach);
  CHECK(sample.tty == false);
  CHECK(sample.bundle == "/b");
  CHECK(sample.format == "json");
  CHECK(sample.preserve_fds == 2147483647);
  CHECK(sample.quota == -1);
  CHECK(sample.env == std::vector<std::string>{"A=B", "C"});
  CHECK(sample.gids == std::vector<std::uint32_t>{0, 4294967295});
  CHECK(sample.secret == "s");
  CHECK(sample.id == "c1");
  CHECK(sample.rest == std::vector<std::string>{"x"});
}

TEST_CASE("the last one wins, lists collect in order", "[cli][parser]") {
  Sample sample;
  REQUIRE(sample.parse({"--bundle",
                        "/a",
                        "-b",
                        "/b",
                        "-d",
                        "-d=false",
                        "-t=false",
                        "-t",
                        "-f",
                        "json",
                        "-f",
                        "table",
                        "--preserve-fds=1",
                        "--preserve-fds=2",
                        "-e",
                        "1",
                        "-e",
                        "2",
                        "-e",
                        "1",
                        "c1"}));
  CHECK(sample.bundle == "/b");
  CHECK_FALSE(sample.detach);
  CHECK(sample.tty == true);
  CHECK(sample.format == "table");
  CHECK(sample.preserve_fds == 2);
  CHECK(sample.env == std::vector<std::string>{"1", "2", "1"});
}

TEST_CASE("values arrive as they were written", "[cli][parser]") {
  for (const char* text : {"", "{}", "%%", "[a,b]", "[]", "a,b", "--", "-", "--bundle=x", "-d", "\"quoted\"", " ",
                           "a b", "=", "\xff\xfe", "++", "/W"}) {
    INFO(text);
    Sample spaced;
    REQUIRE(spaced.parse({"--bundle", text, "-e", text, "-e", text, "--", text, text}));
    CHECK(spaced.bundle == text);
    CHECK(spaced.env == std::vector<std::string>{text, text});
    CHECK(spaced.id == text);
    CHECK(spaced.rest == std::vector<std::string>{text});
    Sample joined;
    const std::string bundle = "--bundle=" + std::string(text);
    const std::string env = "-e=" + std::string(text);
    REQUIRE(joined.parse({bundle.c_str(), env.c_str(), "c1"}));
    CHECK(joined.bundle == text);
    CHECK(joined.env == std::vector<std::string>{text});
  }
}

TEST_CASE("values that do not fit their option", "[cli][parser]") {
  CHECK(failure({"--preserve-fds", "x", "c1"}) == "invalid value for --preserve-fds: 'x' is not a number");
  CHECK(failure({"--preserve-fds", "", "c1"}) == "invalid value for --preserve-fds: '' is not a number");
  CHECK(failure({"--preserve-fds", "1k", "c1"}) == "invalid value for --preserve-fds: '1k' is not a number");
  CHECK(failure({"--preserve-fds", "-1", "c1"}) ==
        "invalid value for --preserve-fds: '-1' is not within 0 ... 2147483647");
  CHECK(failure({"--preserve-fds", "2147483648", "c1"}) ==
        "invalid value for --preserve-fds: '2147483648' is not within 0 ... 2147483647");
  CHECK(failure({"--quota", "99999999999999999999", "c1"}).starts_with("invalid value for --quota: "));
  CHECK(failure({"-g", "4294967296", "c1"}) == "invalid value for --gids: '4294967296' is not within 0 ... 4294967295");
  CHECK(failure({"-g", "users", "c1"}) == "invalid value for --gids: 'users' is not a number");
  CHECK(failure({"-f", "xml", "c1"}) == "invalid value for --format: 'xml' is none of table|json");
  CHECK(failure({"-f", "", "c1"}) == "invalid value for --format: '' is none of table|json");
  CHECK(failure({"-f", "tab", "c1"}) == "invalid value for --format: 'tab' is none of table|json");
  CHECK(failure({"-f", "table|json", "c1"}) == "invalid value for --format: 'table|json' is none of table|json");
}

TEST_CASE("arguments are counted", "[cli][parser]") {
  std::string id;
  std::string signal = "SIGTERM";
  std::vector<std::string> rest;
  const auto count = [](const Grammar& grammar, std::vector<const char*> words) {
    const auto asked = parse(grammar, words);
    return asked ? std::string("fits") : asked.error().message();
  };
  const Grammar start{.command = "start", .arguments = {{"container-id", &id}}};
  CHECK(count(start, {}) == "caisson: \"start\" requires exactly 1 argument(s)");
  CHECK(count(start, {"a"}) == "fits");
  CHECK(count(start, {"a", "b"}) == "caisson: \"start\" requires exactly 1 argument(s)");
  const Grammar kill{.command = "kill", .arguments = {{"container-id", &id}, {"signal", &signal, false}}};
  CHECK(count(kill, {}) == "caisson: \"kill\" requires a minimum of 1 argument(s)");
  CHECK(count(kill, {"a", "b"}) == "fits");
  CHECK(count(kill, {"a", "b", "c"}) == "caisson: \"kill\" requires a maximum of 2 argument(s)");
  const Grammar exec{.command = "exec", .arguments = {{"container-id", &id}, {"command", &rest, false}}};
  CHECK(count(exec, {}) == "caisson: \"exec\" requires a minimum of 1 argument(s)");
  CHECK(count(exec, {"a"}) == "fits");
  CHECK(count(exec, {"a", "b", "c"}) == "fits");
  const Grammar list{.command = "list"};
  CHECK(count(list, {}) == "fits");
  CHECK(count(list, {"a"}) == "caisson: \"list\" requires exactly 0 argument(s)");
}

TEST_CASE("help wins over what is missing", "[cli][parser]") {
  Sample sample;
  CHECK(sample.parse({"--help"}) == Asked::help);
  CHECK(sample.parse({"-h", "--bogus"}) == Asked::help);
  CHECK(failure({"--bogus", "-h"}) == "flag provided but not defined: --bogus");
}

TEST_CASE("the help page shows what is to be shown", "[cli][parser]") {
  Sample sample;
  CHECK(usage_text(sample.grammar) == "Usage: caisson sample [OPTIONS] <container-id> [rest...]");
  const auto page = help_text(sample.grammar, "a sample", "The end.");
  CHECK(page.starts_with("a sample\n\nUsage: caisson sample [OPTIONS] <container-id> [rest...]\n"));
  CHECK(page.find("-b,--bundle DIR ") != page.npos);
  CHECK(page.find("-d,--detach  ") != page.npos);
  CHECK(page.find("-e,--env K=V ... ") != page.npos);
  CHECK(page.find("-h,--help ") != page.npos);
  CHECK(page.find("never shown") == page.npos);
  CHECK(page.find("The end.\n") != page.npos);
}

TEST_CASE("reading the words costs microseconds", "[cli][parser]") {
  Sample sample;
  const auto begin = std::chrono::steady_clock::now();
  constexpr int kRounds = 100;
  for (int i = 0; i < kRounds; ++i)
    REQUIRE(sample.parse({"--bundle", "/b", "-d", "-e", "A=B", "-e", "C=D", "--preserve-fds", "3", "c1"}));
  const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - begin;
  // Some 15 on a quiet machine; the bound only catches what reads files or waits.
  CHECK(spent.count() / kRounds < 1000);
}
