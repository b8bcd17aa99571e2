// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "plan/facts.hpp"

namespace caisson::fuzz {

/// One parser or compiler that is given any bytes. It must return; what it gives back must be consistent.
struct Target {
  const char* name;  ///< also of its directory below corpus/
  void (*run)(std::string_view input);
};

/// Ends the program with the text unless `holds`: libFuzzer keeps the input.
void require(bool holds, const char* text);

/// One host of each kind that a plan can be made for.
const std::array<plan::HostFacts, 5>& hosts();

// The targets, one file for each group.
void plan_config(std::string_view text);
void lower_container_json(std::string_view text);
void read_state(std::string_view text);
void decode_message(std::string_view packet);
void read_mount_options(std::string_view text);
void find_user(std::string_view text);
void read_kernel_files(std::string_view text);
void update_resources(std::string_view text);
void compile_seccomp(std::string_view text);
void compile_devices(std::string_view bytes);

inline constexpr std::array<Target, 10> kTargets{{{"config", plan_config},
                                                  {"container_json", lower_container_json},
                                                  {"state", read_state},
                                                  {"wire", decode_message},
                                                  {"mount_options", read_mount_options},
                                                  {"users", find_user},
                                                  {"kernel_files", read_kernel_files},
                                                  {"update", update_resources},
                                                  {"seccomp", compile_seccomp},
                                                  {"devices", compile_devices}}};

}  // namespace caisson::fuzz
