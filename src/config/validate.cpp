// SPDX-License-Identifier: Apache-2.0
#include "config/validate.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "config/annotations.hpp"
#include "config/checks.hpp"

namespace caisson::config {
namespace {

/// Source: SemVer 2.0.0 section 2.
bool is_version_number(std::string_view text) {
  return text::parse_uint(text).has_value() && (text.size() == 1 || text[0] != '0');
}

/// Dot-separated identifiers. Source: SemVer 2.0.0 sections 9 and 10.
bool is_version_suffix(std::string_view text) {
  return std::ranges::all_of(text::split(text, '.'), [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
    });
  });
}

bool is_version(std::string_view text) {
  if (const auto plus = text.find('+'); plus != std::string_view::npos) {
    if (!is_version_suffix(text.substr(plus + 1))) return false;
    text = text.substr(0, plus);
  }
  if (const auto dash = text.find('-'); dash != std::string_view::npos) {
    if (!is_version_suffix(text.substr(dash + 1))) return false;
    text = text.substr(0, dash);
  }
  const auto numbers = text::split(text, '.');
  return numbers.size() == 3 && std::ranges::all_of(numbers, is_version_number);
}

Status check_version(const Spec& spec, Warnings&) {
  const std::string_view version = spec.oci_version;
  if (!is_version(version)) return fail_config("/ociVersion", "'{}' is not a version of the form 1.2.3", version);
  if (!version.starts_with("1."))
    return fail_config("/ociVersion", "unsupported runtime-spec version '{}': this runtime implements {}", version,
                       kSpecVersion);
  return {};
}

Status check_other_platforms(const Spec& spec, Warnings&) {
  const std::pair<const char*, const std::optional<json::Raw>&> sections[] = {{"solaris", spec.solaris},
                                                                              {"windows", spec.windows},
                                                                              {"vm", spec.vm},
                                                                              {"zos", spec.zos},
                                                                              {"freebsd", spec.freebsd}};
  for (const auto& [key, section] : sections)
    if (section) return fail_config(fmt::format("/{}", key), "the section '{}' cannot be honoured on Linux", key);
  return {};
}

Status check_process(const Spec& spec, Warnings& warnings) {
  if (!spec.process) return fail_config("/process", "process property must not be empty");
  return validate_process(*spec.process, warnings);
}

Status check_root(const Spec& spec, Warnings&) {
  if (!spec.root) return fail_config("/root", "root must be specified");
  if (spec.root->path.empty()) return fail_config("/root/path", "root.path must not be empty");
  return {};
}

Status check_names(const Spec& spec, Warnings&) {
  const bool has_own = spec.linux_or_empty().find(NamespaceType::uts) != nullptr;
  const std::pair<const char*, const std::string&> names[] = {{"hostname", spec.hostname},
                                                              {"domainname", spec.domainname}};
  constexpr std::size_t kLongest = 64;  // __NEW_UTS_LEN of <linux/utsname.h>
  for (const auto& [key, name] : names) {
    if (name.empty()) continue;
    if (!has_own) return fail_config(fmt::format("/{}", key), "unable to set {} without a private UTS namespace", key);
    if (name.size() > kLongest) return fail_config(fmt::format("/{}", key), "'{}' is longer than 64 bytes", name);
  }
  return {};
}

/// Whether the path is the root directory after "." and ".." are resolved.
bool is_top(std::string_view path) {
  int depth = 0;
  for (const auto part : text::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    depth = part == ".." ? std::max(depth - 1, 0) : depth + 1;
  }
  return depth == 0;
}

bool has_option(const Mount& mount, std::string_view option) {
  return std::ranges::find(mount.options, option) != mount.options.end();
}

Status check_id_mapped(const Mount& mount, const std::string& pointer, bool has_user_namespace) {
  const bool has_maps = !mount.uid_mappings.empty() || !mount.gid_mappings.empty();
  const bool asked = has_option(mount, "idmap") || has_option(mount, "ridmap");
  if (!has_maps && !asked) return {};
  if (!has_option(mount, "bind") && !has_option(mount, "rbind"))
    return fail_config(pointer, "id-mapped mounts are only supported for bind-mounts");
  if (!has_maps) {
    if (has_user_namespace) return {};
    return fail_config(pointer, "id-mapped mount without mappings needs a user namespace");
  }
  if (mount.uid_mappings.empty())
    return fail_config(pointer + "/uidMappings", "id-mapped mount needs uid mappings too");
  if (mount.gid_mappings.empty())
    return fail_config(pointer + "/gidMappings", "id-mapped mount needs gid mappings too");
  CAISSON_TRY(check_mappings(mount.uid_mappings, pointer + "/uidMappings"));
  return check_mappings(mount.gid_mappings, pointer + "/gidMappings");
}

Status check_mounts(const Spec& spec, Warnings& warnings) {
  const bool has_user_namespace = spec.linux_or_empty().find(NamespaceType::user) != nullptr;
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    const auto& mount = spec.mounts[i];
    const auto pointer = fmt::format("/mounts/{}", i);
    if (mount.destination.empty())
      return fail_config(pointer + "/destination", "invalid mount: destination must not be empty");
    if (is_top(mount.destination))
      return fail_config(pointer + "/destination", "mountpoint '{}' is on the top of rootfs", mount.destination);
    if (mount.destination[0] != '/')
      warnings.push_back(fmt::format("mount '{}': relative destination path is deprecated, using it as relative to /",
                                     mount.destination));
    CAISSON_TRY(check_id_mapped(mount, pointer, has_user_namespace));
  }
  return {};
}

