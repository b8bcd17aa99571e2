// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/bundle_options.hpp"
#include "cli/command.hpp"
#include "cli/timeline_option.hpp"

namespace caisson::cli {
namespace {

struct Options {
  container::CreateOptions create;
  container::RunOptions run;
  std::string timeline;
};

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_bundle_options(app, o->create);
  add_switch(app, "-d,--detach", o->run.detach, "return once the process runs");
  add_switch(app, "--keep", o->run.keep, "do not delete the container when its process has ended");
  add_switch(app, "--no-subreaper", o->run.no_subreaper, "do not adopt the container's orphans");
  add_timeline_option(app, o->timeline);
  add_argument(app, "container-id", o->create.id);
  return [o](const container::Globals& globals) -> Result<int> {
    return CAISSON_TRY(with_timeline(o->timeline, [&] { return container::run(globals, o->create, o->run); }), "run {}",
                       o->create.id);
  };
}

}  // namespace

extern const Command kRun{
    .name = "run",
    .summary = "make a container, start it and wait for its end",
    .bind = bind,
    .details =
        "The exit code is the process' own, 128 + N when signal N killed it, 1 when the container could not\n"
        "be run.",
    .makes_containers = true,
};

}  // namespace caisson::cli
