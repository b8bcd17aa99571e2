// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.hpp"
#include "cli/signals.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string id;
  std::string signal = "SIGTERM";
  bool all = false;
};

Run bind(Grammar& grammar) {
  auto o = std::make_shared<Options>();
  grammar.options = {{"all,a", &o->all, "", "a container that is not running is no error"}};
  grammar.arguments = {{"container-id", &o->id}, {"signal", &o->signal, false}};
  return [o](const container::Globals& globals) -> Result<int> {
    const int signal = CAISSON_TRY(read_signal(o->signal), "kill {}", o->id);
    CAISSON_TRY(container::kill(globals, o->id, signal, o->all), "kill {}", o->id);
    return 0;
  };
}

}  // namespace

extern const Command kKill{
    .name = "kill",
    .summary = "send a signal to a container's process",
    .bind = bind,
    .details = "The signal is a number or a name, in any case, with or without SIG; SIGTERM by default.",
};

}  // namespace caisson::cli
