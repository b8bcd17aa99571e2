// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace CLI {
class App;
}

/// CLI11 parses the command line. Commands declare their options by these functions, each a few calls of CLI11's own:
/// its headers cost ten seconds of compiling in every file that includes them, so only this folder's parser and
/// command table do.
///
/// `names` is "-b,--bundle"; `value` is what help calls the value, "DIR". Given twice, an option's last value counts;
/// lists collect. What is not given leaves its variable alone. Variables must outlive the parsing.
namespace caisson::cli {

/// --x, --x=true, --x=false.
void add_switch(CLI::App& app, const char* names, bool& into, const char* help);
/// The same where "not given" differs from false.
void add_switch(CLI::App& app, const char* names, std::optional<bool>& into, const char* help);

void add_option(CLI::App& app, const char* names, std::string& into, const char* value, const char* help);
/// The same where "not given" differs from empty.
void add_option(CLI::App& app, const char* names, std::optional<std::string>& into, const char* value,
                const char* help);
/// 0, 1, 2, ...
void add_option(CLI::App& app, const char* names, int& into, const char* value, const char* help);
/// A number, negative ones too.
void add_option(CLI::App& app, const char* names, std::optional<std::int64_t>& into, const char* value,
                const char* help);
/// One of the words of "table|json".
void add_choice(CLI::App& app, const char* names, std::string& into, const char* words, const char* help);

/// May be given many times. Values are kept as they were written.
void add_list(CLI::App& app, const char* names, std::vector<std::string>& into, const char* value, const char* help);
/// The same for ids: numbers of 32 bits.
void add_list(CLI::App& app, const char* names, std::vector<std::uint32_t>& into, const char* value, const char* help);

/// Leaves an option out of the help page.
void hide(CLI::App& app, const char* name);

enum class Need { required, optional };
/// The next word that is not an option.
void add_argument(CLI::App& app, const char* name, std::string& into, Need need = Need::required);
/// Any number of arguments behind those that have names of their own: rest() has them once the words are parsed.
void add_rest(CLI::App& app, const char* name);
std::vector<std::string> rest(const CLI::App& app);
/// Options must stand before the first argument: what follows it belongs to another program or command.
void end_options_at_first_argument(CLI::App& app);

/// What a command line asks for.
enum class Asked { action, help };

/// What CLI11 is to parse.
struct Words {
  Asked asked = Asked::action;
  std::vector<std::string> words;  ///< last word first, as CLI::App::parse() takes them
};

/// Brings a command line to CLI11's form: options as "--name=true" or as "--name" and the value in a word of its own,
/// then "--" and the arguments. Engines and scripts use the spellings of Go's flag package, because runc has them:
///   -x and --x are the same for short and long names; --x=value and --x value, whatever the value looks like;
///   switches take a value only as --x=true or --x=false (also 1, 0, t, f); a lone "-" is an argument;
///   "--" ends the options; options may follow arguments unless end_options_at_first_argument() was called.
/// -h and --help end the reading. Errors are ErrorKind::config: "flag provided but not defined: --x",
/// "flag needs an argument: --x", "invalid value 'maybe' for --x: ...",
/// `caisson: "start" requires exactly 1 argument(s)`.
Result<Words> from_go_spelling(const CLI::App& app, std::span<const char* const> words);

/// "Usage: caisson kill [OPTIONS] <container-id> [signal]".
std::string usage_text(const CLI::App& app);

/// The help page: description, usage, options, footer.
std::string help_text(const CLI::App& app);

}  // namespace caisson::cli
