// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.hpp"
#include "plan/network.hpp"

namespace caisson::network {

/// The devices that make_veths() made on the host.
struct MadeNetwork {
  std::vector<std::string> veths;    ///< the host's ends, in the plan's order
  std::vector<std::string> bridges;  ///< bridges that did not exist before
};

/// Makes the plan's pairs with their addresses and gateways, and the plan's routes. The container's ends are made
/// directly in the network namespace of process `pid`. `made` lists what exists on the host, also on failure. Errors
/// point to the origin in the config.
Status make_veths(const plan::NetworkPlan& plan, pid_t pid, MadeNetwork& made);

/// Removes links of the caller's network namespace. A missing link is no error: it was removed with its peer.
Status remove_links(const std::vector<std::string>& names);

/// Removes those bridges that have no ports.
void remove_unused_bridges(const std::vector<std::string>& names);

}  // namespace caisson::network
