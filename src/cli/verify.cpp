// SPDX-License-Identifier: Apache-2.0
#include "cli/verify.hpp"

#include <fmt/core.h>

#include <memory>

#include "cli/output.hpp"
#include "container/watch/verify.hpp"
#include "json/fields.hpp"
#include "json/write.hpp"

namespace caisson {

template <>
inline constexpr auto json::fields<container::Difference> = table(always("pointer", &container::Difference::pointer),
                                                                  always("what", &container::Difference::what),
                                                                  always("wanted", &container::Difference::wanted),
                                                                  always("found", &container::Difference::found));

namespace cli {
namespace {

struct Options {
  std::string id;
  std::string format = "text";
};

std::string as_text(const std::vector<container::Difference>& differences) {
  std::string text;
  for (const auto& each : differences)
    text += fmt::format("{}: '{}' instead of '{}' [config: {}]\n", each.what, each.found, each.wanted,
                        each.pointer.empty() ? "default" : each.pointer);
  return text;
}

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_choice(app, "-f,--format", o->format, "text|json", "how to print it (default: text)");
  add_argument(app, "container-id", o->id);
  return [o](const container::Globals& globals) -> Result<int> {
    const auto differences = CAISSON_TRY(container::verify(globals, o->id), "verify {}", o->id);
    CAISSON_TRY(
        print(o->format == "json" ? json::write(differences, json::Style::compact) + "\n" : as_text(differences)));
    return differences.empty() ? 0 : 1;
  };
}

}  // namespace

extern const Command kVerify{
    .name = "verify",
    .summary = "compare a running container with its config",
    .bind = bind,
    .details =
        "Prints a line for each difference. The exit code is 0 when there is none, 1 when there are some, and 2\n"
        "when the container could not be looked at.",
    .failure = 2,
};

}  // namespace cli
}  // namespace caisson
