// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.hpp"
#include "cli/output.hpp"

namespace caisson::cli {
namespace {

Run bind(Grammar& grammar) {
  auto id = std::make_shared<std::string>();
  grammar.arguments = {{"container-id", id.get()}};
  return [id](const container::Globals& globals) -> Result<int> {
    const auto state = CAISSON_TRY(container::state(globals, *id), "state {}", *id);
    CAISSON_TRY(print(state_json(state)));
    return 0;
  };
}

}  // namespace

extern const Command kState{.name = "state", .summary = "print the state of a container as JSON", .bind = bind};

}  // namespace caisson::cli