Status check_hook_list(const std::vector<Hook>& hooks, const char* key) {
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    const auto& hook = hooks[i];
    const auto pointer = fmt::format("/hooks/{}/{}", key, i);
    if (!hook.path.starts_with('/')) return fail_config(pointer + "/path", "hook path '{}' is not absolute", hook.path);
    if (hook.timeout && *hook.timeout <= 0)
      return fail_config(pointer + "/timeout", "hook timeout {} is not greater than zero", *hook.timeout);
    if (hook.env) CAISSON_TRY(check_environment(*hook.env, pointer + "/env"));
  }
  return {};
}

Status check_hooks(const Spec& spec, Warnings&) {
  if (!spec.hooks) return {};
  CAISSON_TRY(check_hook_list(spec.hooks->prestart, "prestart"));
  CAISSON_TRY(check_hook_list(spec.hooks->create_runtime, "createRuntime"));
  CAISSON_TRY(check_hook_list(spec.hooks->create_container, "createContainer"));
  CAISSON_TRY(check_hook_list(spec.hooks->start_container, "startContainer"));
  CAISSON_TRY(check_hook_list(spec.hooks->poststart, "poststart"));
  return check_hook_list(spec.hooks->poststop, "poststop");
}

Status check_annotations(const Spec& spec, Warnings&) {
  // The map is sorted: an empty key comes first.
  if (!spec.annotations.empty() && spec.annotations.begin()->first.empty())
    return fail_config("/annotations/", "the name of an annotation must not be empty");
  const auto type = find_annotation(spec.annotations, annotation::kMountContextType);
  if (type && *type != "context" && *type != "fscontext" && *type != "defcontext" && *type != "rootcontext")
    return fail_config(annotation_pointer(annotation::kMountContextType),
                       "'{}' is none of context, fscontext, defcontext and rootcontext", *type);
  return {};
}

Status check_linux(const Spec& spec, Warnings&) {
  if (!spec.linux) return {};
  for (const auto& check : linux_checks()) CAISSON_TRY(check.run(spec, *spec.linux));
  return {};
}

/// Run in this order. The first error is returned.
constexpr Check kChecks[] = {
    check_version, check_other_platforms, check_process, check_root,        check_names,
    check_linux,   check_mounts,          check_hooks,   check_annotations,
};

}  // namespace

Status check_environment(const std::vector<std::string>& env, std::string_view pointer) {
  for (std::size_t i = 0; i < env.size(); ++i) {
    const auto equals = env[i].find('=');
    if (equals == std::string::npos)
      return fail_config(fmt::format("{}/{}", pointer, i), "invalid environment variable: missing '=' in '{}'", env[i]);
    if (equals == 0)
      return fail_config(fmt::format("{}/{}", pointer, i), "invalid environment variable: no name in '{}'", env[i]);
  }
  return {};
}

Status check_mappings(const std::vector<IdMapping>& mappings, std::string_view pointer) {
  constexpr std::uint64_t kEnd = std::uint64_t{kNoId};  // the last id is not valid
  const auto overlap = [](std::uint64_t a, std::uint64_t a_size, std::uint64_t b, std::uint64_t b_size) {
    return a < b + b_size && b < a + a_size;
  };
  constexpr std::size_t kMost = 340;   // UID_GID_MAP_MAX_EXTENTS since Linux 4.15
  constexpr std::size_t kPage = 4096;  // a write to uid_map must be shorter: user_namespaces(7)
  if (mappings.size() > kMost)
    return fail_config(std::string(pointer), "{} mappings: the kernel takes {} at most", mappings.size(), kMost);
  std::size_t text = 0;
  for (const auto& map : mappings) text += fmt::formatted_size("{} {} {}\n", map.container_id, map.host_id, map.size);
  if (text >= kPage)
    return fail_config(std::string(pointer), "{} mappings of {} bytes as text: the kernel takes less than {}",
                       mappings.size(), text, kPage);
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const auto& map = mappings[i];
    if (map.size == 0) return fail_config(fmt::format("{}/{}/size", pointer, i), "a mapping of no ids");
    if (std::uint64_t{map.container_id} + map.size > kEnd || std::uint64_t{map.host_id} + map.size > kEnd)
      return fail_config(fmt::format("{}/{}", pointer, i), "the mapping goes beyond the last id");
    for (std::size_t j = 0; j < i; ++j) {
      const auto& other = mappings[j];
      if (overlap(map.container_id, map.size, other.container_id, other.size) ||
          overlap(map.host_id, map.size, other.host_id, other.size))
        return fail_config(fmt::format("{}/{}", pointer, i), "the mapping overlaps with mapping {}", j);
    }
  }
  return {};
}

Status validate(const Spec& spec, std::vector<std::string>& warnings) {
  for (const auto check : kChecks) CAISSON_TRY(check(spec, warnings));
  return {};
}

}  // namespace caisson::config
