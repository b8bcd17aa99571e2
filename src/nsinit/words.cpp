// SPDX-License-Identifier: Apache-2.0
#include "nsinit/words.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace caisson::nsinit {

namespace {

struct Named {
  std::string_view name;
  Words::Command command;
  std::string_view usage;
};
constexpr auto kCommands = std::to_array<Named>({
    {"exec", Words::Command::exec, "execute a new command inside a container"},
    {"init", Words::Command::init, "internal"},
    {"stats", Words::Command::stats, "display statistics for the container"},
    {"config", Words::Command::config, "display the container configuration"},
    {"pause", Words::Command::pause, "pause the container's processes"},
    {"unpause", Words::Command::unpause, "unpause the container's processes"},
});

struct Function {
  std::string_view name;
  std::string_view usage;
};
constexpr auto kFunctions = std::to_array<Function>({
    {"exec", "execute a process inside an existing container"},
    {"mknod", "mknod a device inside an existing container"},
    {"ip", "display the container's network interfaces"},
});

/// "--func", "-func".
std::string_view option_name(std::string_view word) {
  word.remove_prefix(word.starts_with("--") ? 2 : 1);
  return word.substr(0, word.find('='));
}

Result<Words> read_exec(std::span<const char* const> words) {
  Words asked{.command = Words::Command::exec, .function = "exec", .args = {}};
  bool list = false;
  std::size_t i = 0;
  for (; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--") {
      ++i;
      break;
    }
    if (word.size() < 2 || word[0] != '-') break;
    const auto name = option_name(word);
    if (name == "list") {
      list = true;
    } else if (name == "help" || name == "h") {
      return Words{};
    } else if (name == "func") {
      if (word.contains('='))
        asked.function = word.substr(word.find('=') + 1);
      else if (++i < words.size())
        asked.function = words[i];
      else
        return fail(ErrorKind::config, "exec: --func needs a name");
    } else {
      return fail(ErrorKind::config, "exec: unknown option '{}'", word);
    }
  }
  if (list) return Words{.command = Words::Command::list_functions};
  if (std::ranges::find(kFunctions, asked.function, &Function::name) == kFunctions.end())
    return fail(ErrorKind::config, "exec: unknown function '{}': nsinit exec --list shows them", asked.function);
  for (; i < words.size(); ++i) asked.args.emplace_back(words[i]);
  if (asked.function == "exec" && asked.args.empty())
    return fail(ErrorKind::config, "exec: a command to run is needed");
  if (asked.function == "mknod" && asked.args.size() != 4)
    return fail(ErrorKind::config, "expected mknod to have 4 arguments not {}", asked.args.size());
  return asked;
}

}  // namespace

Result<Words> read_words(std::span<const char* const> words) {
  if (words.empty()) return Words{};
  const std::string_view first = words.front();
  if (first == "--version" || first == "-version" || first == "-v") return Words{.command = Words::Command::version};
  if (first == "--help" || first == "-help" || first == "-h" || first == "help") return Words{};
  if (first == "exec") return read_exec(words.subspan(1));
  const auto* known = std::ranges::find(kCommands, first, &Named::name);
  if (known == kCommands.end()) return fail(ErrorKind::config, "unknown command '{}': nsinit help lists them", first);
  if (words.size() > 1) return fail(ErrorKind::config, "{}: unexpected argument '{}'", first, words[1]);
  return Words{.command = known->command};
}

std::string help_text() {
  std::string text =
      "nsinit - runs the container of the container.json in this directory\n\n"
      "Usage: nsinit COMMAND [ARGUMENT...]\n\nCommands:\n";
  for (const auto& each : kCommands)
    if (each.command != Words::Command::init) text += fmt::format("  {:10}{}\n", each.name, each.usage);
  text +=
      "\nOptions of exec, before the command that is run:\n"
      "  --func NAME   in a container that runs: what to do (default: exec)\n"
      "  --list        list what --func knows\n\n"
      "Environment: data_path is the directory of container.json and state.json, log is a file to append the log to.\n"
      "nsinit(8) says more.\n";
  return text;
}

std::string function_table() {
  std::string text = fmt::format("{:8}{}\n", "NAME", "USAGE");
  for (const auto& each : kFunctions) text += fmt::format("{:8}{}\n", each.name, each.usage);
  return text;
}

}  // namespace caisson::nsinit
