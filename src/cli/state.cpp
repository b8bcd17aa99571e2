// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.hpp"
#include "cli/output.hpp"

namespace caisson::cli {
namespace {

Run bind(CLI::App& app) {
  auto id = std::make_shared<std::string>();
  add_argument(app, "container-id", *id);
  return [id](const container::Globals& globals) -> Result<int> {
    const auto state = CAISSON_TRY(container::state(globals, *id), "state {}", *id);
    CAISSON_TRY(print(state_json(state)));
    return 0;
  };
}

}  // namespace

extern const Command kState{.name = "state", .summary = "print the state of a container as JSON", .bind = bind};

}  // namespace caisson::cli
