// SPDX-License-Identifier: Apache-2.0
#include "init/init.hpp"

#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "base/timeline.hpp"
#include "init/context.hpp"
#include "sys/process.hpp"
#include "wire/inheritance.hpp"

namespace caisson::init {

namespace {

Status run_steps(std::span<const InitStep> steps, InitContext& context) {
  for (const auto& step : steps) {
    const timeline::Span span(step.label);
    CAISSON_TRY(step.run(context), "{}", step.name);
  }
  return {};
}

/// -1 for what is no number.
int read_number(const char* text) {
  int number = -1;
  const auto [end, bad] = std::from_chars(text, text + std::strlen(text), number);
  return bad == std::errc() && *end == '\0' ? number : -1;
}

Status live(InitContext& context, Status (*enter)(InitContext&)) {
  CAISSON_TRY(enter(context));
  if (!context.begin.function.empty()) return run_steps(function_steps(), context);
  return run_steps(context.begin.kind == wire::Kind::create ? create_steps() : exec_steps(), context);
}

[[noreturn]] void live_and_end(InitContext& context, Status (*enter)(InitContext&)) {
  const Status status = live(context, enter);
  // Only failure comes here: success ended in execve.
  if (!status) (void)context.channel.send_plainly(wire::Failed{status.error()});
  ::_exit(1);
}

}  // namespace

bool is_init(int argc, char** argv) { return argc == 4 && std::strcmp(argv[1], "init") == 0; }

void main(char** argv) noexcept {
  const int channel = read_number(argv[2]);
  const int config = read_number(argv[3]);
  if (channel < 3 || config < 3) {
    constexpr char kText[] = "caisson: init is internal: it is started by the runtime alone\n";
    (void)!::write(STDERR_FILENO, kText, sizeof kText - 1);
    ::_exit(1);
  }
  // Nobody in the container may read us or our descriptors while we still hold something of the host
  // (CVE-2016-9962); and we end with the one who made us until he has recorded us.
  (void)sys::set_parent_death_signal(SIGKILL);
  InitContext context{wire::Channel(FileDescriptor(channel)), FileDescriptor(config)};
  live_and_end(context, enter_stage);
}

void go_on(wire::Inheritance&& inheritance) noexcept {
  timeline::become_init();
  (void)sys::set_parent_death_signal(SIGKILL);
  InitContext context{std::move(inheritance.channel), std::move(inheritance.config)};
  context.needs_no_stage = true;
  context.begin = std::move(inheritance.begin);
  context.spec = std::move(inheritance.spec);
  context.take(std::move(inheritance.plan));
  context.take(std::move(inheritance.descriptors));
  live_and_end(context, enter_namespaces);
}

}  // namespace caisson::init
