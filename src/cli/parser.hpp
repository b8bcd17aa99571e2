// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "cli/grammar.hpp"

namespace caisson::cli {

/// What a command line asks for.
enum class Asked { action, help };

/// Reads `words` into what `grammar` points at. Reads no file and no environment.
/// Errors are ErrorKind::config: those of read_tokens(), values that do not fit their option, and
/// `caisson: "start" requires exactly 1 argument(s)`.
Result<Asked> parse(const Grammar& grammar, std::span<const char* const> words);

/// "Usage: caisson kill [OPTIONS] <container-id> [signal]".
std::string usage_text(const Grammar& grammar);

/// The help page: summary, usage, options, details.
std::string help_text(const Grammar& grammar, std::string_view summary, std::string_view details);

}  // namespace caisson::cli
