// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cgroup/common.hpp"

namespace caisson::cgroup {

Result<std::unique_ptr<CgroupManager>> make(const plan::CgroupPlan& plan) {
  if (plan.unit) return make_systemd(plan);
  const bool v1 = std::ranges::any_of(plan.dirs, [](const plan::CgroupDir& dir) { return !dir.v2; });
  return v1 ? make_v1(plan) : make_v2(plan);
}

Result<std::unique_ptr<CgroupManager>> open(const std::map<std::string, std::string>& paths,
                                            const std::vector<std::string>& made_parents, const Unit& unit) {
  std::vector<plan::CgroupDir> dirs;
  bool v1 = false;
  for (const auto& [controller, path] : paths) {
    if (!path.starts_with('/') || path == "/") return fail(ErrorKind::system, "'{}' is not the path of a cgroup", path);
    v1 = v1 || !controller.empty();
    auto known = std::ranges::find(dirs, path, &plan::CgroupDir::path);
    if (known == dirs.end()) known = dirs.insert(dirs.end(), {.path = path, .v2 = controller.empty()});
    if (!controller.empty()) known->controllers.push_back(controller);
  }
  if (v1) return open_v1(std::move(dirs), made_parents);
  const std::string path = dirs.empty() ? std::string() : dirs.front().path;
  auto files = open_v2(std::move(dirs), made_parents);
  return unit.name.empty() ? std::move(files) : open_systemd(unit, std::move(files), path);
}

Result<bool> is_frozen(const std::map<std::string, std::string>& paths) {
  if (const auto freezer = paths.find("freezer"); freezer != paths.end()) return frozen_v1(freezer->second);
  const auto unified = paths.find("");
  return unified != paths.end() ? frozen_v2(unified->second) : Result<bool>(false);
}

}  // namespace caisson::cgroup
