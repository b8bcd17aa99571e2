// SPDX-License-Identifier: Apache-2.0
#include "plan/mount_options.hpp"

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/fixed_text.hpp"

namespace caisson::plan {
namespace {

// Kernel numbers that libc 2.36 does not spell.
constexpr std::uint64_t kLazytime = 1 << 25;  // MS_LAZYTIME
static_assert(MOUNT_ATTR_RELATIME == 0);

enum class Effect : std::uint8_t {
  nothing,           ///< names what holds anyway
  attribute_set,     ///< value: MOUNT_ATTR_*
  attribute_clear,   ///<
  access_time,       ///< value: one of the values of MOUNT_ATTR__ATIME
  superblock_set,    ///< value: MS_*
  superblock_clear,  ///<
  propagate,         ///< value: MS_*
  bind,
  remount,
  map,
  copy_up,
  copy_symlink,
  source_nofollow,
  dest_nofollow,
};

struct Option {
  text::Fixed<15> name;
  Effect effect;
  std::uint64_t value = 0;
  bool recursive = false;
};

// Sorted by name. Source: runtime-spec 1.3 config.md, "Linux mount options"; `caisson features` prints this table.
// "norelatime" asks for the kernel's default, which is relatime; "atime" and "nostrictatime" lead there as well.
constexpr auto kOptions = std::to_array<Option>({
    {"async", Effect::superblock_clear, MS_SYNCHRONOUS},
    {"atime", Effect::access_time, MOUNT_ATTR_RELATIME},
    {"bind", Effect::bind},
    {"copy-symlink", Effect::copy_symlink},
    {"defaults", Effect::nothing},
    {"dest-nofollow", Effect::dest_nofollow},
    {"dev", Effect::attribute_clear, MOUNT_ATTR_NODEV},
    {"diratime", Effect::attribute_clear, MOUNT_ATTR_NODIRATIME},
    {"dirsync", Effect::superblock_set, MS_DIRSYNC},
    {"exec", Effect::attribute_clear, MOUNT_ATTR_NOEXEC},
    {"idmap", Effect::map},
    {"iversion", Effect::superblock_set, MS_I_VERSION},
    {"lazytime", Effect::superblock_set, kLazytime},
    {"loud", Effect::superblock_clear, MS_SILENT},
    {"mand", Effect::superblock_set, MS_MANDLOCK},
    {"noatime", Effect::access_time, MOUNT_ATTR_NOATIME},
    {"nodev", Effect::attribute_set, MOUNT_ATTR_NODEV},
    {"nodiratime", Effect::attribute_set, MOUNT_ATTR_NODIRATIME},
    {"noexec", Effect::attribute_set, MOUNT_ATTR_NOEXEC},
    {"noiversion", Effect::superblock_clear, MS_I_VERSION},
    {"nolazytime", Effect::superblock_clear, kLazytime},
    {"nomand", Effect::superblock_clear, MS_MANDLOCK},
    {"norelatime", Effect::access_time, MOUNT_ATTR_RELATIME},
    {"nostrictatime", Effect::access_time, MOUNT_ATTR_RELATIME},
    {"nosuid", Effect::attribute_set, MOUNT_ATTR_NOSUID},
    {"nosymfollow", Effect::attribute_set, MOUNT_ATTR_NOSYMFOLLOW},
    {"private", Effect::propagate, MS_PRIVATE},
    {"ratime", Effect::access_time, MOUNT_ATTR_RELATIME, true},
    {"rbind", Effect::bind, 0, true},
    {"rdev", Effect::attribute_clear, MOUNT_ATTR_NODEV, true},
    {"rdiratime", Effect::attribute_clear, MOUNT_ATTR_NODIRATIME, true},
    {"relatime", Effect::access_time, MOUNT_ATTR_RELATIME},
    {"remount", Effect::remount},
    {"rexec", Effect::attribute_clear, MOUNT_ATTR_NOEXEC, true},
    {"ridmap", Effect::map, 0, true},
    {"rnoatime", Effect::access_time, MOUNT_ATTR_NOATIME, true},
    {"rnodev", Effect::attribute_set, MOUNT_ATTR_NODEV, true},
    {"rnodiratime", Effect::attribute_set, MOUNT_ATTR_NODIRATIME, true},
    {"rnoexec", Effect::attribute_set, MOUNT_ATTR_NOEXEC, true},
    {"rnorelatime", Effect::access_time, MOUNT_ATTR_RELATIME, true},
    {"rnostrictatime", Effect::access_time, MOUNT_ATTR_RELATIME, true},
    {"rnosuid", Effect::attribute_set, MOUNT_ATTR_NOSUID, true},
    {"rnosymfollow", Effect::attribute_set, MOUNT_ATTR_NOSYMFOLLOW, true},
    {"ro", Effect::attribute_set, MOUNT_ATTR_RDONLY},
    {"rprivate", Effect::propagate, MS_PRIVATE, true},
    {"rrelatime", Effect::access_time, MOUNT_ATTR_RELATIME, true},
    {"rro", Effect::attribute_set, MOUNT_ATTR_RDONLY, true},
    {"rrw", Effect::attribute_clear, MOUNT_ATTR_RDONLY, true},
    {"rshared", Effect::propagate, MS_SHARED, true},
    {"rslave", Effect::propagate, MS_SLAVE, true},
    {"rstrictatime", Effect::access_time, MOUNT_ATTR_STRICTATIME, true},
    {"rsuid", Effect::attribute_clear, MOUNT_ATTR_NOSUID, true},
    {"rsymfollow", Effect::attribute_clear, MOUNT_ATTR_NOSYMFOLLOW, true},
    {"runbindable", Effect::propagate, MS_UNBINDABLE, true},
    {"rw", Effect::attribute_clear, MOUNT_ATTR_RDONLY},
    {"shared", Effect::propagate, MS_SHARED},
    {"silent", Effect::superblock_set, MS_SILENT},
    {"slave", Effect::propagate, MS_SLAVE},
    {"src-nofollow", Effect::source_nofollow},
    {"strictatime", Effect::access_time, MOUNT_ATTR_STRICTATIME},
    {"suid", Effect::attribute_clear, MOUNT_ATTR_NOSUID},
    {"symfollow", Effect::attribute_clear, MOUNT_ATTR_NOSYMFOLLOW},
    {"sync", Effect::superblock_set, MS_SYNCHRONOUS},
    {"tmpcopyup", Effect::copy_up},
    {"unbindable", Effect::propagate, MS_UNBINDABLE},
});
static_assert(std::ranges::is_sorted(kOptions, {}, &Option::name));

const Option* find_option(std::string_view name) {
  auto found = std::ranges::lower_bound(kOptions, name, {}, &Option::name);
  return found != kOptions.end() && found->name == name ? found : nullptr;
}

void change(std::uint64_t& on, std::uint64_t& off, std::uint64_t bits) {
  on |= bits;
  off &= ~bits;
}

void apply(const Option& option, MountOptions& to) {
  MountAttributes& attributes = option.recursive ? to.recursive : to.attributes;
  switch (option.effect) {
    case Effect::nothing: break;
    case Effect::attribute_set: change(attributes.set, attributes.clear, option.value); break;
    case Effect::attribute_clear: change(attributes.clear, attributes.set, option.value); break;
    case Effect::access_time:
      attributes.set = (attributes.set & ~std::uint64_t{MOUNT_ATTR__ATIME}) | option.value;
      attributes.clear |= MOUNT_ATTR__ATIME;
      break;
    case Effect::superblock_set: change(to.superblock_set, to.superblock_clear, option.value); break;
    case Effect::superblock_clear: change(to.superblock_clear, to.superblock_set, option.value); break;
    case Effect::propagate: to.propagation.push_back({option.value, option.recursive}); break;
    case Effect::bind:
      to.bind = true;
      to.bind_recursive |= option.recursive;
      break;
    case Effect::remount: to.remount = true; break;
    case Effect::map:
      to.map = option.recursive ? MapScope::recursive : MapScope::top;
      to.map_value.clear();
      break;
    case Effect::copy_up: to.copy_up = true; break;
    case Effect::copy_symlink: to.copy_symlink = true; break;
    case Effect::source_nofollow: to.source_nofollow = true; break;
    case Effect::dest_nofollow: to.dest_nofollow = true; break;
  }
}

// fsconfig(2) takes one option at a time, so a text like "mode=755,size=1m" is taken apart as mount(2) would: not
// within quotes (SELinux contexts hold commas) and not after a backslash (lowerdir= of overlay).
void split_data(std::string_view text, std::vector<std::string>& out) {
  std::size_t start = 0;
  bool quoted = false;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size()) {
      if (text[i] == '\\') {
        ++i;
        continue;
      }
      if (text[i] == '"') quoted = !quoted;
      if (text[i] != ',' || quoted) continue;
    }
    if (i > start) out.emplace_back(text.substr(start, i - start));
    start = i + 1;
  }
}

