// SPDX-License-Identifier: Apache-2.0
#include "soak/counters.hpp"

#include <cstdlib>
#include <sstream>

#include "faults/host.hpp"

namespace caisson::soak {

namespace {

using faults::lines_of;
using faults::read_text;

/// The n-th number (from 0) of the line that begins with `name`.
std::int64_t number_of(const std::string& text, const std::string& name, int n) {
  for (const auto& line : lines_of(text)) {
    if (!line.starts_with(name)) continue;
    std::istringstream words(line.substr(name.size()));
    std::string word;
    for (int i = 0; i <= n; ++i) words >> word;
    return std::atoll(word.c_str());
  }
  return -1;
}

void put(Counters& counters, const std::string& name, std::int64_t value) {
  if (value >= 0) counters[name] = value;
}

}  // namespace

Counters read_counters() {
  Counters counters;
  put(counters, "open files", std::atoll(read_text("/proc/sys/fs/file-nr").c_str()));
  put(counters, "mounts", static_cast<std::int64_t>(lines_of(read_text("/proc/self/mountinfo")).size()));
  put(counters, "slab KiB", number_of(read_text("/proc/meminfo"), "SUnreclaim:", 0));
  put(counters, "keys of root", number_of(read_text("/proc/key-users"), "    0:", 0));
  put(counters, "network namespaces", number_of(read_text("/proc/slabinfo"), "net_namespace", 0));
  put(counters, "mount namespaces", number_of(read_text("/proc/slabinfo"), "mnt_namespace", 0));
  put(counters, "cgroups of v1 (memory)", number_of(read_text("/proc/cgroups"), "memory", 1));
  for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    const std::string stat = read_text(std::string(root) + "/cgroup.stat");
    put(counters, "cgroups of v2", number_of(stat, "nr_descendants", 0));
    put(counters, "dying cgroups of v2", number_of(stat, "nr_dying_descendants", 0));
  }
  return counters;
}

std::vector<std::string> growing(const std::vector<Counters>& samples, const Counters& most) {
  std::vector<std::string> found;
  if (samples.size() < 3) return found;
  for (const auto& [name, first] : samples.front()) {
    const auto at = [&](std::size_t i) { return samples[i].contains(name) ? samples[i].at(name) : first; };
    bool never_fell = true;
    std::string text = name + ": " + std::to_string(first);
    for (std::size_t i = 1; i < samples.size(); ++i) {
      never_fell = never_fell && at(i) >= at(i - 1);
      text += ", " + std::to_string(at(i));
    }
    const auto limit = most.find(name);
    if (never_fell && limit != most.end() && at(samples.size() - 1) - first > limit->second) found.push_back(text);
  }
  return found;
}

std::string table(const std::vector<Counters>& samples) {
  std::string text;
  if (samples.empty()) return text;
  for (const auto& [name, first] : samples.front()) {
    text += "    " + name + ":";
    for (const auto& sample : samples) text += " " + (sample.contains(name) ? std::to_string(sample.at(name)) : "-");
    text += "\n";
  }
  return text;
}

}  // namespace caisson::soak
