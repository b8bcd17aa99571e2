// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>
#include <sys/stat.h>

#include <array>

#include "plan/rootfs.hpp"

namespace caisson::plan {
namespace {

struct Bit {
  std::uint64_t bit;
  const char* name;
};
constexpr auto kAttributes = std::to_array<Bit>({
    {MOUNT_ATTR_RDONLY, "ro"},
    {MOUNT_ATTR_NOSUID, "nosuid"},
    {MOUNT_ATTR_NODEV, "nodev"},
    {MOUNT_ATTR_NOEXEC, "noexec"},
    {MOUNT_ATTR_NOATIME, "noatime"},
    {MOUNT_ATTR_STRICTATIME, "strictatime"},
    {MOUNT_ATTR_NODIRATIME, "nodiratime"},
    {MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"},
});
constexpr auto kSuperblock = std::to_array<Bit>({
    {MS_SYNCHRONOUS, "sync"},
    {MS_DIRSYNC, "dirsync"},
    {1 << 25, "lazytime"},
    {MS_MANDLOCK, "mand"},
    {MS_SILENT, "silent"},
    {MS_I_VERSION, "iversion"},
});

template <class Table>
void bits(std::string& out, const Table& table, std::uint64_t set, std::uint64_t clear, const char* prefix) {
  for (const auto& [bit, name] : table) {
    if (set & bit) out += fmt::format(" +{}{}", prefix, name);
    if ((clear & bit) && !(set & bit)) out += fmt::format(" -{}{}", prefix, name);
  }
}

void propagation(std::string& out, const std::vector<Propagation>& list) {
  for (const auto& step : list) out += fmt::format(" {}", name_of(step));
}

// "0 1000 1\n5 2000 1\n" as "0 1000 1,5 2000 1".
std::string one_line(std::string map) {
  if (map.ends_with('\n')) map.pop_back();
  for (char& c : map)
    if (c == '\n') c = ',';
  return map;
}

std::string text(const MountIdMap& map) {
  std::string out = map.recursive ? " ridmap" : " idmap";
  if (!map.namespace_path.empty()) return out + fmt::format("={}", map.namespace_path);
  return out + fmt::format("[{}][{}]", one_line(map.uid_map), one_line(map.gid_map));
}

std::string text(const CopiedTree& tree) {
  std::string out = fmt::format("{} '{}'", tree.recursive ? "rbind" : "bind", tree.source);
  if (!tree.inside.empty()) out += fmt::format(" inside={}", tree.inside);
  if (!tree.follow) out += " src-nofollow";
  if (tree.copy_symlink) out += " copy-symlink";
  if (tree.must_be_proc) out += " must-be-proc";
  if (tree.prepared) out += " prepared";
  if (tree.id_map) out += text(*tree.id_map);
  if (tree.maps_late) out += " late";
  return out;
}

std::string text(const NewFilesystem& made) {
  std::string out = fmt::format("new {} '{}'", made.type, made.source);
  for (const auto& entry : made.data) out += fmt::format(" {}", entry);
  bits(out, kSuperblock, made.superblock_set, made.superblock_clear, "");
  if (made.readonly_superblock) out += " ro-superblock";
  if (made.inherit_mode) out += " inherit-mode";
  if (made.copy_up) out += " copy-up";
  if (made.id_map) out += " prepared" + text(*made.id_map);
  if (!made.label.empty()) out += fmt::format(" label={}", made.label);
  if (made.before_user_namespace != 0) out += " before-user-namespace";
  for (const auto& fallback : made.fallbacks) out += fmt::format(" else-{}", text(fallback));
  if (made.cover_cgroups) out += " cover-cgroups";
  if (made.mask_when_absent) out += " else-mask";
  return out;
}

std::string line(const Attach& op) {
  std::string out = fmt::format("mount {}: ", op.target);
  out += std::visit([](const auto& what) { return text(what); }, op.what);
  bits(out, kAttributes, op.attributes.set, op.attributes.clear, "");
  bits(out, kAttributes, op.recursive.set, op.recursive.clear, "r");
  propagation(out, op.propagation);
  if (op.ordinary_directory) out += " ordinary-directory";
  if (op.nofollow) out += " dest-nofollow";
  if (op.needs_cgroups) out += " after-cgroups";
  return out + fmt::format("  [{}]\n", op.origin);
}

std::string line(const Reconfigure& op) {
  std::string out = fmt::format("remount {}:{}", op.target, op.superblock ? " superblock" : "");
  for (const auto& entry : op.data) out += fmt::format(" {}", entry);
  bits(out, kSuperblock, op.superblock_set, op.superblock_clear, "");
  bits(out, kAttributes, op.attributes.set, op.attributes.clear, "");
  bits(out, kAttributes, op.recursive.set, op.recursive.clear, "r");
  propagation(out, op.propagation);
  return out + fmt::format("  [{}]\n", op.origin);
}

std::string line(const CgroupTree& op) {
  std::string out =
      fmt::format("cgroups {}:{}{}", op.target, op.fresh ? " fresh" : " bind", op.optional ? " optional" : "");
  bits(out, kAttributes, op.attributes.set, op.attributes.clear, "");
  propagation(out, op.propagation);
  if (!op.label_option.empty()) out += fmt::format(" {}", op.label_option);
  out += fmt::format("  [{}]\n", op.origin);
  for (const auto& hierarchy : op.hierarchies) {
    out += fmt::format("  {}:", hierarchy.name);
    if (op.fresh) {
      out += hierarchy.v2 ? " cgroup2" : " cgroup";
      for (const auto& entry : hierarchy.data) out += fmt::format(" {}", entry);
    } else {
      out += fmt::format(" {}", hierarchy.path);
    }
    for (const auto& link : hierarchy.links) out += fmt::format(" link {}", link);
    out += '\n';
  }
  return out;
}

std::string octal(std::uint32_t mode) {
  std::string out;
  for (; mode != 0; mode >>= 3) out.insert(out.begin(), static_cast<char>('0' + (mode & 7)));
  return "0" + out;
}

std::string line(const DeviceNode& node) {
  const char type = node.type == S_IFIFO ? 'p' : node.type == S_IFBLK ? 'b' : 'c';
  return fmt::format("device {}: {} {}:{} {} {}:{}{}{}\n", node.path, type, node.major, node.minor, octal(node.mode),
                     node.uid, node.gid,
                     node.prepared ? " prepared"
                     : node.bind   ? " bind"
                                   : "",
                     node.origin.empty() ? "" : fmt::format("  [{}]", node.origin));
}

}  // namespace

std::string describe(const RootfsPlan& plan) {
  std::string out = fmt::format("rootfs {}{}{}{}\n", plan.rootfs, plan.has_mount_namespace ? "" : " chroot",
                                plan.no_pivot ? " no-pivot" : "", plan.prepared ? " prepared" : "");
  out += fmt::format("propagation host={} tree=", name_of(plan.host_propagation));
  for (const auto& step : plan.tree_propagation)
    out += fmt::format("{}{}", &step == &plan.tree_propagation.front() ? "" : "+", name_of(step));
  out += fmt::format(" root={}\n", name_of(plan.root_propagation));
  for (const auto& op : plan.mounts) out += std::visit([](const auto& value) { return line(value); }, op);
  for (const auto& node : plan.devices) out += line(node);
  for (const auto& link : plan.links)
    out += fmt::format("link {} -> {}{}\n", link.path, link.target, link.replace ? " replace" : "");
  if (plan.core_link) out += "link /dev/core -> /proc/kcore if there\n";
  for (const auto& rule : plan.late_readonly) out += fmt::format("late-readonly {}  [{}]\n", rule.path, rule.origin);
  if (plan.readonly_root) out += "readonly /\n";
  for (const auto& rule : plan.readonly_paths) out += fmt::format("readonly {}  [{}]\n", rule.path, rule.origin);
  for (const auto& rule : plan.masked_paths) out += fmt::format("mask {}  [{}]\n", rule.path, rule.origin);
  return out;
}

}  // namespace caisson::plan
