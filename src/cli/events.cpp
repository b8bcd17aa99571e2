// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string id;
  std::string interval = "5s";
  bool stats = false;
};

Run bind(Grammar& grammar) {
  auto o = std::make_shared<Options>();
  grammar.options = {
      {"interval", &o->interval, "DURATION", "time between two statistics (default: 5s)"},
      {"stats", &o->stats, "", "print the statistics once"},
  };
  grammar.arguments = {{"container-id", &o->id}};
  return not_yet("events", o);
}

}  // namespace

extern const Command kEvents{
    .name = "events", .summary = "print statistics and out-of-memory notices (not yet supported)", .bind = bind};

}  // namespace caisson::cli
