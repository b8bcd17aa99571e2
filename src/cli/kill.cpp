// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <vector>

#include "cli/command.hpp"
#include "cli/selection.hpp"
#include "cli/signals.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string id;
  bool all = false;
  bool regex = false;
};

/// The last of several words is the signal: kill(1)'s other order would make an id out of it.
std::string take_signal(std::vector<std::string>& words) {
  if (words.empty()) return "SIGTERM";
  std::string signal = std::move(words.back());
  words.pop_back();
  return signal;
}

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_switch(app, "-a,--all", o->all, "a container that is not running is no error");
  add_switch(app, "-r,--regex", o->regex, "the id is a regular expression: signal every container that it matches");
  add_argument(app, "container-id", o->id);
  add_rest(app, "signal");
  return [o, &app](const container::Globals& globals) -> Result<int> {
    auto more = rest(app);
    const int signal = CAISSON_TRY(read_signal(take_signal(more)), "kill {}", o->id);
    if (o->regex && !more.empty()) return fail(ErrorKind::config, "kill: --regex takes one pattern and a signal");
    more.insert(more.begin(), o->id);
    const auto ids = o->regex ? CAISSON_TRY(match_ids(globals, o->id), "kill") : std::move(more);
    CAISSON_TRY(
        for_each_id("kill", ids, [&](const std::string& id) { return container::kill(globals, id, signal, o->all); }));
    return 0;
  };
}

}  // namespace

extern const Command kKill{
    .name = "kill",
    .summary = "send a signal to a container's process",
    .bind = bind,
    .details =
        "The signal is a number or a name, in any case, with or without SIG; SIGTERM by default.\n"
        "With several ids it must be given: the last word is the signal.",
};

}  // namespace caisson::cli
