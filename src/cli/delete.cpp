// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.hpp"
#include "cli/timeline_option.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string id;
  bool force = false;
  std::string timeline;
};

Run bind(Grammar& grammar) {
  auto o = std::make_shared<Options>();
  grammar.options = {
      {"force,f", &o->force, "", "kill the container first if it runs; one that is not there is no error"}};
  add_timeline_option(grammar, o->timeline);
  grammar.arguments = {{"container-id", &o->id}};
  return [o](const container::Globals& globals) -> Result<int> {
    const auto remove = [&]() -> Result<int> {
      CAISSON_TRY(container::remove(globals, o->id, o->force));
      return 0;
    };
    return CAISSON_TRY(with_timeline(o->timeline, remove), "delete {}", o->id);
  };
}

}  // namespace

extern const Command kDelete{
    .name = "delete", .summary = "remove a container that is stopped or was never started", .bind = bind};

}  // namespace caisson::cli
