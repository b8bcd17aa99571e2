// SPDX-License-Identifier: Apache-2.0
#include "cli/parser.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>

#include "cli/app.hpp"
#include "cli/cli11.hpp"

using namespace caisson;
using namespace caisson::cli;

namespace {

/// A command with an option of each kind.
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
  std::vector<std::string> more;
  CLI::App app;

  explicit Sample(bool options_first = false) {
    app.name("sample");
    app.description("a sample");
    app.footer("The end.");
    app.set_help_flag("-h,--help", "print this text");
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    add_switch(app, "-d,--detach", detach, "go away");
    add_switch(app, "-t,--tty", tty, "");
    add_option(app, "-b,--bundle", bundle, "DIR", "the bundle");
    add_choice(app, "-f,--format", format, "table|json", "");
    add_option(app, "--preserve-fds", preserve_fds, "N", "");
    add_option(app, "--quota", quota, "USEC", "");
    add_list(app, "-e,--env", env, "K=V", "");
    add_list(app, "-g,--gids", gids, "GID", "");
    add_option(app, "--secret", secret, "X", "never shown");
    hide(app, "--secret");
    add_argument(app, "container-id", id);
    add_rest(app, "rest");
    if (options_first) end_options_at_first_argument(app);
  }

  Result<Asked> parse(std::vector<const char*> words) {
    auto asked = cli::parse(app, words);
    more = rest(app);
    return asked;
  }
};

std::string failure(std::vector<const char*> words) {
  Sample sample;
  const auto asked = sample.parse(std::move(words));
  return asked ? "no failure" : asked.error().message();
}

/// What CLI11 is given for these words, as "name=value" for options and as they are for arguments; "help"; or
/// "error: ...".
std::vector<std::string> spelt(std::vector<const char*> words, bool options_first = false) {
  Sample sample(options_first);
  sample.app.get_option("container-id")->required(false);
  auto result = from_go_spelling(sample.app, words);
  if (!result) return {"error: " + result.error().message()};
  if (result->asked == Asked::help) return {"help"};
  std::vector<std::string> shown;
  auto& given = result->words;  // the last one first
  while (!given.empty() && given.back() != "--") {
    auto option = given.back().substr(2);
    given.pop_back();
    if (option.find('=') == option.npos) {
      option += "=" + given.back();
      given.pop_back();
    }
    shown.push_back(option);
  }
  if (!given.empty()) shown.insert(shown.end(), given.rbegin() + 1, given.rend());
  return shown;
}

struct Row {
  const char* rule;
  std::vector<const char*> words;
  std::vector<std::string> expected;
};

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
  CHECK(sample.more == std::vector<std::string>{"x"});
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
    CHECK(spaced.more == std::vector<std::string>{text});
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
  const auto count = [](const char* name, std::vector<const char*> words) {
    std::string id, signal;
    CLI::App app;
    app.name(name);
    if (name != std::string_view("list")) add_argument(app, "container-id", id);
    if (name == std::string_view("kill")) add_argument(app, "signal", signal, Need::optional);
    if (name == std::string_view("exec")) add_rest(app, "command");
    const auto asked = parse(app, words);
    return asked ? std::string("fits") : asked.error().message();
  };
  CHECK(count("start", {}) == "caisson: \"start\" requires exactly 1 argument(s)");
  CHECK(count("start", {"a"}) == "fits");
  CHECK(count("start", {"a", "b"}) == "caisson: \"start\" requires exactly 1 argument(s)");
  CHECK(count("kill", {}) == "caisson: \"kill\" requires a minimum of 1 argument(s)");
  CHECK(count("kill", {"a", "b"}) == "fits");
  CHECK(count("kill", {"a", "b", "c"}) == "caisson: \"kill\" requires a maximum of 2 argument(s)");
  CHECK(count("exec", {}) == "caisson: \"exec\" requires a minimum of 1 argument(s)");
  CHECK(count("exec", {"a"}) == "fits");
  CHECK(count("exec", {"a", "b", "c"}) == "fits");
  CHECK(count("list", {}) == "fits");
  CHECK(count("list", {"a"}) == "caisson: \"list\" requires exactly 0 argument(s)");
}

TEST_CASE("help wins over what is missing", "[cli][parser]") {
  Sample sample;
  CHECK(sample.parse({"--help"}) == Asked::help);
  CHECK(sample.parse({"-h", "--bogus"}) == Asked::help);
  CHECK(failure({"--bogus", "-h"}) == "flag provided but not defined: --bogus");
}

