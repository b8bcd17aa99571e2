// SPDX-License-Identifier: Apache-2.0
#include "init/init.hpp"

#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "base/log.hpp"
#include "base/timeline.hpp"
#include "init/context.hpp"
#include "process/apply_identity.hpp"
#include "sys/process.hpp"
#include "wire/in_memory_init.hpp"

namespace caisson::init {

namespace {

Status run_steps(std::span<const InitStep> steps, InitContext& context) {
  for (const auto& step : steps) {
    const timeline::Span span(step.label);
    CAISSON_TRY(step.run(context), "{}", step.name);
  }
  return {};
}

void send_record(void* context, log::Level level, std::string_view text) {
  static_cast<InitContext*>(context)->channel.send_log({static_cast<int>(level), std::string("init: ").append(text)});
}

/// -1 for what is no number.
int read_number(const char* text) {
  int number = -1;
  const auto [end, bad] = std::from_chars(text, text + std::strlen(text), number);
  return bad == std::errc() && *end == '\0' ? number : -1;
}

Status run_to_execve(InitContext& context, Status (*enter)(InitContext&)) {
  CAISSON_TRY(enter(context));
  if (!context.begin.function.empty()) return run_steps(function_steps(), context);
  return run_steps(context.begin.kind == wire::Kind::create ? create_steps() : exec_steps(), context);
}

[[noreturn]] void run_init(InitContext& context, Status (*enter)(InitContext&)) {
  Status status = run_to_execve(context, enter);
  // Reached after a failure alone: success ends in execve. What fails for want of room once the config's limits hold is
  // theirs to answer for; before, and in the runtime, it is the host's or the caller's.
  if (!status) {
    Error error = std::move(status.error());
    if (context.limits_are_set) error = process::name_tight_limit(std::move(error), context.identity);
    (void)context.channel.send_plainly(wire::Failed{std::move(error)});
  }
  ::_exit(1);
}

}  // namespace

void InitContext::send_log() {
  log::send_to(send_record, this, begin.debug ? log::Level::debug : log::Level::warning);
  if (begin.debug) timeline::log_steps();
}

bool is_init(int argc, char** argv) { return argc == 4 && std::strcmp(argv[1], "init") == 0; }

void main(char** argv) noexcept {
  const int channel = read_number(argv[2]);
  const int config = read_number(argv[3]);
  if (channel < 3 || config < 3) {
    constexpr char kText[] = "caisson: init is internal: it is started by the runtime alone\n";
    (void)!::write(STDERR_FILENO, kText, sizeof kText - 1);
    ::_exit(1);
  }
  // Init ends with its creator until that has recorded it.
  (void)sys::set_parent_death_signal(SIGKILL);
  InitContext context{wire::Channel(FileDescriptor(channel)), FileDescriptor(config)};
  run_init(context, enter_stage);
}

void run_in_memory(wire::InMemoryInit&& given) noexcept {
  timeline::become_init();
  (void)sys::set_parent_death_signal(SIGKILL);
  InitContext context{std::move(given.channel), FileDescriptor(given.config)};
  context.needs_no_stage = true;
  context.begin = std::move(given.begin);
  context.spec = std::move(given.spec);
  context.take(std::move(given.plan));
  std::vector<FileDescriptor> descriptors;
  for (const auto& fd : given.descriptors) descriptors.emplace_back(fd.get());
  context.take(std::move(descriptors));
  context.send_log();
  run_init(context, enter_namespaces);
}

}  // namespace caisson::init
