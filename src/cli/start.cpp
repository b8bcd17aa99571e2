// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.hpp"

namespace caisson::cli {
namespace {

Run bind(CLI::App& app) {
  auto id = std::make_shared<std::string>();
  add_argument(app, "container-id", *id);
  return [id](const container::Globals& globals) -> Result<int> {
    CAISSON_TRY(container::start(globals, *id), "start {}", *id);
    return 0;
  };
}

}  // namespace

extern const Command kStart{.name = "start", .summary = "run the process of a created container", .bind = bind};

}  // namespace caisson::cli
