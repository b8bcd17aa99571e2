// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "json/fields.hpp"

namespace caisson::config {

struct Hook {
  std::string path;                             ///< absolute
  std::vector<std::string> args;                ///< whole argv; empty = {path}
  std::optional<std::vector<std::string>> env;  ///< "NAME=VALUE"
  std::optional<std::int64_t> timeout;          ///< seconds, > 0
  bool operator==(const Hook&) const = default;
};

/// /hooks. Source: runtime-spec 1.3 config.md, "POSIX-platform Hooks".
struct Hooks {
  std::vector<Hook> prestart;  ///< deprecated by the spec
  std::vector<Hook> create_runtime;
  std::vector<Hook> create_container;
  std::vector<Hook> start_container;
  std::vector<Hook> poststart;
  std::vector<Hook> poststop;
  bool operator==(const Hooks&) const = default;
};

}  // namespace caisson::config

namespace caisson {

template <>
inline constexpr auto json::fields<config::Hook> = table(required("path", &config::Hook::path),
                                                         optional("args", &config::Hook::args),
                                                         optional("env", &config::Hook::env),
                                                         optional("timeout", &config::Hook::timeout));

template <>
inline constexpr auto json::fields<config::Hooks> = table(optional("prestart", &config::Hooks::prestart),
                                                          optional("createRuntime", &config::Hooks::create_runtime),
                                                          optional("createContainer", &config::Hooks::create_container),
                                                          optional("startContainer", &config::Hooks::start_container),
                                                          optional("poststart", &config::Hooks::poststart),
                                                          optional("poststop", &config::Hooks::poststop));

}  // namespace caisson
