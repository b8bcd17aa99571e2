// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "container/watch/status.hpp"

namespace caisson::nsinit {

/// What `stats` prints: the counters of 2014, under their names. Those of the network are the container's view: what
/// the host's end of its veth has sent, it has received. Indented by tabs.
std::string write_stats(const container::Account& account);

}  // namespace caisson::nsinit
