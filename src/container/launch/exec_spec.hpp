// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "container/commands.hpp"

namespace caisson::container {

/// The process that an exec runs, in a Spec with what else init needs of the container's: id maps, personality, memory
/// policy, annotations. With --process the file as it is, else the container's own process with the options laid over
/// it. --cap adds to the bounding, effective and permitted sets, never to the inheritable one (CVE-2022-29162).
Result<config::Spec> make_exec_spec(const config::Spec& saved, const ExecOptions& options);

/// "UID" or "UID:GID", digits alone; anything else is refused, and nothing is guessed (CVE-2026-30892). Without a gid
/// the present one stays.
Status set_user(const std::string& text, config::User& user);

/// The container's cgroups with the sub-cgroups that --cgroup names: PATH for all, or CONTROLLER[,CONTROLLER]:PATH.
/// A path that leaves the container's own cgroup, or is not there, is refused: "bad sub cgroup path".
Result<std::map<std::string, std::string>> sub_cgroups(const std::map<std::string, std::string>& paths,
                                                       const std::vector<std::string>& wanted);

}  // namespace caisson::container
