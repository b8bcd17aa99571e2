// SPDX-License-Identifier: Apache-2.0
#include "cli/app.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>

#include "base/log.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/parser.hpp"
#include "cli/root.hpp"
#include "cli/suggestion.hpp"
#include "cli/version.hpp"

namespace caisson::cli {
namespace {

constexpr auto kCommands = std::to_array<const Command*>({
    &kCheckpoint,
    &kCreate,
    &kDelete,
    &kEvents,
    &kExec,
    &kFeatures,
    &kKill,
    &kList,
    &kPause,
    &kPs,
    &kRestore,
    &kResume,
    &kRun,
    &kSpec,
    &kStart,
    &kState,
    &kStats,
    &kUpdate,
});

constexpr std::string_view kSummary = "caisson - runs containers from OCI bundles";

/// Set once, by run().
Neighbour known_neighbour;

/// What stands before the command.
struct GlobalOptions {
  bool debug = false;
  bool version = false;
  bool systemd_cgroup = false;
  std::string log;
  std::string log_format = "text";
  std::string root;
  std::string cgroup_manager = "cgroupfs";
  std::string rootless = "auto";
  container::InitEntry init = nullptr;
  std::vector<std::string> words;  ///< the command and all after it
};

Grammar global_grammar(GlobalOptions& o) {
  return {
      .command = "",
      .options =
          {
              {"root", &o.root, "DIR", "where containers are recorded (default: /run/caisson)"},
              {"log", &o.log, "FILE", "append the log to FILE (default: standard error)"},
              {"log-format", &o.log_format, "text|json", "how log records look (default: text)"},
              {"debug", &o.debug, "", "log more"},
              {"systemd-cgroup", &o.systemd_cgroup, "", "make cgroups through systemd"},
              {"cgroup-manager", Choice{&o.cgroup_manager, "cgroupfs|systemd|disabled"}, "cgroupfs|systemd|disabled",
               "who makes cgroups (default: cgroupfs)"},
              {"rootless", Choice{&o.rootless, "auto|true|false"}, "auto|true|false",
               "whether cgroups that cannot be made are ignored (default: auto)"},
              {"version,v", &o.version, "", "print the version"},
          },
      .arguments = {{"command", &o.words, false}},
      .options_first = true,
  };
}

const Command* find_command(std::string_view name) {
  const auto found = std::ranges::find(kCommands, name, [](const Command* command) { return command->name; });
  return found == kCommands.end() ? nullptr : *found;
}

std::unexpected<Error> unknown_command(std::string_view name) {
  std::array<std::string_view, kCommands.size()> names;
  std::ranges::transform(kCommands, names.begin(), [](const Command* command) { return command->name; });
  const auto meant = closest(name, names);
  if (meant.empty()) return fail(ErrorKind::config, "unknown command '{}': caisson help lists them all", name);
  return fail(ErrorKind::config, "unknown command '{}': did you mean '{}'?", name, meant);
}

std::string global_help(const Grammar& grammar) {
  std::string list = "Commands:\n";
  for (const auto* command : kCommands) list += fmt::format("  {:12}{}\n", command->name, command->summary);
  if (neighbour().nsinit != nullptr)
    list += fmt::format("  {:12}{}\n", "nsinit", "run the container of this directory's container.json, as in 2014");
  list += fmt::format("  {:12}{}\n", "help", "print this text, or the help of a command");
  return help_text(grammar, kSummary, list + "\ncaisson(8) says more.");
}

std::string command_help(const Command& command, const Grammar& grammar) {
  return help_text(grammar, fmt::format("caisson {} - {}", command.name, command.summary), command.details);
}

Result<container::Globals> make_globals(const GlobalOptions& o, bool makes_containers) {
  container::Globals globals;
  if (o.root.empty()) {
    auto root = find_default_root();
    if (root.of_user && makes_containers) CAISSON_TRY(make_user_root(root.path), "XDG_RUNTIME_DIR");
    globals.root = std::move(root.path);
  } else {
    globals.root = CAISSON_TRY(absolute_root(o.root));
  }
  globals.root_is_default = o.root.empty();
  globals.init = o.init;
  if (o.cgroup_manager == "disabled")
    return fail(ErrorKind::config, "--cgroup-manager=disabled is not supported: a container always has a cgroup");
  globals.systemd_cgroup = o.systemd_cgroup || o.cgroup_manager == "systemd";
  using Rootless = container::Globals::Rootless;
  globals.rootless = o.rootless == "true" ? Rootless::yes : o.rootless == "false" ? Rootless::no : Rootless::automatic;
  return globals;
}

/// The one place where a failure becomes visible: for people and engines on standard error, for engines in the log.
int report(const Error& error, int code) {
  const std::string message = error.message();
  const bool shown_by_log = !log::is_file() && log::format() == log::Format::json;
  if (log::is_file() || shown_by_log) log::write(log::Level::error, message);
  if (!shown_by_log) print_error("error: " + message);
  return code;
}

/// Words that make no sense: the help of what they were meant for, on standard output, then the failure.
int report_usage(const Error& error, const std::string& help) {
  [[maybe_unused]] const auto printed = print("Incorrect Usage.\n\n" + help);
  return report(error, 1);
}

int show(const std::string& text) {
  if (auto printed = print(text); !printed) return report(printed.error(), 1);
  return 0;
}

int run_help(const Grammar& global, std::span<const char* const> words) {
  if (words.empty()) return show(global_help(global));
  const auto* command = find_command(words.front());
  if (!command) return report(unknown_command(words.front()).error(), 1);
  Grammar grammar{.command = command->name};
  const Run described = command->bind(grammar);
  return show(command_help(*command, grammar));
}

/// What is about to be done, for the log.
std::string told(const Command& command, const container::Globals& globals, std::span<const char* const> words) {
  std::string text = fmt::format("caisson {}, root '{}': {}", kVersion, globals.root, command.name);
  for (const char* word : words) text.append(" '").append(word).append("'");
  return text;
}

/// A user who has no runtime root of his own meets the host's, and is to know why.
Error explained(Error&& error, const container::Globals& globals) {
  const bool users = globals.root_is_default && ::geteuid() != 0 && !find_default_root().of_user;
  if (!users || error.sys_errno() != EACCES || ::access(globals.root.c_str(), R_OK | W_OK | X_OK) == 0)
    return std::move(error);
  return std::move(error).with("neither --root nor XDG_RUNTIME_DIR names a directory for a user's containers");
}

int run_command(const Command& command, const GlobalOptions& options, std::span<const char* const> words) {
  Grammar grammar{.command = command.name};
  Run action = command.bind(grammar);
  const auto asked = parse(grammar, words);
  if (!asked) return report_usage(asked.error(), command_help(command, grammar));
  if (*asked == Asked::help) return show(command_help(command, grammar));
  const auto globals = make_globals(options, command.makes_containers);
  if (!globals) return report(globals.error(), 1);
  if (log::level() == log::Level::debug) log::debug("{}", told(command, *globals, words));
  auto code = action(*globals);
  return code ? *code : report(explained(std::move(code).error(), *globals), command.failure);
}

int run_neighbour(const GlobalOptions& options, std::span<const char* const> words) {
  const auto globals = make_globals(options, true);
  if (!globals) return report(globals.error(), 1);
  const auto code = neighbour().nsinit(*globals, words);
  return code ? *code : report(code.error(), 1);
}

/// A closed standard descriptor would be given to the next file that is opened, and written to by mistake.
void keep_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0) return;
}

