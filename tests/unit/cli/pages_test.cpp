// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "cli/cli11.hpp"
#include "cli/command_table.hpp"
#include "program.hpp"
#include "support/source_root.hpp"

using namespace caisson;
using Names = std::set<std::string>;

namespace {

const Names kGlobalOptions{"--root",           "--log",      "--log-format", "--debug", "--systemd-cgroup",
                           "--cgroup-manager", "--rootless", "--version",    "--help"};

std::string source(const std::string& name) { return read_text(std::string(kSourceRoot) + "/" + name); }

/// "--bundle" and "-b" of all options that help shows; `hidden` ones only when asked for.
Names options_of(const cli::Command& command, bool hidden = false) {
  CLI::App app;
  const auto run = cli::prepare(app, command);
  Names names;
  for (const auto* option : app.get_options()) {
    if (option == app.get_help_ptr() || (option->get_group().empty() && !hidden)) continue;
    for (const auto& name : option->get_lnames()) names.insert("--" + name);
    for (const auto& name : option->get_snames()) names.insert("-" + name);
  }
  return names;
}

/// The options that a page describes: the items of its lists that begin with a flag.
Names items_of(const std::string& page) {
  Names names;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(".It Fl ")) continue;
    std::istringstream words(line);
    for (std::string word, last; words >> word; last = word)
      if (last == "Fl") names.insert("-" + word);
  }
  return names;
}

/// The words of the completion's line `create) options="..."`.
Names completed(const std::string& script, const std::string& command) {
  const auto at = script.find("\n    " + command + ") options=\"");
  if (at == script.npos) return {};
  const auto begin = script.find('"', at) + 1;
  std::istringstream words(script.substr(begin, script.find('"', begin) - begin));
  Names names;
  for (std::string word; words >> word;) names.insert(word);
  return names;
}

}  // namespace

TEST_CASE("each command has a man page that describes its options, all and no other", "[cli][pages]") {
  for (const auto* command : cli::commands()) {
    INFO(command->name);
    const auto page = source("man/caisson-" + std::string(command->name) + ".8");
    REQUIRE_FALSE(page.empty());
    CHECK(page.find(".Fl h , Fl -help\n") != page.npos);
    const auto described = items_of(page);
    for (const auto& name : options_of(*command)) {
      INFO(name);
      CHECK(described.contains(name));
    }
    const auto known = options_of(*command, true);
    for (const auto& name : described) {
      INFO(name);
      CHECK(known.contains(name));
    }
  }
}

TEST_CASE("the main page names every command", "[cli][pages]") {
  const auto page = source("man/caisson.8");
  for (const auto* command : cli::commands()) {
    INFO(command->name);
    CHECK(page.find(".It Xr caisson-" + std::string(command->name) + " 8\n") != page.npos);
  }
  auto global = kGlobalOptions;
  global.insert({"-v", "-h"});
  CHECK(items_of(page) == global);
}

TEST_CASE("completion knows every option", "[cli][pages]") {
  const auto script = source("completions/caisson.bash");
  REQUIRE_FALSE(script.empty());
  CHECK(completed(script, "global") == kGlobalOptions);
  for (const auto* command : cli::commands()) {
    INFO(command->name);
    auto long_names = options_of(*command);
    std::erase_if(long_names, [](const std::string& name) { return !name.starts_with("--"); });
    long_names.insert("--help");
    CHECK(completed(script, std::string(command->name)) == long_names);
  }
}
