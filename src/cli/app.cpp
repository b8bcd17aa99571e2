// SPDX-License-Identifier: Apache-2.0
#include "cli/app.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>

#include "base/log.hpp"
#include "base/timeline.hpp"
#include "cli/cli11.hpp"
#include "cli/command_table.hpp"
#include "cli/output.hpp"
#include "cli/parser.hpp"
#include "cli/root.hpp"
#include "cli/version.hpp"
#include "json/read.hpp"

namespace caisson::cli {
namespace {

constexpr std::string_view kSummary = "caisson - runs containers from OCI bundles";

/// What run() was given.
NsinitFrontEnd given_nsinit;

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
};

void bind_global_options(CLI::App& app, GlobalOptions& o) {
  set_up(app);
  app.description(std::string(kSummary));
  add_option(app, "--root", o.root, "DIR", "where containers are recorded (default: /run/caisson)");
  add_option(app, "--log", o.log, "FILE", "append the log to FILE (default: standard error)");
  add_option(app, "--log-format", o.log_format, "text|json", "how log records look (default: text)");
  add_switch(app, "--debug", o.debug, "log each step and what decided it");
  add_switch(app, "--systemd-cgroup", o.systemd_cgroup, "make cgroups through systemd");
  add_choice(app, "--cgroup-manager", o.cgroup_manager, "cgroupfs|systemd|disabled",
             "who makes cgroups (default: cgroupfs)");
  add_choice(app, "--rootless", o.rootless, "auto|true|false",
             "whether cgroups that cannot be made are ignored (default: auto)");
  add_switch(app, "-v,--version", o.version, "print the version");
  end_options_at_first_argument(app);
  add_rest(app, "command");
}

std::string global_help(CLI::App& app) {
  std::string list = "Commands:\n";
  for (const auto* command : commands()) list += fmt::format("  {:12}{}\n", command->name, command->summary);
  if (given_nsinit.run != nullptr)
    list += fmt::format("  {:12}{}\n", "nsinit", "run the container of this directory's container.json, as in 2014");
  list += fmt::format("  {:12}{}\n", "help", "print this text, or the help of a command");
  app.footer(list + "\ncaisson(8) says more.");
  return help_text(app);
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
  globals.cgroups_disabled = o.cgroup_manager == "disabled";
  if (globals.cgroups_disabled && o.systemd_cgroup)
    return fail(ErrorKind::config, "--systemd-cgroup and --cgroup-manager=disabled exclude each other");
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

/// A usage mistake: the help page on standard output, then the failure.
int report_usage(const Error& error, const std::string& help) {
  [[maybe_unused]] const auto printed = print("Incorrect Usage.\n\n" + help);
  return report(error, 1);
}

int show(const std::string& text) {
  if (auto printed = print(text); !printed) return report(printed.error(), 1);
  return 0;
}

int run_help(CLI::App& global, std::span<const char* const> words) {
  if (words.empty()) return show(global_help(global));
  const auto command = find_command(words.front());
  if (!command) return report(command.error(), 1);
  CLI::App app;
  const Run bound = prepare(app, **command);
  return show(help_text(app));
}

/// The record of what is about to be done.
std::string log_line(const Command& command, const container::Globals& globals, std::span<const char* const> words) {
  std::string text = fmt::format("caisson {}, root '{}': {}", kVersion, globals.root, command.name);
  for (const char* word : words) text.append(" '").append(word).append("'");
  return text;
}

/// Without XDG_RUNTIME_DIR a user gets the host's runtime root, which is closed to him: the error says so.
Error explained(Error&& error, const container::Globals& globals) {
  const bool users = globals.root_is_default && ::geteuid() != 0 && !find_default_root().of_user;
  if (!users || error.sys_errno() != EACCES || ::access(globals.root.c_str(), R_OK | W_OK | X_OK) == 0)
    return std::move(error);
  return std::move(error).with("neither --root nor XDG_RUNTIME_DIR names a directory for a user's containers");
}

int run_command(const Command& command, const GlobalOptions& options, std::span<const char* const> words) {
  CLI::App app;
  Run action = prepare(app, command);
  const auto asked = parse(app, words);
  if (!asked) return report_usage(asked.error(), help_text(app));
  if (*asked == Asked::help) return show(help_text(app));
  const auto globals = make_globals(options, command.makes_containers);
  if (!globals) return report(globals.error(), 1);
  if (log::level() == log::Level::debug) log::debug("{}", log_line(command, *globals, words));
  auto code = action(*globals);
  return code ? *code : report(explained(std::move(code).error(), *globals), command.failure);
}

int run_nsinit(const GlobalOptions& options, std::span<const char* const> words) {
  const auto globals = make_globals(options, true);
  if (!globals) return report(globals.error(), 1);
  const auto code = given_nsinit.run(*globals, words);
  return code ? *code : report(code.error(), 1);
}

/// --debug: the steps themselves, and the keys of a config that mean nothing.
void tell_all() {
  timeline::log_steps();
  json::on_ignored_key([](const std::string& pointer, std::string_view nearest) {
    if (nearest.empty())
      log::debug("config: key '{}' is not known and is ignored", pointer);
    else
      log::debug("config: key '{}' is not known and is ignored: did you mean '{}'?", pointer, nearest);
  });
}

/// A closed standard descriptor would be given to the next file that is opened, and written to by mistake.
void keep_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0) return;
}

