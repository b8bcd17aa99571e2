// SPDX-License-Identifier: Apache-2.0
#include "container/watch/live_view.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/text.hpp"
#include "rootfs/root_dir.hpp"
#include "sys/file.hpp"
#include "sys/mount_info.hpp"
#include "sys/namespace.hpp"

namespace caisson::container {

namespace {

constexpr std::uint64_t kNamespaces[] = {CLONE_NEWPID, CLONE_NEWNET,  CLONE_NEWIPC,    CLONE_NEWUTS,
                                         CLONE_NEWNS,  CLONE_NEWUSER, CLONE_NEWCGROUP, CLONE_NEWTIME};
constexpr std::uint32_t kOverflowId = 65534;

/// The text of uid_map or gid_map, read backwards.
class IdMap {
 public:
  explicit IdMap(std::string_view map) {
    for (const auto& line : text::split(map, '\n')) {
      std::vector<std::uint64_t> numbers;
      for (const auto& word : text::split(line, ' '))
        if (const auto number = text::parse_uint(word)) numbers.push_back(*number);
      if (numbers.size() == 3) ranges_.push_back({numbers[0], numbers[1], numbers[2]});
    }
  }
  std::uint32_t inside(std::uint64_t outside) const {
    for (const auto& range : ranges_)
      if (outside >= range.outside && outside - range.outside < range.size)
        return static_cast<std::uint32_t>(range.inside + (outside - range.outside));
    return kOverflowId;
  }

