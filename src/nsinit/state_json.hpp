// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "json/fields.hpp"

namespace caisson::nsinit {

/// state.json of 2014.
struct NetworkState {
  std::string veth_host;
  std::string veth_child;
  bool operator==(const NetworkState&) const = default;
};
struct State {
  int init_pid = 0;
  std::string init_start_time;  ///< field 22 of /proc/PID/stat
  NetworkState network_state;
  std::map<std::string, std::string> cgroup_paths;  ///< by controller
  bool operator==(const State&) const = default;
};

Result<State> read_state(std::string_view text);
std::string write_state(const State& state);

}  // namespace caisson::nsinit

namespace caisson {

template <>
inline constexpr auto json::fields<nsinit::NetworkState> = table(
    optional("veth_host", &nsinit::NetworkState::veth_host), optional("veth_child", &nsinit::NetworkState::veth_child));

template <>
inline constexpr auto json::fields<nsinit::State> = table(always("init_pid", &nsinit::State::init_pid),
                                                          always("init_start_time", &nsinit::State::init_start_time),
                                                          always("network_state", &nsinit::State::network_state),
                                                          always("cgroup_paths", &nsinit::State::cgroup_paths));

}  // namespace caisson