int run_words(std::span<const char* const> words, container::InitEntry init) {
  GlobalOptions options;
  options.init = init;
  CLI::App global;
  bind_global_options(global, options);
  const auto asked = parse(global, words);
  if (!asked) return report_usage(asked.error(), global_help(global));
  if (*asked == Asked::help) return show(global_help(global));
  if (options.version) return show(version_text());
  const auto command_words = words.last(rest(global).size());
  if (command_words.empty()) return show(global_help(global));

  if (options.log_format != "text" && options.log_format != "json")
    return report(Error(ErrorKind::config, "invalid log-format: " + options.log_format), 1);
  const auto format = options.log_format == "json" ? log::Format::json : log::Format::text;
  const auto least = options.debug ? log::Level::debug : log::Level::warning;
  if (auto opened = log::open(options.log, format, least); !opened) return report(opened.error(), 1);
  if (options.debug) tell_all();

  const std::string_view name = command_words.front();
  const auto its_words = command_words.subspan(1);
  if (name == "help") return run_help(global, its_words);
  if (name == "nsinit" && given_nsinit.run != nullptr) return run_nsinit(options, its_words);
  const auto command = find_command(name);
  if (!command) return report(command.error(), 1);
  return run_command(**command, options, its_words);
}

}  // namespace

Result<Asked> parse(CLI::App& app, std::span<const char* const> words) {
  auto ours = CAISSON_TRY(from_go_spelling(app, words));
  if (ours.asked == Asked::help) return Asked::help;
  try {
    app.parse(std::move(ours.words));
  } catch (const CLI::ParseError& failure) {
    return fail(ErrorKind::config, "invalid value for {}", failure.what());
  }
  return Asked::action;
}

const NsinitFrontEnd& nsinit_front_end() { return given_nsinit; }

int run(int argc, char** argv, container::InitEntry init, const NsinitFrontEnd& nsinit) {
  given_nsinit = nsinit;
  keep_standard_descriptors();
  // parse() catches what CLI11 throws for a wrong value; this is for what it throws for a wrong declaration of ours.
  try {
    return run_words({argv + std::min(argc, 1), static_cast<std::size_t>(std::max(argc - 1, 0))}, init);
  } catch (const std::exception& failure) {
    return report(Error(ErrorKind::system, failure.what()), 1);
  }
}

}  // namespace caisson::cli
