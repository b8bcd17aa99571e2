// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "cgroup/stats.hpp"

namespace caisson::container {

/// {"type":"stats","id":...,"data":{...}}: keys and units are those of runc's types/events.go, which programs read.
std::string stats_line(const std::string& id, const cgroup::Counters& counters);

/// Two lines: {"type":"oom","id":...}, which is runc's, and {"type":"oomReport","id":...,"data":{...}}, whose limit it
/// was.
std::string oom_line(const std::string& id, const cgroup::OomReport& report);

/// The report by itself: value of the annotation kOomAnnotation.
std::string oom_text(const cgroup::OomReport& report);

/// What people read: "the OOM killer ended 1 process: ...". When it was the container's `own` limit, it ends with the
/// config's name of that.
std::string oom_sentence(const cgroup::OomReport& report, const std::map<std::string, std::string>& own);

/// In the state of a container in which the OOM killer was: what it did, as JSON. Engines pass over it.
inline constexpr const char* kOomAnnotation = "org.caisson.oom";

}  // namespace caisson::container
