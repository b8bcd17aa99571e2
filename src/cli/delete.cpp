// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.hpp"
#include "cli/selection.hpp"
#include "cli/timeline_option.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string id;
  bool force = false;
  bool regex = false;
  std::string timeline;
};

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_switch(app, "-f,--force", o->force, "kill the container first if it runs; one that is not there is no error");
  add_timeline_option(app, o->timeline);
  add_switch(app, "-r,--regex", o->regex, "the id is a regular expression: remove every container that it matches");
  add_argument(app, "container-id", o->id);
  add_rest(app, "container-id");
  return [o, &app](const container::Globals& globals) -> Result<int> {
    const auto ids = CAISSON_TRY(
        o->regex ? match_ids(globals, o->id) : Result<std::vector<std::string>>(all_ids(o->id, app)), "delete");
    const auto remove = [&]() -> Result<int> {
      CAISSON_TRY(
          for_each_id("delete", ids, [&](const std::string& id) { return container::remove(globals, id, o->force); }));
      return 0;
    };
    return with_timeline(o->timeline, remove);
  };
}

}  // namespace

extern const Command kDelete{
    .name = "delete", .summary = "remove a container that is stopped or was never started", .bind = bind};

}  // namespace caisson::cli