TEST_CASE("the help page shows what is to be shown", "[cli][parser]") {
  Sample sample;
  CHECK(usage_text(sample.app) == "Usage: caisson sample [OPTIONS] <container-id> [rest...]");
  const auto page = help_text(sample.app);
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

TEST_CASE("words of a command whose options may stand anywhere", "[cli][parser]") {
  const Row rows[] = {
      {"nothing", {}, {}},
      {"a long option with its value", {"--bundle", "/b"}, {"bundle=/b"}},
      {"and after an equals sign", {"--bundle=/b"}, {"bundle=/b"}},
      {"with one dash", {"-bundle", "/b"}, {"bundle=/b"}},
      {"with one dash and an equals sign", {"-bundle=/b"}, {"bundle=/b"}},
      {"a short option", {"-b", "/b"}, {"bundle=/b"}},
      {"a short one with an equals sign", {"-b=/b"}, {"bundle=/b"}},
      {"a short one with two dashes", {"--b", "/b"}, {"bundle=/b"}},
      {"a switch", {"--detach"}, {"detach=true"}},
      {"a long switch with one dash", {"-detach"}, {"detach=true"}},
      {"a switch that is true", {"--detach=true"}, {"detach=true"}},
      {"a switch that is false", {"--detach=false", "-t=0"}, {"detach=false", "tty=false"}},
      {"all words for true",
       {"-d=1", "-d=t", "-d=T", "-d=TRUE", "-d=True"},
       {"detach=true", "detach=true", "detach=true", "detach=true", "detach=true"}},
      {"all words for false",
       {"-d=f", "-d=F", "-d=FALSE", "-d=False"},
       {"detach=false", "detach=false", "detach=false", "detach=false"}},
      {"a switch never takes the next word", {"--detach", "false"}, {"detach=true", "false"}},
      {"options after arguments", {"c1", "--bundle", "/b", "-d"}, {"bundle=/b", "detach=true", "c1"}},
      {"the same option twice", {"--bundle", "/a", "--bundle", "/b"}, {"bundle=/a", "bundle=/b"}},
      {"the same switch twice", {"-d", "-d", "c1"}, {"detach=true", "detach=true", "c1"}},
      {"a value that looks like an option", {"--bundle", "--detach"}, {"bundle=--detach"}},
      {"a value that is negative", {"c1", "--preserve-fds", "-1"}, {"preserve-fds=-1", "c1"}},
      {"a value that is two dashes", {"--bundle", "--", "c1"}, {"bundle=--", "c1"}},
      {"a value with equals signs", {"--env=A=B=C", "-e", "D=E"}, {"env=A=B=C", "env=D=E"}},
      {"an empty value", {"--bundle="}, {"bundle="}},
      {"an empty word as value", {"--bundle", ""}, {"bundle="}},
      {"two dashes end the options", {"-d", "--", "--bundle", "-x"}, {"detach=true", "--bundle", "-x"}},
      {"two dashes after an argument", {"c1", "--", "-d"}, {"c1", "-d"}},
      {"only the first two dashes count", {"--", "--", "a"}, {"--", "a"}},
      {"a lone dash is an argument", {"-", "c1"}, {"-", "c1"}},
      {"a lone dash as value", {"-b", "-"}, {"bundle=-"}},
      {"an empty word is an argument", {"", "c1"}, {"", "c1"}},
      {"help", {"--help"}, {"help"}},
      {"help in short", {"-h"}, {"help"}},
      {"help with one dash", {"-help"}, {"help"}},
      {"help after arguments", {"c1", "--help"}, {"help"}},
      {"no help", {"--help=false", "c1"}, {"c1"}},
      {"help behind two dashes is an argument", {"--", "--help"}, {"--help"}},
      {"help as a value", {"--bundle", "--help"}, {"bundle=--help"}},
  };
  for (const auto& row : rows) {
    INFO(row.rule);
    CHECK(spelt(row.words) == row.expected);
  }
}

TEST_CASE("words of a command whose options stand first", "[cli][parser]") {
  const Row rows[] = {
      {"options before the id", {"-d", "--bundle", "/b", "c1"}, {"detach=true", "bundle=/b", "c1"}},
      {"all after the id is the inner command's",
       {"-d", "c1", "ls", "-l", "--bundle", "-h"},
       {"detach=true", "c1", "ls", "-l", "--bundle", "-h"}},
      {"also options that are unknown", {"c1", "--bogus", "-x=y"}, {"c1", "--bogus", "-x=y"}},
      {"also two dashes", {"c1", "--", "ls"}, {"c1", "--", "ls"}},
      {"two dashes before the id", {"--", "c1", "-d"}, {"c1", "-d"}},
      {"help before the id", {"--help", "c1"}, {"help"}},
      {"a lone dash ends the options too", {"-", "-d"}, {"-", "-d"}},
  };
  for (const auto& row : rows) {
    INFO(row.rule);
    CHECK(spelt(row.words, true) == row.expected);
  }
}

TEST_CASE("words that make no sense", "[cli][parser]") {
  const Row rows[] = {
      {"a missing value", {"--bundle"}, {"error: flag needs an argument: --bundle"}},
      {"after other words", {"c1", "--bundle"}, {"error: flag needs an argument: --bundle"}},
      {"with one dash", {"-bundle"}, {"error: flag needs an argument: --bundle"}},
      {"of a short name", {"-b"}, {"error: flag needs an argument: -b"}},
      {"an unknown option", {"--bogus"}, {"error: flag provided but not defined: --bogus"}},
      {"an unknown option with a value", {"--bogus=1", "c1"}, {"error: flag provided but not defined: --bogus"}},
      {"an unknown short option", {"-x"}, {"error: flag provided but not defined: -x"}},
      {"an unknown option after an argument", {"c1", "--bogus"}, {"error: flag provided but not defined: --bogus"}},
      {"part of a name", {"--bund", "/b"}, {"error: flag provided but not defined: --bund"}},
      {"two short names in one", {"-dt"}, {"error: flag provided but not defined: --dt"}},
      {"a name with a comma", {"--bundle,b", "x"}, {"error: flag provided but not defined: --bundle,b"}},
      {"three dashes", {"---detach"}, {"error: flag provided but not defined: ---detach"}},
      {"no name", {"--=x"}, {"error: flag provided but not defined: --"}},
      {"a switch that is neither",
       {"--detach=maybe"},
       {"error: invalid value 'maybe' for --detach: neither true nor false"}},
      {"a switch that is empty", {"-d="}, {"error: invalid value '' for -d: neither true nor false"}},
      {"help that is neither", {"--help=x"}, {"error: invalid value 'x' for --help: neither true nor false"}},
  };
  for (const auto& row : rows) {
    INFO(row.rule);
    CHECK(spelt(row.words) == row.expected);
  }
}
