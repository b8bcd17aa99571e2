// SPDX-License-Identifier: Apache-2.0
#include "container/watch/compare_live.hpp"

#include <fmt/ranges.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "config/linux.hpp"
#include "plan/identity.hpp"

namespace caisson::container {

namespace {

using Differences = std::vector<Difference>;

struct Named {
  std::uint64_t bit;
  const char* name;
};
constexpr auto kAttributes = std::to_array<Named>({{MOUNT_ATTR_RDONLY, "ro"},
                                                   {MOUNT_ATTR_NOSUID, "nosuid"},
                                                   {MOUNT_ATTR_NODEV, "nodev"},
                                                   {MOUNT_ATTR_NOEXEC, "noexec"},
                                                   {MOUNT_ATTR_NODIRATIME, "nodiratime"},
                                                   {MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"}});
constexpr std::uint64_t kPlainAttributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                           MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW;

std::string text_of(std::uint64_t attributes) {
  std::string text;
  for (const auto& [bit, name] : kAttributes)
    if ((attributes & bit) != 0) text.append(text.empty() ? "" : ",").append(name);
  return text.empty() ? "none" : text;
}

const char* time_option(std::uint64_t attributes) {
  if ((attributes & MOUNT_ATTR__ATIME) == MOUNT_ATTR_NOATIME) return "noatime";
  return (attributes & MOUNT_ATTR__ATIME) == MOUNT_ATTR_STRICTATIME ? "strictatime" : "relatime";
}

/// What the plan makes of one place, after all its operations: a later mount hides an earlier one.
struct WantedMount {
  std::string type;  ///< empty: any
  plan::MountAttributes attributes;
  std::string origin;
};
using WantedMounts = std::map<std::string, WantedMount>;

void forget_below(WantedMounts& wanted, const std::string& target) {
  std::erase_if(wanted, [&](const auto& entry) {
    return entry.first == target || entry.first.starts_with(target == "/" ? "/" : target + "/");
  });
}

void change(plan::MountAttributes& attributes, const plan::MountAttributes& by) {
  attributes.set = (attributes.set & ~by.clear) | by.set;
  attributes.clear = (attributes.clear & ~by.set) | by.clear;
}

void add(WantedMounts& wanted, const plan::Attach& op) {
  WantedMount mount{.type = {}, .attributes = op.attributes, .origin = op.origin};
  change(mount.attributes, op.recursive);
  if (const auto* made = std::get_if<plan::NewFilesystem>(&op.what)) {
    // Where the kernel may have refused it, something of the host's stands there in its place.
    if (made->fallbacks.empty()) mount.type = made->type;
  } else if (std::get<plan::CopiedTree>(op.what).copy_symlink) {
    return;  // perhaps a symlink, and no mount
  }
  forget_below(wanted, op.target);
  wanted[op.target] = std::move(mount);
}

void add(WantedMounts& wanted, const plan::Reconfigure& op) {
  const auto found = wanted.find(op.target);
  if (found == wanted.end()) return;
  change(found->second.attributes, op.attributes);
  change(found->second.attributes, op.recursive);
  found->second.origin = op.origin;
}

void add(WantedMounts& wanted, const plan::CgroupTree& op) {
  forget_below(wanted, op.target);
  wanted[op.target] = {.type = "tmpfs", .attributes = op.attributes, .origin = op.origin};
}

void compare_mounts(const plan::RootfsPlan& plan, const LiveView& view, Differences& out) {
  WantedMounts wanted;
  for (const auto& op : plan.mounts) std::visit([&](const auto& each) { add(wanted, each); }, op);
  for (const auto& rule : plan.late_readonly)
    if (const auto found = wanted.find(rule.path); found != wanted.end())
      change(found->second.attributes, {.set = MOUNT_ATTR_RDONLY, .clear = 0});
  for (const auto& [target, mount] : wanted) {
    const auto seen = view.paths.find(target);
    if (seen == view.paths.end() || !seen->second.mount_root) {
      out.push_back({mount.origin, fmt::format("mount at '{}'", target), "mounted", "nothing mounted"});
      continue;
    }
    const LivePath& live = seen->second;
    if (!mount.type.empty() && mount.type != live.filesystem)
      out.push_back({mount.origin, fmt::format("type of '{}'", target), mount.type, live.filesystem});
    const std::uint64_t named = (mount.attributes.set | mount.attributes.clear) & kPlainAttributes;
    if ((live.attributes & named) != (mount.attributes.set & named))
      out.push_back({mount.origin, fmt::format("options of '{}'", target), text_of(mount.attributes.set & named),
                     text_of(live.attributes & named)});
    if ((mount.attributes.clear & MOUNT_ATTR__ATIME) != 0 &&
        (mount.attributes.set & MOUNT_ATTR__ATIME) != (live.attributes & MOUNT_ATTR__ATIME))
      out.push_back({mount.origin, fmt::format("access times of '{}'", target), time_option(mount.attributes.set),
                     time_option(live.attributes)});
  }
}

/// A masked file shows the null device, a masked directory an empty read-only tmpfs.
bool is_masked(const LivePath& path) {
  if (S_ISCHR(path.mode)) return path.major == 1 && path.minor == 3;
  return S_ISDIR(path.mode) && path.filesystem == "tmpfs" && (path.attributes & MOUNT_ATTR_RDONLY) != 0;
}

void compare_rules(const plan::RootfsPlan& plan, const LiveView& view, Differences& out) {
  const auto find = [&](const std::string& path) {
    const auto found = view.paths.find(path);
    return found == view.paths.end() ? nullptr : &found->second;
  };
  const LivePath* root = find("/");
  if (plan.readonly_root && root != nullptr && (root->attributes & MOUNT_ATTR_RDONLY) == 0)
    out.push_back({"/root/readonly", "root file system", "read-only", "writable"});
  for (const auto& rule : plan.readonly_paths)
    if (const LivePath* path = find(rule.path); path != nullptr && (path->attributes & MOUNT_ATTR_RDONLY) == 0)
      out.push_back({rule.origin, fmt::format("'{}'", rule.path), "read-only", "writable"});
  for (const auto& rule : plan.masked_paths)
    if (const LivePath* path = find(rule.path); path != nullptr && !is_masked(*path))
      out.push_back({rule.origin, fmt::format("'{}'", rule.path), "masked", "visible"});
}

std::string text_of(std::uint32_t mode, std::uint32_t major, std::uint32_t minor) {
  const char* type = S_ISCHR(mode) ? "c" : S_ISBLK(mode) ? "b" : S_ISFIFO(mode) ? "p" : "no device";
  return S_ISCHR(mode) || S_ISBLK(mode) ? fmt::format("{} {}:{}", type, major, minor) : std::string(type);
}

void compare_devices(const plan::RootfsPlan& plan, const LiveView& view, Differences& out) {
  for (const auto& node : plan.devices) {
    const std::string what = fmt::format("device '{}'", node.path);
    const auto found = view.paths.find(node.path);
    const std::string wanted = text_of(node.type, node.major, node.minor);
    if (found == view.paths.end()) {
      out.push_back({node.origin, what, wanted, "nothing there"});
      continue;
    }
    const LivePath& live = found->second;
    const std::string seen = text_of(live.mode, live.major, live.minor);
    if (seen != wanted) out.push_back({node.origin, what, wanted, seen});
    if (node.bind) continue;  // the host's own node: owner and mode are the host's
    if (live.uid != node.uid || live.gid != node.gid)
      out.push_back({node.origin, "owner of " + what, fmt::format("{}:{}", node.uid, node.gid),
                     fmt::format("{}:{}", live.uid, live.gid)});
    if ((live.mode & 07777) != node.mode)
      out.push_back(
          {node.origin, "mode of " + what, fmt::format("{:04o}", node.mode), fmt::format("{:04o}", live.mode & 07777)});
  }
}

struct NamespaceKind {
  std::uint64_t kind;
  config::NamespaceType type;
  const char* name;
};
constexpr auto kKinds = std::to_array<NamespaceKind>({{CLONE_NEWPID, config::NamespaceType::pid, "PID"},
                                                      {CLONE_NEWNET, config::NamespaceType::network, "network"},
                                                      {CLONE_NEWIPC, config::NamespaceType::ipc, "IPC"},
                                                      {CLONE_NEWUTS, config::NamespaceType::uts, "UTS"},
                                                      {CLONE_NEWNS, config::NamespaceType::mount, "mount"},
                                                      {CLONE_NEWUSER, config::NamespaceType::user, "user"},
                                                      {CLONE_NEWCGROUP, config::NamespaceType::cgroup, "cgroup"},
                                                      {CLONE_NEWTIME, config::NamespaceType::time, "time"}});

void compare_namespaces(const config::Spec& spec, const plan::NamespacePlan& plan, const LiveView& view,
                        Differences& out) {
  const auto& namespaces = spec.linux_or_empty().namespaces;
  for (const auto& [kind, type, name] : kKinds) {
    const auto seen = view.namespaces.find(kind);
    if (seen == view.namespaces.end()) continue;
    const auto entry = std::ranges::find(namespaces, type, &config::Namespace::type);
    const std::string pointer = entry == namespaces.end()
                                    ? "/linux/namespaces"
                                    : fmt::format("/linux/namespaces/{}", entry - namespaces.begin());
    const std::string what = fmt::format("{} namespace", name);
    const LiveNamespace& live = seen->second;
    if (plan.makes(kind) && live.is_callers) out.push_back({pointer, what, "its own", "the host's"});
    if (plan.shares_host(kind) && !live.is_callers) out.push_back({pointer, what, "the host's", "another one"});
    if (plan.joins(kind) && !live.is_joined) out.push_back({pointer + "/path", what, entry->path, "another one"});
  }
}

std::string set_text(std::uint64_t set) {
  std::string text;
  for (int number = 0; number < 64; ++number)
    if ((set >> number & 1) != 0) text.append(text.empty() ? "" : ",").append(plan::capability_name(number));
  return text.empty() ? "none" : text;
}

void compare_capabilities(const plan::IdentityPlan& plan, const LiveProcess& live, Differences& out) {
  const plan::Capabilities& wanted = plan.capabilities;
  const auto check = [&](const char* set, std::uint64_t mine, std::uint64_t seen) {
    if (mine != seen) out.push_back({wanted.origin + "/" + set, "capabilities", set_text(mine), set_text(seen)});
  };
  check("bounding", wanted.bounding, live.bounding);
  check("ambient", wanted.ambient, live.ambient);
  check("inheritable", wanted.inheritable, live.inheritable);
  // execve(2) has computed the permitted set anew, from the bounding set for root and from the ambient one for others;
  // the process may have given some up. More than that it cannot have.
  const std::uint64_t most = wanted.permitted | wanted.ambient | wanted.bounding;
  if ((live.permitted & ~most) != 0)
    out.push_back({wanted.origin + "/permitted", "capabilities", set_text(most), set_text(live.permitted)});
}

std::string limit_text(const plan::ResourceLimit& limit) {
  const auto number = [](std::uint64_t value) { return value == ~0ULL ? "unlimited" : fmt::format("{}", value); };
  return number(limit.soft) + " " + number(limit.hard);
}

void compare_process(const config::Spec& spec, const plan::Plan& plan, const LiveProcess& live, Differences& out) {
  const plan::IdentityPlan& wanted = plan.init.identity;
  const auto check = [&](const char* pointer, const char* what, const auto& mine, const auto& seen) {
    if (mine != seen) out.push_back({wanted.pointer + pointer, what, fmt::format("{}", mine), fmt::format("{}", seen)});
  };
  check("/user/uid", "user", wanted.uid, live.uid);
  check("/user/gid", "group", wanted.gid, live.gid);
  if (wanted.set_groups) {
    auto mine = wanted.groups, seen = live.groups;
    std::ranges::sort(mine);
    std::ranges::sort(seen);
    const auto repeated = std::ranges::unique(mine);
    mine.erase(repeated.begin(), repeated.end());
    check("/user/additionalGids", "groups", fmt::format("{}", fmt::join(mine, ",")),
          fmt::format("{}", fmt::join(seen, ",")));
  }
  if (wanted.no_new_privileges) check("/noNewPrivileges", "no new privileges", true, live.no_new_privileges);
  if (wanted.oom_score_adj && live.oom_score_adj)
    check("/oomScoreAdj", "OOM score adjustment", *wanted.oom_score_adj, *live.oom_score_adj);
  for (const auto& limit : wanted.rlimits)
    if (const auto seen = live.limits.find(limit.resource);
        seen != live.limits.end() && (seen->second.soft != limit.soft || seen->second.hard != limit.hard))
      out.push_back({limit.origin, limit.name, limit_text(limit), limit_text(seen->second)});
  compare_capabilities(wanted, live, out);
  if (plan.seccomp && spec.linux_or_empty().seccomp && live.seccomp_mode != 2)
    out.push_back({"/linux/seccomp", "seccomp", "a filter", live.seccomp_mode == 0 ? "none" : "strict mode"});
}

/// Whether a file of a cgroup holds a value that was written to it: as it is; as one of its lines ("8:0 1024"); with
/// all of its words in one line ("8:0 rbps=1024", which the kernel shows with other keys); rounded down to pages; or as
/// "no limit".
bool holds(const std::string& content, const std::string& value) {
  const auto words_of = [](std::string_view line) { return text::split(line, ' '); };
  for (const auto& line : text::split(content, '\n')) {
    if (line == value) return true;
    const auto there = words_of(line);
    if (std::ranges::all_of(words_of(value),
                            [&](const auto& word) { return std::ranges::find(there, word) != there.end(); }))
      return true;
    const auto seen = text::parse_uint(line), wanted = text::parse_uint(value);
    constexpr std::uint64_t kPage = 4096, kNoLimit = 0x7fffffffffffffff / kPage * kPage;
    if (seen && wanted && *seen == *wanted / kPage * kPage) return true;
    if (seen && (value == "-1" || value == "max") && *seen >= kNoLimit) return true;
  }
  return false;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

void compare_cgroups(const plan::CgroupPlan& plan, const LiveView& view, Differences& out) {
  for (const auto& write : plan.writes) {
    const auto content = view.cgroup_files.find(write.controller + "/" + write.file);
    const auto other = view.cgroup_files.find(write.controller + "/" + write.other_file);
    const bool held = (content != view.cgroup_files.end() && holds(content->second, write.value)) ||
                      (other != view.cgroup_files.end() && holds(other->second, write.other_value));
    if (held) continue;
    if (content == view.cgroup_files.end()) {
      if (write.refusal == plan::Refusal::missing_is_met || !write.other_file.empty()) continue;
      out.push_back({write.origin, write.file, write.value, "no such file"});
    } else {
      out.push_back({write.origin, write.file, write.value, first_line(content->second)});
    }
  }
  const auto list = view.cgroup_files.find("devices/devices.list");
  if (list == view.cgroup_files.end()) return;
  const auto lines = plan::device_lines(plan.devices);
  if (!lines) return;
  for (const auto& line : *lines)
    if (line.allow && line.text != "a" && !holds(list->second, line.text) && !holds(list->second, "a *:* rwm"))
      out.push_back({line.origin, "devices.list", line.text, "not allowed"});
}

}  // namespace

std::vector<Difference> compare(const config::Spec& spec, const plan::Plan& plan, const LiveView& view) {
  Differences out;
  compare_process(spec, plan, view.process, out);
  compare_namespaces(spec, plan.init.namespaces, view, out);
  if (plan.init.rootfs.has_mount_namespace) {
    compare_mounts(plan.init.rootfs, view, out);
    compare_rules(plan.init.rootfs, view, out);
    compare_devices(plan.init.rootfs, view, out);
  }
  compare_cgroups(plan.cgroup, view, out);
  return out;
}

}  // namespace caisson::container
