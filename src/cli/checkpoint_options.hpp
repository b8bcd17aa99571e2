// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/parser.hpp"

namespace caisson::cli {

/// What checkpoint and restore both tell CRIU.
struct CriuOptions {
  std::string image_path, work_path;
  bool tcp_established = false, ext_unix_sk = false, shell_job = false, file_locks = false;
  bool lazy_pages = false, auto_dedup = false;
  std::string manage_cgroups_mode = "soft";
  std::string network_lock;
  std::vector<std::string> empty_ns;
};

void add_criu_options(CLI::App& app, CriuOptions& options);

}  // namespace caisson::cli
