// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace caisson::cli {

/// One word of a fixed list.
struct Choice {
  std::string* into;
  std::string_view words;  ///< "table|json"
};

/// Where an option's value goes; the type says how it is written.
using Target = std::variant<bool*,                         // --x, --x=true, --x=false
                            std::optional<bool>*,          // the same, where not given differs from false
                            int*,                          // 0, 1, 2, ...
                            std::optional<std::int64_t>*,  // a number, negative ones too
                            std::string*,                  //
                            Choice,                        //
                            std::vector<std::string>*,     // may be given many times
                            std::vector<std::uint32_t>*>;  // the same, numbers

/// One option of a command. Given twice, the last one wins; lists collect.
struct Option {
  std::string_view names;       ///< "bundle,b": each may be written with one dash or two
  Target into;                  ///< left alone when the option is not given
  std::string_view value = {};  ///< what help calls the value, "DIR"; empty for switches
  std::string_view help = {};
  bool hidden = false;  ///< taken, but not in help

  /// Takes no separate value.
  bool is_switch() const {
    return std::holds_alternative<bool*>(into) || std::holds_alternative<std::optional<bool>*>(into);
  }
};

/// A word that is no option. A list takes all that remain and stands last.
struct Argument {
  std::string_view name;  ///< "container-id"
  std::variant<std::string*, std::vector<std::string>*> into;
  bool required = true;
};

/// How a command's words are read; each command fills one in and nothing else needs to know its options.
struct Grammar {
  std::string_view command;  ///< "exec"; empty for the program itself
  std::vector<Option> options = {};
  std::vector<Argument> arguments = {};
  /// Options end at the first argument: what follows belongs to a command of the container, or of the program.
  bool options_first = false;
};

}  // namespace caisson::cli
