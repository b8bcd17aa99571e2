// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/extension.hpp"
#include "config/hooks.hpp"
#include "config/linux.hpp"
#include "config/mounts.hpp"
#include "config/process_spec.hpp"
#include "json/fields.hpp"

namespace caisson::config {

/// The version of the runtime-spec that this model mirrors.
inline constexpr std::string_view kSpecVersion = "1.3.0";

/// config.json. Source: runtime-spec 1.3 config.md. Members are the spec's keys in snake_case.
struct Spec {
  std::string oci_version;
  std::optional<Process> process;
  std::optional<Root> root;
  std::string hostname;
  std::string domainname;
  std::vector<Mount> mounts;
  std::optional<Hooks> hooks;
  std::map<std::string, std::string> annotations;
  std::optional<Linux> linux;
  // Sections of other platforms: kept so that they can be refused by name.
  std::optional<json::Raw> solaris;
  std::optional<json::Raw> windows;
  std::optional<json::Raw> vm;
  std::optional<json::Raw> zos;
  std::optional<json::Raw> freebsd;
  /// Of the runtime's own: load() leaves it out, save() and load_saved() keep it.
  std::optional<Extension> extension;
  std::optional<json::Raw> saved_extension;  ///< the same on its way to or from text
  bool operator==(const Spec&) const = default;

  /// `linux`, or an empty one.
  const Linux& linux_or_empty() const;
  /// `extension`, or an empty one.
  const Extension& extension_or_empty() const;
};

/// Reads the text of a config.json. Does not check whether the values make sense together: see validate(). A value
/// whose meaning depends on ociVersion gets the value that has this meaning in kSpecVersion: pids.limit.
Result<Spec> load(std::string_view text);
/// The same of what save() wrote, which nobody but the runtime can have changed.
Result<Spec> load_saved(std::string_view text);

/// The canonical text: compact, members in the tables' order, nothing that load() would not need.
std::string save(const Spec& spec);

/// The text of a config.json for people, indented by tabs.
std::string save_indented(const Spec& spec);

/// Reads a process alone, as `exec --process` takes it. Pointers of faults start with `pointer`.
Result<Process> load_process(std::string_view text, std::string_view pointer = "/process");
std::string save_process(const Process& process);

/// Reads /linux/resources alone, as `update --resources` takes it. A member that the runtime does not know is a fault:
/// this document is the runtime's own interface, unlike config.json, where the spec wants unknown members ignored.
Result<Resources> load_resources(std::string_view text, std::string_view pointer = "/linux/resources");

/// For whom example() is.
struct ExampleHost {
  bool rootless = false;  ///< a user without privileges
  std::uint32_t uid = 0;  ///< that user's ids
  std::uint32_t gid = 0;
  bool cgroup_v2 = false;  ///< the host has cgroup v2 alone: the container gets a cgroup namespace, as from runc
};

/// What `caisson spec` writes: a shell in the usual namespaces.
Spec example(const ExampleHost& host);

}  // namespace caisson::config

namespace caisson {

template <>
inline constexpr auto json::fields<config::Spec> = table(
    required("ociVersion", &config::Spec::oci_version), optional("process", &config::Spec::process),
    optional("root", &config::Spec::root), optional("hostname", &config::Spec::hostname),
    optional("domainname", &config::Spec::domainname), optional("mounts", &config::Spec::mounts),
    optional("hooks", &config::Spec::hooks), optional("annotations", &config::Spec::annotations),
    optional("linux", &config::Spec::linux), optional("solaris", &config::Spec::solaris),
    optional("windows", &config::Spec::windows), optional("vm", &config::Spec::vm), optional("zos", &config::Spec::zos),
    optional("freebsd", &config::Spec::freebsd), optional("caisson", &config::Spec::saved_extension));

}  // namespace caisson
