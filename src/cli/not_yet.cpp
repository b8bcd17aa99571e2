// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "cli/command.hpp"

namespace caisson::cli {

Run not_yet(std::string_view command, std::shared_ptr<void> options) {
  return [name = std::string(command), options = std::move(options)](const container::Globals&) -> Result<int> {
    return fail(ErrorKind::config, "'{}' is not yet supported by this version", name);
  };
}

}  // namespace caisson::cli
