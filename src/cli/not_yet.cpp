// SPDX-License-Identifier: Apache-2.0
#include "cli/not_yet.hpp"

#include <string>

namespace caisson::cli {

Run not_yet(std::string_view command, std::shared_ptr<void> options) {
  return [name = std::string(command), options = std::move(options)](const container::Globals&) -> Result<int> {
    return fail(ErrorKind::config, "'{}' is not yet supported by this version", name);
  };
}

}  // namespace caisson::cli
