// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.hpp"

namespace caisson::cli {

extern const Command kVerify;

}  // namespace caisson::cli
