// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.hpp"
#include "plan/network.hpp"

namespace caisson::network {

/// What make_veths() has made on the host.
struct MadeNetwork {
  std::vector<std::string> veths;    ///< the host's ends, in the plan's order
  std::vector<std::string> bridges;  ///< that were not there before
};

/// Makes the plan's pairs, the container's ends straight in the network namespace of process `pid`, gives them their
/// addresses and gateways, and makes the plan's routes there. What is made on the host is told in `made` also when this
/// fails. Errors name the origins.
Status make_veths(const plan::NetworkPlan& plan, pid_t pid, MadeNetwork& made);

/// Removes links of our own network namespace. One that is not there has gone with its other end.
Status remove_links(const std::vector<std::string>& names);

/// Removes bridges again that no device is on.
void remove_unused_bridges(const std::vector<std::string>& names);

}  // namespace caisson::network