int run_words(std::span<const char* const> words, container::InitEntry init) {
  GlobalOptions options;
  options.init = init;
  const Grammar global = global_grammar(options);
  const auto asked = parse(global, words);
  if (!asked) return report_usage(asked.error(), global_help(global));
  if (*asked == Asked::help) return show(global_help(global));
  if (options.version) return show(version_text());
  if (options.words.empty()) return show(global_help(global));

  if (options.log_format != "text" && options.log_format != "json")
    return report(Error(ErrorKind::config, "invalid log-format: " + options.log_format), 1);
  const auto format = options.log_format == "json" ? log::Format::json : log::Format::text;
  const auto least = options.debug ? log::Level::debug : log::Level::warning;
  if (auto opened = log::open(options.log, format, least); !opened) return report(opened.error(), 1);

  const auto rest = words.last(options.words.size() - 1);
  if (options.words.front() == "help") return run_help(global, rest);
  if (options.words.front() == "nsinit" && neighbour().nsinit != nullptr) return run_neighbour(options, rest);
  const auto* command = find_command(options.words.front());
  if (!command) return report(unknown_command(options.words.front()).error(), 1);
  return run_command(*command, options, rest);
}

}  // namespace

std::span<const Command* const> commands() { return kCommands; }

const Neighbour& neighbour() { return known_neighbour; }

int run(int argc, char** argv, container::InitEntry init, const Neighbour& neighbour) {
  known_neighbour = neighbour;
  keep_standard_descriptors();
  // CLI11 throws, though never on what reaches it; nothing else here does.
  try {
    return run_words({argv + std::min(argc, 1), static_cast<std::size_t>(std::max(argc - 1, 0))}, init);
  } catch (const std::exception& failure) {
    return report(Error(ErrorKind::system, failure.what()), 1);
  }
}

}  // namespace caisson::cli
