// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.hpp"
#include "cli/selection.hpp"

namespace caisson::cli {
namespace {

Run bind(CLI::App& app) {
  auto id = std::make_shared<std::string>();
  add_argument(app, "container-id", *id);
  add_rest(app, "container-id");
  return [id, &app](const container::Globals& globals) -> Result<int> {
    CAISSON_TRY(for_each_id("pause", all_ids(*id, app),
                            [&](const std::string& one) { return container::pause(globals, one); }));
    return 0;
  };
}

}  // namespace

extern const Command kPause{.name = "pause", .summary = "freeze all processes of a container", .bind = bind};

}  // namespace caisson::cli
