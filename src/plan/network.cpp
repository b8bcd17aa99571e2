// SPDX-License-Identifier: Apache-2.0
#include "plan/network.hpp"

#include <linux/sched.h>

namespace caisson::plan {

Result<std::vector<NetDeviceMove>> make_network(const config::Spec& spec, const HostFacts& facts,
                                                const NamespacePlan& namespaces) {
  std::vector<NetDeviceMove> moves;
  for (const auto& [host_name, device] : spec.linux_or_empty().net_devices) {
    const std::string origin = "/linux/netDevices/" + host_name;
    if (facts.rootless()) return fail_config(origin, "network devices are not supported for rootless containers");
    if (namespaces.shares_host(CLONE_NEWNET))
      return fail_config(origin, "unable to move network devices without a private NET namespace");
    moves.push_back({host_name, device.name.empty() ? host_name : device.name, origin});
  }
  return moves;
}

}  // namespace caisson::plan
