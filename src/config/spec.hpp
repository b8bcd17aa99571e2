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

/// The runtime-spec version of this model.
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
  // Sections of other platforms, read so that they can be refused by name.
  std::optional<json::Raw> solaris;
  std::optional<json::Raw> windows;
  std::optional<json::Raw> vm;
  std::optional<json::Raw> zos;
  std::optional<json::Raw> freebsd;
  /// Settings without a key in the spec. load() ignores them, save() and load_saved() keep them.
  std::optional<Extension> extension;
  std::optional<json::Raw> saved_extension;  ///< the extension as JSON text, during save() and load_saved()
  bool operator==(const Spec&) const = default;

  /// `linux`, or an empty value.
  const Linux& linux_or_empty() const;
  /// `extension`, or an empty value.
  const Extension& extension_or_empty() const;
};

/// Parses a config.json. Does not check whether the values make sense together: see validate(). A value
/// whose meaning depends on ociVersion gets the value that has this meaning in kSpecVersion: pids.limit.
Result<Spec> load(std::string_view text);
/// Parses what save() wrote, including the extension. Only for files that the runtime alone can write.
Result<Spec> load_saved(std::string_view text);

/// The canonical text: compact, members in the tables' order, without members that load() can do without.
std::string save(const Spec& spec);

/// A config.json indented with tabs, for people.
std::string save_indented(const Spec& spec);

/// Parses one process object, as for `exec --process`. Pointers in errors start with `pointer`.
Result<Process> load_process(std::string_view text, std::string_view pointer = "/process");
std::string save_process(const Process& process);

/// Parses one /linux/resources object, as for `update --resources`. Unknown members are errors: this document is the
/// runtime's own interface, while the spec wants unknown members of a config.json ignored.
Result<Resources> load_resources(std::string_view text, std::string_view pointer = "/linux/resources");

/// The host and user that example() is for.
struct ExampleHost {
  bool rootless = false;  ///< a user without privileges
  std::uint32_t uid = 0;  ///< that user's ids
  std::uint32_t gid = 0;
  bool cgroup_v2 = false;  ///< the host has cgroup v2 alone: the container gets a cgroup namespace, as from runc
};

/// The config that `caisson spec` writes: a shell in new namespaces.
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
