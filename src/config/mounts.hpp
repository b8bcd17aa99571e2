// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "json/fields.hpp"

namespace caisson::config {

/// Maps `size` ids: container_id + n to host_id + n. Source: user_namespaces(7).
struct IdMapping {
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;
  bool operator==(const IdMapping&) const = default;
};

/// /mounts/N. Source: runtime-spec 1.3 config.md, "Mounts".
struct Mount {
  std::string destination;  ///< path in the container
  std::string type;         ///< file system of /proc/filesystems; ignored for bind mounts
  std::string source;       ///< a relative path of a bind mount starts at the bundle
  std::vector<std::string> options;
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  bool operator==(const Mount&) const = default;
};

/// /root.
struct Root {
  std::string path;  ///< absolute, or relative to the bundle
  bool readonly = false;
  bool operator==(const Root&) const = default;
};

}  // namespace caisson::config

namespace caisson {

template <>
inline constexpr auto json::fields<config::IdMapping> = table(required("containerID", &config::IdMapping::container_id),
                                                              required("hostID", &config::IdMapping::host_id),
                                                              required("size", &config::IdMapping::size));

template <>
inline constexpr auto json::fields<config::Mount> = table(required("destination", &config::Mount::destination),
                                                          optional("type", &config::Mount::type),
                                                          optional("source", &config::Mount::source),
                                                          optional("options", &config::Mount::options),
                                                          optional("uidMappings", &config::Mount::uid_mappings),
                                                          optional("gidMappings", &config::Mount::gid_mappings));

template <>
inline constexpr auto json::fields<config::Root> = table(required("path", &config::Root::path),
                                                         optional("readonly", &config::Root::readonly));

}  // namespace caisson
