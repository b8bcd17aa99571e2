// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "nsinit/container_json.hpp"

namespace caisson::nsinit {

/// What a container.json does not say of the container.
struct Surroundings {
  std::string rootfs;             ///< absolute
  std::string config_file;        ///< container.json, absolute; empty = it is not read again
  std::string id;                 ///< names a cgroup that has no name
  std::vector<std::string> args;  ///< what is to be run
  std::uint32_t uid = 0;          ///< the caller's
  std::uint32_t gid = 0;
  std::string no_apparmor;  ///< why the host counts as one without AppArmor; empty = it has it
  bool selinux = false;
  std::string mcs;            ///< "s0:c1,c2" for labels that name no level
  std::string process_label;  ///< "user:role:type", as the next: of a container that names no label; empty = none
  std::string mount_label;
};

/// Where a value of config.json comes from.
struct Origin {
  std::string pointer;  ///< "/process/rlimits/0"
  std::string native;   ///< "/rlimits/0"
  bool operator==(const Origin&) const = default;
};

/// A tree of the host that is to have another SELinux label before it is mounted.
struct Relabel {
  std::string path;
  std::string label;
  std::string origin;
  bool operator==(const Relabel&) const = default;
};

/// The same container as a config.json.
struct Lowered {
  config::Spec spec;
  std::vector<std::string> warnings;  ///< each names its field
  std::vector<Origin> origins;
  std::vector<Relabel> relabels;
  bool starts_frozen = false;
  bool no_pivot = false;
};

/// Says in the runtime-spec's words, and those of its extension, what a container.json asks for.
/// Errors are ErrorKind::config and bear a pointer of container.json.
Result<Lowered> lower(const Container& container, const Surroundings& around);

/// The error with a pointer into container.json in place of one into the config.json that was made from it.
Error raise(Error error, const std::vector<Origin>& origins);

}  // namespace caisson::nsinit