 private:
  struct Range {
    std::uint64_t inside, outside, size;
  };
  std::vector<Range> ranges_;
};

struct IdMaps {
  IdMap uids, gids;
};

Result<std::string> read_of(int pid, std::string_view file) {
  return sys::read_file(FdView::cwd(), fmt::format("/proc/{}/{}", pid, file));
}

/// The words after "Name:" in /proc/PID/status.
std::vector<std::string> status_words(std::string_view status, std::string_view name) {
  std::vector<std::string> words;
  for (const auto& line : text::split(status, '\n')) {
    if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
    std::string plain(line.substr(name.size() + 1));
    for (char& c : plain)
      if (c == '\t') c = ' ';
    for (const auto& word : text::split(plain, ' '))
      if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

std::uint64_t number_in(std::string_view status, std::string_view name, int base) {
  const auto words = status_words(status, name);
  return words.empty() ? 0 : std::strtoull(words[0].c_str(), nullptr, base);
}

/// A number of /proc/PID/limits, or "unlimited".
std::uint64_t limit_number(std::string_view column) {
  const auto end = column.find(' ');
  return text::parse_uint(column.substr(0, end)).value_or(~0ULL);
}

/// /proc/PID/limits: a head, then a line for each RLIMIT_*, in their order, of columns 26, 21 and 21 wide. Not
/// prlimit(2), which asks for CAP_SYS_RESOURCE where the process is another user's.
std::map<int, plan::ResourceLimit> parse_limits(std::string_view limits) {
  constexpr std::size_t kSoft = 26, kHard = 47;
  std::map<int, plan::ResourceLimit> found;
  int resource = -1;
  for (const auto& line : text::split(limits, '\n')) {
    if (line.size() > kHard && resource >= 0)
      found[resource] = {.resource = resource,
                         .soft = limit_number(line.substr(kSoft)),
                         .hard = limit_number(line.substr(kHard)),
                         .name = {},
                         .origin = {}};
    ++resource;
  }
  return found;
}

Result<LiveProcess> read_process(int pid, const IdMaps& maps) {
  const std::string status = CAISSON_TRY(read_of(pid, "status"));
  LiveProcess process;
  process.uid = maps.uids.inside(number_in(status, "Uid", 10));
  process.gid = maps.gids.inside(number_in(status, "Gid", 10));
  for (const auto& group : status_words(status, "Groups"))
    process.groups.push_back(maps.gids.inside(std::strtoull(group.c_str(), nullptr, 10)));
  process.bounding = number_in(status, "CapBnd", 16);
  process.permitted = number_in(status, "CapPrm", 16);
  process.inheritable = number_in(status, "CapInh", 16);
  process.ambient = number_in(status, "CapAmb", 16);
  process.seccomp_mode = static_cast<int>(number_in(status, "Seccomp", 10));
  process.no_new_privileges = number_in(status, "NoNewPrivs", 10) != 0;
  process.limits = parse_limits(CAISSON_TRY(read_of(pid, "limits")));
  const std::string score = CAISSON_TRY(read_of(pid, "oom_score_adj"));
  process.oom_score_adj = std::atoi(score.c_str());
  return process;
}

Result<LiveNamespace> read_namespace(int pid, std::uint64_t kind, const plan::NamespacePlan& plan) {
  const std::string file = fmt::format("/proc/{}/ns/{}", pid, sys::namespace_file(kind));
  const auto of_process = CAISSON_TRY(sys::open_at(FdView::cwd(), file, O_RDONLY));
  LiveNamespace seen{.is_callers = CAISSON_TRY(sys::same_as_own(of_process, kind)), .is_joined = false};
  const auto here = CAISSON_TRY(sys::stat_of(of_process, file));
  for (const auto& joined : plan.join) {
    struct stat there {};
    if (joined.kind == kind && ::stat(joined.path.c_str(), &there) == 0)
      seen.is_joined = there.st_ino == here.st_ino && there.st_dev == here.st_dev;
  }
  return seen;
}

Status add_path(LiveView& view, const rootfs::RootDir& root, int pid, const IdMaps& maps, const std::string& path) {
  if (view.paths.contains(path)) return {};
  const auto place = CAISSON_TRY(root.open_if_exists(path, O_PATH));
  if (!place) return {};
  const auto info = CAISSON_TRY(sys::stat_of(place, path));
  const auto mount = CAISSON_TRY(sys::mount_of(place, pid));
  view.paths[path] = {.mount_root = CAISSON_TRY(sys::is_mount_root(place)),
                      .filesystem = mount.type,
                      .attributes = mount.attributes,
                      .mode = info.st_mode,
                      .uid = maps.uids.inside(info.st_uid),
                      .gid = maps.gids.inside(info.st_gid),
                      .major = major(info.st_rdev),
                      .minor = minor(info.st_rdev)};
  return {};
}

std::vector<std::string> paths_of(const plan::RootfsPlan& plan) {
  std::vector<std::string> paths{"/"};
  for (const auto& op : plan.mounts) std::visit([&](const auto& each) { paths.push_back(each.target); }, op);
  for (const auto& node : plan.devices) paths.push_back(node.path);
  for (const auto* rules : {&plan.late_readonly, &plan.readonly_paths, &plan.masked_paths})
    for (const auto& rule : *rules) paths.push_back(rule.path);
  return paths;
}

Status add_cgroup_file(LiveView& view, const State& state, const std::string& controller, const std::string& file) {
  auto dir = state.cgroup_paths.find(controller);
  if (dir == state.cgroup_paths.end()) dir = state.cgroup_paths.find("");  // cgroup v2, or the unified hierarchy
  if (dir == state.cgroup_paths.end()) return {};
  const auto opened = CAISSON_TRY(sys::open_if_exists(FdView::cwd(), dir->second + "/" + file, O_RDONLY));
  if (!opened) return {};
  // A file without a value for now (an idle device's weight) fails to be read, or is empty.
  if (const auto text = sys::read_all(opened, file)) view.cgroup_files[controller + "/" + file] = *text;
  return {};
}

}  // namespace

Result<LiveView> read_live_view(int pid, const State& state, const plan::Plan& plan) {
  LiveView view;
  const IdMaps maps{IdMap(CAISSON_TRY(read_of(pid, "uid_map"))), IdMap(CAISSON_TRY(read_of(pid, "gid_map")))};
  view.process = CAISSON_TRY(read_process(pid, maps));
  for (const std::uint64_t kind : kNamespaces)
    view.namespaces[kind] = CAISSON_TRY(read_namespace(pid, kind, plan.init.namespaces));
  const rootfs::RootDir root(
      CAISSON_TRY(sys::open_at(FdView::cwd(), fmt::format("/proc/{}/root", pid), O_PATH | O_DIRECTORY)));
  for (const auto& path : paths_of(plan.init.rootfs)) CAISSON_TRY(add_path(view, root, pid, maps, path), "'{}'", path);
  for (const auto& write : plan.cgroup.writes) {
    CAISSON_TRY(add_cgroup_file(view, state, write.controller, write.file));
    if (!write.other_file.empty()) CAISSON_TRY(add_cgroup_file(view, state, write.controller, write.other_file));
  }
  CAISSON_TRY(add_cgroup_file(view, state, "devices", "devices.list"));
  return view;
}

}  // namespace caisson::container
