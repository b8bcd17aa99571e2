// SPDX-License-Identifier: Apache-2.0
#include "config/oci_state.hpp"

#include "json/fields.hpp"
#include "json/write.hpp"

namespace caisson {

template <>
inline constexpr auto json::fields<config::OciState> = table(required("ociVersion", &config::OciState::oci_version),
                                                             required("id", &config::OciState::id),
                                                             required("status", &config::OciState::status),
                                                             optional("pid", &config::OciState::pid),
                                                             required("bundle", &config::OciState::bundle),
                                                             optional("annotations", &config::OciState::annotations));

template <>
inline constexpr auto json::fields<config::ContainerProcessState> =
    table(required("ociVersion", &config::ContainerProcessState::oci_version),
          required("fds", &config::ContainerProcessState::fds), required("pid", &config::ContainerProcessState::pid),
          optional("metadata", &config::ContainerProcessState::metadata),
          required("state", &config::ContainerProcessState::state));

namespace config {

std::string save(const OciState& state) { return json::write(state, json::Style::compact); }
std::string save(const ContainerProcessState& state) { return json::write(state, json::Style::compact); }

}  // namespace config
}  // namespace caisson
