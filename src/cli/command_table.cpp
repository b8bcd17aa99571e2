// SPDX-License-Identifier: Apache-2.0
#include "cli/command_table.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/suggestion.hpp"
#include "cli/cli11.hpp"
#include "cli/verify.hpp"

namespace caisson::cli {
namespace {

constexpr auto kCommands = std::to_array<const Command*>({
    &kCheckpoint, &kCreate, &kDelete, &kEvents, &kExec,  &kFeatures, &kKill,  &kList,   &kPause,  &kPs,
    &kRestore,    &kResume, &kRun,    &kSpec,   &kStart, &kState,    &kStats, &kUpdate, &kVerify,
});

std::unexpected<Error> unknown_command(std::string_view name) {
  std::array<std::string_view, kCommands.size()> names;
  std::ranges::transform(kCommands, names.begin(), [](const Command* command) { return command->name; });
  const auto meant = text::closest(name, names);
  if (meant.empty()) return fail(ErrorKind::config, "unknown command '{}': caisson help lists them all", name);
  return fail(ErrorKind::config, "unknown command '{}': did you mean '{}'?", name, meant);
}

}  // namespace

std::span<const Command* const> commands() { return kCommands; }

Result<const Command*> find_command(std::string_view name) {
  const auto found = std::ranges::find(kCommands, name, [](const Command* command) { return command->name; });
  if (found == kCommands.end()) return unknown_command(name);
  return *found;
}

void set_up(CLI::App& app) {
  app.set_help_flag("-h,--help", "print this text");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

Run prepare(CLI::App& app, const Command& command) {
  set_up(app);
  app.name(std::string(command.name));
  app.description(fmt::format("caisson {} - {}", command.name, command.summary));
  app.footer(std::string(command.details));
  return command.bind(app);
}

}  // namespace caisson::cli
