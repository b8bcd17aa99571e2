// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string id;
  std::string interval = "5s";
  bool stats = false;
};

Status print_line(const std::string& line) { return print(line + "\n"); }

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_option(app, "--interval", o->interval, "DURATION", "time between two statistics (default: 5s)");
  add_switch(app, "--stats", o->stats, "print the statistics once");
  add_argument(app, "container-id", o->id);
  return [o](const container::Globals& globals) -> Result<int> {
    const auto interval = text::parse_duration(o->interval);
    if (!interval)
      return fail(ErrorKind::config, "invalid value '{}' for --interval: no duration such as 500ms, 5s or 1m",
                  o->interval);
    if (*interval <= 0) return fail(ErrorKind::config, "duration interval must be greater than 0");
    CAISSON_TRY(o->stats ? container::print_stats(globals, o->id, print_line)
                         : container::follow_events(globals, o->id, *interval, print_line),
                "events {}", o->id);
    return 0;
  };
}

}  // namespace

extern const Command kEvents{
    .name = "events",
    .summary = "print statistics and out-of-memory notices",
    .bind = bind,
    .details = "Prints one JSON object a line until the container has ended.",
};

}  // namespace caisson::cli
