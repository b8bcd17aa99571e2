// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "cgroup/common.hpp"
#include "sys/file.hpp"

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

Result<bool> FrozenLook::at(const std::map<std::string, std::string>& paths) {
  const bool v1 = paths.contains("freezer");
  const auto found = paths.find(v1 ? "freezer" : "");
  if (found == paths.end()) return false;
  const auto slash = found->second.rfind('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == found->second.size()) return is_frozen(paths);
  const auto parent = std::string_view(found->second).substr(0, slash);
  if (!dir_ || parent_ != parent) {
    parent_ = parent;
    dir_.reset(sys::try_open(FdView::cwd(), parent_.c_str(), O_PATH | O_DIRECTORY, 0, 0));
  }
  if (!dir_) return is_frozen(paths);
  const auto file = found->second.substr(slash + 1) + (v1 ? "/freezer.state" : "/cgroup.events");
  const FileDescriptor fd(sys::try_open(dir_, file.c_str(), O_RDONLY, 0, 0));
  char text[256];
  const ssize_t size = fd ? ::read(fd.get(), text, sizeof text) : -1;
  // What is gone or cannot be read is told by who looks in full.
  if (size <= 0 || size == sizeof text) return is_frozen(paths);
  const std::string_view value(text, static_cast<std::size_t>(size));
  return v1 ? says_frozen_v1(value) : says_frozen_v2(value);
}

}  // namespace caisson::cgroup
