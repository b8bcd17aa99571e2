// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.hpp"
#include "cli/output.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string format = "table";
  bool quiet = false;
};

std::string as_table(std::span<const container::ContainerState> states) {
  std::vector<std::vector<std::string>> rows{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const auto& state : states)
    rows.push_back({state.id, std::to_string(state.pid), state.status, state.bundle, state.created, state.owner});
  return table(rows);
}

std::string as_ids(std::span<const container::ContainerState> states) {
  std::string text;
  for (const auto& state : states) text.append(state.id).append("\n");
  return text;
}

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_choice(app, "-f,--format", o->format, "table|json", "how to print it (default: table)");
  add_switch(app, "-q,--quiet", o->quiet, "print ids only");
  return [o](const container::Globals& globals) -> Result<int> {
    std::vector<std::string> warnings;
    const auto states = CAISSON_TRY(container::list(globals, warnings), "list");
    for (const auto& warning : warnings) print_error("warning: " + warning);
    CAISSON_TRY(print(o->quiet ? as_ids(states) : o->format == "json" ? list_json(states) : as_table(states)));
    return 0;
  };
}

}  // namespace

extern const Command kList{.name = "list", .summary = "list the containers of the runtime root", .bind = bind};

}  // namespace caisson::cli
