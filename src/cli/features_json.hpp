// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "container/probe.hpp"
#include "plan/facts.hpp"

namespace caisson::cli {

/// The features document, four spaces a level. It says what this build honours; of the host it says only which
/// capabilities and seccomp flags its kernel has. Source: runtime-spec 1.3 features.md and features-linux.md.
std::string features_json(const plan::HostFacts& facts, const container::SeccompSupport& seccomp);

}  // namespace caisson::cli
