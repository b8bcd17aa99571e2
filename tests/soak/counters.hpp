// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace caisson::soak {

/// What the kernel holds at one moment, host-wide, by name. Other programs' objects are among them.
using Counters = std::map<std::string, std::int64_t>;

/// Open files, mounts of our namespace, cgroups and dying cgroups, keys of root, network namespaces, unreclaimable slab
/// in KiB. What this host does not tell is absent.
Counters read_counters();

/// Those that never fell from one sample to the next and grew by more than `most` in all: "cgroups: 120, 180, 240".
std::vector<std::string> growing(const std::vector<Counters>& samples, const Counters& most);

/// A line a sample.
std::string table(const std::vector<Counters>& samples);

}  // namespace caisson::soak