/// What fstab(5) has for programs, and no file system ever sees: comments of mount(8) and systemd.mount(5).
bool is_for_mount_program(std::string_view option) {
  static constexpr std::string_view kNames[] = {"_netdev", "auto", "noauto", "nofail"};
  return option.starts_with("x-") || option.starts_with("X-") || std::ranges::find(kNames, option) != std::end(kNames);
}

}  // namespace

std::string_view name_of(const Propagation& propagation) {
  if (propagation.kind == 0) return {};
  for (const auto& option : kOptions)
    if (option.effect == Effect::propagate && option.value == propagation.kind &&
        option.recursive == propagation.recursive)
      return option.name;
  return {};
}

Propagation propagation_of(std::string_view name) {
  const Option* option = find_option(name);
  if (!option || option->effect != Effect::propagate) return {};
  return {option->value, option->recursive};
}

Result<MountOptions> read_options(const std::vector<std::string>& options, const std::string& pointer) {
  MountOptions read;
  for (std::size_t i = 0; i < options.size(); ++i) {
    const std::string& text = options[i];
    if (const Option* option = find_option(text)) {
      apply(*option, read);
      continue;
    }
    if (is_for_mount_program(text)) continue;
    if (text.starts_with("idmap=") || text.starts_with("ridmap=")) {
      read.map = text.front() == 'r' ? MapScope::recursive : MapScope::top;
      read.map_value = text.substr(text.find('=') + 1);
      read.map_pointer = fmt::format("{}/options/{}", pointer, i);
      if (read.map_value.empty()) return fail_config(read.map_pointer, "mount option '{}' names no mapping", text);
      continue;
    }
    if (text.find('\0') != std::string::npos)
      return fail_config(fmt::format("{}/options/{}", pointer, i), "mount option contains a NUL byte");
    split_data(text, read.data);
  }
  return read;
}

std::vector<std::string> mount_option_names() {
  std::vector<std::string> names;
  names.reserve(kOptions.size());
  for (const auto& option : kOptions) names.emplace_back(option.name);
  return names;
}

}  // namespace caisson::plan
