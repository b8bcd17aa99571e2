// SPDX-License-Identifier: Apache-2.0
// Where a container's cgroup and its init stand in the hierarchy.
#include <unistd.h>

#include "base/text.hpp"
#include "cgroup/cgroup_dir.hpp"
#include "cgroup/find.hpp"
#include "cgroup/manager.hpp"
#include "sys/file.hpp"

namespace caisson::cgroup {

namespace {

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool is_below(std::string_view path, const std::string& top) { return path.starts_with(top + '/'); }

/// The directory of a cgroup that /proc/PID/cgroup calls `path`; empty when it is unknown or lies outside of what
/// is mounted ("/../x": outside the reader's cgroup namespace).
Result<std::string> directory_of(const std::string& path) {
  plan::HostFacts facts;
  CAISSON_TRY(find_mounts(facts));
  if (facts.cgroup_flavour != plan::CgroupFlavour::v2 || path.empty() || (path + '/').contains("/../")) return {};
  const auto& mount = facts.cgroup_mounts.front();
  // What stands before our own cgroup's path in /proc is the part of the hierarchy that is not mounted.
  const std::string own = unified_cgroup_of("self");
  std::string root = "/";
  if (mount.own_path != "/" && own.ends_with(mount.own_path) && own.size() > mount.own_path.size())
    root = own.substr(0, own.size() - mount.own_path.size());
  const std::string relative = relative_to_root(path, root);
  return relative == "/" ? mount.mountpoint : mount.mountpoint + relative;
}

}  // namespace

Result<std::unique_ptr<CgroupManager>> open_own_of(const std::map<std::string, std::string>& paths, pid_t pid) {
  const auto unified = paths.find("");
  if (paths.size() != 1 || unified == paths.end()) return std::unique_ptr<CgroupManager>();
  const std::string& top = unified->second;
  const std::string own = CAISSON_TRY(directory_of(unified_cgroup_of(std::to_string(pid))));
  // Where the container's cgroup is gone nothing can be below it: then init may have been moved beside it.
  const bool is_gone = ::access(top.c_str(), F_OK) != 0 && errno == ENOENT;
  if (own != top && !is_below(own, is_gone ? parent_of(top) : top)) return std::unique_ptr<CgroupManager>();
  return open({{"", own}});
}

Result<std::string> frozen_ancestor(const std::map<std::string, std::string>& paths) {
  const bool v1 = paths.contains("freezer");
  const auto found = paths.find(v1 ? "freezer" : "");
  if (found == paths.end()) return std::string();
  // The top of a hierarchy has no such file and cannot be frozen.
  const char* const file = v1 ? "freezer.self_freezing" : "cgroup.freeze";
  for (std::string dir = parent_of(found->second); !dir.empty(); dir = parent_of(dir)) {
    auto value = read_value(dir, file);
    if (!value && is_gone(value.error())) break;
    if (CAISSON_TRY(std::move(value)) == "1") return dir;
  }
  return std::string();
}

}  // namespace caisson::cgroup
