// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "cli/grammar.hpp"

namespace caisson::cli {

/// An option as it was given.
struct GivenOption {
  const Option* option = nullptr;
  std::string_view value;  ///< of a switch "true" or "false"
};

/// The words of a command line, told apart.
struct Tokens {
  std::vector<GivenOption> options;
  std::vector<std::string_view> arguments;
  bool help = false;  ///< -h or --help was met: nothing after it was read
};

/// Tells options from arguments by the rules that engines and scripts rely on:
///   -x and --x are the same for short and long names; --x=value and --x value, whatever the value looks like;
///   switches take a value only as --x=true or --x=false (also 1, 0, t, f); a lone "-" is an argument;
///   "--" ends the options; options may follow arguments unless the grammar says options_first.
/// The views point into `words` and `grammar`. Errors: "flag provided but not defined: --x",
/// "flag needs an argument: --x", "invalid value 'maybe' for --x: ...".
Result<Tokens> read_tokens(const Grammar& grammar, std::span<const char* const> words);

}  // namespace caisson::cli
