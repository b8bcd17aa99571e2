// SPDX-License-Identifier: Apache-2.0
#include "cli/features_json.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "cli/version.hpp"
#include "config/spec.hpp"
#include "json/fields.hpp"
#include "json/write.hpp"
#include "plan/identity.hpp"
#include "plan/mount_options.hpp"
#include "plan/seccomp_plan.hpp"

namespace caisson {
namespace cli {
namespace {

struct Cgroup {
  bool v1 = true;
  bool v2 = true;
  bool systemd = false;
  bool systemd_user = false;
  bool rdma = true;
};

struct Seccomp {
  bool enabled = true;
  std::vector<std::string> actions, operators, archs, known_flags, supported_flags;
};

struct Enabled {
  bool enabled = false;
};

struct IntelRdt {
  bool enabled = false;
  bool schemata = false;
  bool monitoring = false;
};

struct MemoryPolicy {
  std::vector<std::string> modes, flags;
};

struct MountExtensions {
  Enabled idmap;
};

struct Linux {
  std::vector<std::string> namespaces, capabilities;
  Cgroup cgroup;
  Seccomp seccomp;
  Enabled apparmor;
  Enabled selinux;
  IntelRdt intel_rdt;
  MemoryPolicy memory_policy;
  MountExtensions mount_extensions;
  Enabled net_devices;
};

struct Features {
  std::string oci_version_min = "1.0.0";
  std::string oci_version_max{config::kSpecVersion};
  std::vector<std::string> hooks, mount_options;
  Linux linux;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> unsafe_annotations;  ///< of a config, that change what this runtime does
};

/// The words of a closed set of the config, sorted.
template <class E>
std::vector<std::string> sorted_words() {
  auto words = json::words_of<E>();
  std::ranges::sort(words);
  return words;
}

}  // namespace
}  // namespace cli

template <>
inline constexpr auto json::fields<cli::Cgroup> = table(required("v1", &cli::Cgroup::v1),
                                                        required("v2", &cli::Cgroup::v2),
                                                        required("systemd", &cli::Cgroup::systemd),
                                                        required("systemdUser", &cli::Cgroup::systemd_user),
                                                        required("rdma", &cli::Cgroup::rdma));

template <>
inline constexpr auto json::fields<cli::Seccomp> = table(required("enabled", &cli::Seccomp::enabled),
                                                         required("actions", &cli::Seccomp::actions),
                                                         required("operators", &cli::Seccomp::operators),
                                                         required("archs", &cli::Seccomp::archs),
                                                         required("knownFlags", &cli::Seccomp::known_flags),
                                                         required("supportedFlags", &cli::Seccomp::supported_flags));

template <>
inline constexpr auto json::fields<cli::Enabled> = table(required("enabled", &cli::Enabled::enabled));

template <>
inline constexpr auto json::fields<cli::IntelRdt> = table(required("enabled", &cli::IntelRdt::enabled),
                                                          optional("schemata", &cli::IntelRdt::schemata),
                                                          optional("monitoring", &cli::IntelRdt::monitoring));

template <>
inline constexpr auto json::fields<cli::MemoryPolicy> = table(required("modes", &cli::MemoryPolicy::modes),
                                                              required("flags", &cli::MemoryPolicy::flags));

template <>
inline constexpr auto json::fields<cli::MountExtensions> = table(required("idmap", &cli::MountExtensions::idmap));

template <>
inline constexpr auto json::fields<cli::Linux> =
    table(required("namespaces", &cli::Linux::namespaces), required("capabilities", &cli::Linux::capabilities),
          required("cgroup", &cli::Linux::cgroup), required("seccomp", &cli::Linux::seccomp),
          required("apparmor", &cli::Linux::apparmor), required("selinux", &cli::Linux::selinux),
          required("intelRdt", &cli::Linux::intel_rdt), required("memoryPolicy", &cli::Linux::memory_policy),
          required("mountExtensions", &cli::Linux::mount_extensions), required("netDevices", &cli::Linux::net_devices));

template <>
inline constexpr auto json::fields<cli::Features> =
    table(required("ociVersionMin", &cli::Features::oci_version_min),
          required("ociVersionMax", &cli::Features::oci_version_max), required("hooks", &cli::Features::hooks),
          required("mountOptions", &cli::Features::mount_options), required("linux", &cli::Features::linux),
          required("annotations", &cli::Features::annotations),
          required("potentiallyUnsafeConfigAnnotations", &cli::Features::unsafe_annotations));

namespace cli {

std::string features_json(const plan::HostFacts& facts, const container::SeccompSupport& seccomp) {
  auto capabilities = plan::capability_names();
  // What the kernel does not know cannot be granted.
  const auto known = static_cast<std::size_t>(std::max(facts.last_capability, -1) + 1);
  if (capabilities.size() > known) capabilities.resize(known);

  Features features;
  features.hooks = json::keys_of<config::Hooks>();
  features.mount_options = plan::mount_option_names();
  features.linux = {
      .namespaces = sorted_words<config::NamespaceType>(),
      .capabilities = std::move(capabilities),
      .cgroup = {.systemd = kSystemd, .systemd_user = kSystemd},
      .seccomp = {.actions = plan::seccomp_actions(),
                  .operators = plan::seccomp_operators(),
                  .archs = plan::seccomp_architectures(),
                  .known_flags = plan::seccomp_flags(),
                  .supported_flags = seccomp.kernel_flags},
      .apparmor = {true},
      .selinux = {true},
      .intel_rdt = {.enabled = true, .schemata = true, .monitoring = true},
      .memory_policy = {.modes = sorted_words<config::MemoryPolicyMode>(),
                        .flags = sorted_words<config::MemoryPolicyFlag>()},
      .mount_extensions = {.idmap = {true}},
      .net_devices = {true},
  };
  features.annotations = {
      {"io.github.seccomp.libseccomp.version", seccomp.library_version},
      {"org.caisson.commit", kCommit},
      {"org.caisson.version", kVersion},
      // Engines ask for checkpoints by this name, whichever the runtime.
      {"org.opencontainers.runc.checkpoint.enabled", "false"},
  };
  // They become properties of the container's unit.
  if (kSystemd) features.unsafe_annotations = {"org.systemd.property."};
  return json::write(features, json::Style::four_spaces) + "\n";
}

}  // namespace cli
}  // namespace caisson
