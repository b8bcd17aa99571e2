// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "plan/seccomp_plan.hpp"
#include "process/load_filter.hpp"

/// What --debug says beside the steps themselves: the values that decided them.
namespace caisson::container {

/// Logs a text of plan::describe(), a record for each line. Callers ask log::level() first: the text costs something.
void log_plan(std::string_view description);

/// Logs the size of the filter, and the names in the profile that no system call has. Such a name in a rule that is to
/// deny what the default action allows is a warning: the rule protects nothing.
void log_filter(const process::CompiledFilter& filter, const plan::SeccompPlan& plan);

}  // namespace caisson::container
