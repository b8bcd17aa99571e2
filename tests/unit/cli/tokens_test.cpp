// SPDX-License-Identifier: Apache-2.0
#include "cli/tokens.hpp"

#include <catch2/catch.hpp>

using namespace caisson;
using namespace caisson::cli;

namespace {

/// A command with one option of each kind.
struct Sample {
  bool detach = false;
  std::optional<bool> tty;
  std::string bundle;
  int preserve_fds = 0;
  std::vector<std::string> env;
  std::string id;
  std::vector<std::string> rest;

  Grammar grammar(bool options_first) {
    return {.command = "sample",
            .options = {{"detach,d", &detach},
                        {"tty,t", &tty},
                        {"bundle,b", &bundle, "DIR"},
                        {"preserve-fds", &preserve_fds, "N"},
                        {"env,e", &env, "K=V"}},
            .arguments = {{"container-id", &id}, {"rest", &rest, false}},
            .options_first = options_first};
  }
};

/// The words as "name=value" for options and as they are for arguments; "help"; or "error: ...".
std::vector<std::string> told_apart(std::vector<const char*> words, bool options_first = false) {
  Sample sample;
  const auto grammar = sample.grammar(options_first);
  const auto tokens = read_tokens(grammar, words);
  if (!tokens) return {"error: " + tokens.error().message()};
  if (tokens->help) return {"help"};
  std::vector<std::string> told;
  for (const auto& given : tokens->options) {
    const auto names = given.option->names;
    told.push_back(std::string(names.substr(0, names.find(','))) + "=" + std::string(given.value));
  }
  for (const auto argument : tokens->arguments) told.emplace_back(argument);
  return told;
}

struct Row {
  const char* rule;
  std::vector<const char*> words;
  std::vector<std::string> expected;
};

}  // namespace

TEST_CASE("words of a command whose options may stand anywhere", "[cli][tokens]") {
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
    CHECK(told_apart(row.words) == row.expected);
  }
}

TEST_CASE("words of a command whose options stand first", "[cli][tokens]") {
  const Row rows[] = {
      {"options before the id", {"-d", "--bundle", "/b", "c1"}, {"detach=true", "bundle=/b", "c1"}},
      {"all after the id is the inner command's",
       {"-d", "c1", "ls", "-l", "--bundle", "-h"},
       {"detach=true", "c1", "ls", "-l", "--bundle", "-h"}},
      {"also what nobody knows", {"c1", "--bogus", "-x=y"}, {"c1", "--bogus", "-x=y"}},
      {"also two dashes", {"c1", "--", "ls"}, {"c1", "--", "ls"}},
      {"two dashes before the id", {"--", "c1", "-d"}, {"c1", "-d"}},
      {"help before the id", {"--help", "c1"}, {"help"}},
      {"a lone dash ends the options too", {"-", "-d"}, {"-", "-d"}},
  };
  for (const auto& row : rows) {
    INFO(row.rule);
    CHECK(told_apart(row.words, true) == row.expected);
  }
}

TEST_CASE("words that make no sense", "[cli][tokens]") {
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
    CHECK(told_apart(row.words) == row.expected);
  }
}
