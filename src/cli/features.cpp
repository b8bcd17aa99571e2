// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/features_json.hpp"
#include "cli/output.hpp"
#include "container/probe.hpp"

namespace caisson::cli {
namespace {

Run bind(CLI::App&) {
  return [](const container::Globals& globals) -> Result<int> {
    const auto facts = CAISSON_TRY(container::probe(globals), "features");
    CAISSON_TRY(print(features_json(facts, container::probe_seccomp())));
    return 0;
  };
}

}  // namespace

extern const Command kFeatures{.name = "features", .summary = "print what this runtime can do, as JSON", .bind = bind};

}  // namespace caisson::cli
