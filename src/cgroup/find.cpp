// SPDX-License-Identifier: Apache-2.0
#include "cgroup/find.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <optional>

#include "base/path.hpp"
#include "base/text.hpp"
#include "sys/file.hpp"

namespace caisson::cgroup {

namespace {

constexpr std::string_view kTop = "/sys/fs/cgroup";

/// One line of /proc/self/cgroup: "4:cpu,cpuacct:/user.slice"; on cgroup2 the middle is empty.
struct Membership {
  std::string_view controllers;
  std::string path;
};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = text.find(separator);
    if (auto part = text.substr(0, end); !part.empty()) parts.push_back(part);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
  return parts;
}

std::vector<std::string> words(std::string_view text, char separator) {
  const auto parts = split(text, separator);
  return {parts.begin(), parts.end()};
}

std::vector<Membership> read_memberships(std::string_view text) {
  std::vector<Membership> found;
  for (auto line : split(text, '\n')) {
    const auto first = line.find(':');
    const auto second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) continue;
    found.push_back({line.substr(first + 1, second - first - 1), std::string(line.substr(second + 1))});
  }
  return found;
}

std::int64_t magic_of(const std::string& path) {
  struct statfs fs {};
  return ::statfs(path.c_str(), &fs) == 0 ? static_cast<std::int64_t>(fs.f_type) : 0;
}

/// Whether the mount shows the hierarchy from its top: kernfs gives the root inode 1.
bool shows_all(const std::string& mountpoint) {
  struct stat status {};
  return ::stat(mountpoint.c_str(), &status) == 0 && status.st_ino == 1;
}

/// The hierarchies' mounts, from mountinfo, which is read at the first question.
class MountTable {
 public:
  Result<const MountLine*> find(const Membership& membership) {
    if (!lines_) lines_ = read_mountinfo(CAISSON_TRY(sys::read_file(FdView::cwd(), "/proc/self/mountinfo")));
    const bool v2 = membership.controllers.empty();
    const MountLine* best = nullptr;
    for (const auto& line : *lines_) {
      if (line.v2 != v2) continue;
      if (!v2) {
        const auto options = split(line.options, ',');
        if (!std::ranges::all_of(split(membership.controllers, ','), [&](std::string_view controller) {
              return std::ranges::find(options, controller) != options.end();
            }))
          continue;
      }
      if (!best || (!best->mountpoint.starts_with(kTop) && line.mountpoint.starts_with(kTop))) best = &line;
    }
    return best;
  }

 private:
  std::optional<std::vector<MountLine>> lines_;
};

/// Where the hierarchy is by convention; empty when it is not there, or only a part of it.
std::string conventional_place(const Membership& membership, bool pure_v2) {
  std::string place(kTop);
  std::string_view name = membership.controllers;
  const bool v2 = name.empty();
  if (name.starts_with("name=")) name.remove_prefix(5);
  if (!pure_v2) (place += '/') += v2 ? std::string_view("unified") : name;
  if (magic_of(place) != (v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC)) return {};
  if (membership.path != "/" && !shows_all(place)) return {};
  return place;
}

}  // namespace

std::vector<MountLine> read_mountinfo(std::string_view text) {
  std::vector<MountLine> found;
  for (auto line : split(text, '\n')) {
    const auto dash = line.find(" - cgroup");
    if (dash == line.npos) continue;
    // proc(5): id parent device root mountpoint options optional... - type source super-options
    const auto before = split(line.substr(0, dash), ' ');
    const auto after = split(line.substr(dash + 3), ' ');
    if (before.size() < 6 || after.size() < 3 || (after[0] != "cgroup" && after[0] != "cgroup2")) continue;
    found.push_back({text::unescape_mount_field(before[3]), text::unescape_mount_field(before[4]),
                     std::string(after[2]), after[0] == "cgroup2"});
  }
  return found;
}

std::string relative_to_root(const std::string& path, const std::string& root) {
  if (root == "/") return path;
  if (path == root) return "/";
  if (path.starts_with(root + '/')) return path.substr(root.size());
  return "/";
}

Status find_mounts(plan::HostFacts& facts) {
  facts.cgroup_mounts.clear();
  facts.cgroup_flavour = plan::CgroupFlavour::none;
  const std::string text = CAISSON_TRY(sys::read_file(FdView::cwd(), "/proc/self/cgroup"));
  const bool pure_v2 = magic_of(std::string(kTop)) == CGROUP2_SUPER_MAGIC;
  MountTable table;
  std::optional<plan::CgroupMount> unified;
  for (const auto& membership : read_memberships(text)) {
    const bool v2 = membership.controllers.empty();
    if (pure_v2 && !v2) continue;
    plan::CgroupMount mount{words(membership.controllers, ','), conventional_place(membership, pure_v2),
                            membership.path, v2};
    if (mount.mountpoint.empty()) {
      const MountLine* line = CAISSON_TRY(table.find(membership));
      if (!line) continue;
      mount.mountpoint = line->mountpoint;
      mount.own_path = relative_to_root(membership.path, line->root);
    }
    if (v2) {
      unified = std::move(mount);
    } else {
      facts.cgroup_mounts.push_back(std::move(mount));
    }
  }
  using enum plan::CgroupFlavour;
  if (unified) {
    facts.cgroup_flavour = facts.cgroup_mounts.empty() ? v2 : hybrid;
    if (facts.cgroup_flavour == v2)
      unified->controllers =
          words(CAISSON_TRY(sys::read_file(FdView::cwd(), unified->mountpoint + "/cgroup.controllers")), ' ');
    if (!unified->controllers.empty() && unified->controllers.back().ends_with('\n'))
      unified->controllers.back().pop_back();
    facts.cgroup_mounts.push_back(std::move(*unified));
  } else if (!facts.cgroup_mounts.empty()) {
    facts.cgroup_flavour = v1;
  }
  return {};
}

std::string unified_cgroup_of(std::string_view process) {
  const auto lines = sys::read_file(FdView::cwd(), fmt::format("/proc/{}/cgroup", process));
  if (!lines) return {};
  for (auto line : text::split(*lines, '\n'))
    if (line.starts_with("0::")) return std::string(line.substr(3));
  return {};
}

}  // namespace caisson::cgroup
