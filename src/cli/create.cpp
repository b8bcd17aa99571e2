// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/bundle_options.hpp"
#include "cli/command.hpp"
#include "cli/timeline_option.hpp"

namespace caisson::cli {
namespace {

struct Options {
  container::CreateOptions create;
  std::string timeline;
  bool implied = true;
};

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_bundle_options(app, o->create);
  add_timeline_option(app, o->timeline);
  // What create does in any case; engines and other runtimes' users say it all the same.
  add_switch(app, "-d,--detach", o->implied, "");
  hide(app, "--detach");
  add_switch(app, "--no-subreaper", o->implied, "");
  hide(app, "--no-subreaper");
  add_argument(app, "container-id", o->create.id);
  return [o](const container::Globals& globals) -> Result<int> {
    const auto create = [&]() -> Result<int> {
      CAISSON_TRY(container::create(globals, o->create));
      return 0;
    };
    return CAISSON_TRY(with_timeline(o->timeline, create), "create {}", o->create.id);
  };
}

}  // namespace

extern const Command kCreate{
    .name = "create",
    .summary = "make a container whose process waits for start",
    .bind = bind,
    .details =
        "The process inherits standard input, output and error, unless config.json asks for a terminal:\n"
        "then --console-socket is needed.",
    .makes_containers = true,
};

}  // namespace caisson::cli
