// SPDX-License-Identifier: Apache-2.0
#include "container/launch/debug_story.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"

namespace caisson::container {
namespace {

bool lets_calls_through(std::uint32_t action) {
  const std::uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
  return kind == SECCOMP_RET_ALLOW || kind == SECCOMP_RET_LOG || kind == SECCOMP_RET_TRACE;
}

bool is_denied_by_a_rule(const std::string& name, const plan::SeccompPlan& plan) {
  return std::ranges::any_of(plan.rules, [&](const plan::SeccompRule& rule) {
    return !lets_calls_through(rule.action) && std::ranges::find(rule.calls, name) != rule.calls.end();
  });
}

}  // namespace

void log_plan(std::string_view description) {
  for (const auto line : text::split(description, '\n'))
    if (!line.empty()) log::debug("plan: {}", line);
}

void log_filter(const process::CompiledFilter& filter, const plan::SeccompPlan& plan) {
  log::debug("seccomp: {} instructions, flags {:#x}{}", filter.program.size() / sizeof(sock_filter), filter.flags,
             plan.notify ? ", with a listener" : "");
  for (const auto& name : filter.unknown) {
    if (lets_calls_through(plan.default_action) && is_denied_by_a_rule(name, plan))
      log::warn("seccomp: no system call is called '{}': the rule that denies it protects nothing", name);
    else
      log::debug("seccomp: no system call is called '{}'", name);
  }
}

}  // namespace caisson::container
