// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/spec.hpp"
#include "container/watch/live_view.hpp"
#include "container/watch/verify.hpp"
#include "plan/plan.hpp"

namespace caisson::container {

/// Where a running container is not what its config asks for. Pure. What a program may change by itself (its user, its
/// limits, the mode of a device node) is a difference, too: who looks decides what it means.
std::vector<Difference> compare(const config::Spec& spec, const plan::Plan& plan, const LiveView& view);

}  // namespace caisson::container
