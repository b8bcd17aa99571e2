// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "api/inside.hpp"
#include "base/log.hpp"
#include "caisson/caisson.hpp"
#include "init/init.hpp"

namespace caisson::v1 {

void run_init_if_asked(int argc, char** argv) {
  // The name too: a program may have a command "init" of its own.
  if (init::is_init(argc, argv) && std::string_view(argv[0]) == "caisson") init::main(argv);
}

Result<void> log_to(const std::string& path) {
  return to_public(log::open(path, log::Format::text, log::Level::warning), "log");
}

}  // namespace caisson::v1
