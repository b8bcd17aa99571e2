// SPDX-License-Identifier: Apache-2.0
// The only file that sees CLI11, which costs seconds of compiling: it lays out the help pages.
#include "cli/parser.hpp"

// <iostream> would make every start of the program set up streams and locales that nobody uses: some 30 microseconds.
// CLI11 includes it for default arguments that are not used here; libstdc++'s own guard leaves it out.
#define _GLIBCXX_IOSTREAM 1  // NOLINT(bugprone-reserved-identifier): the guard is libstdc++'s
#include <istream>
#include <ostream>
namespace std {  // NOLINT(bugprone-std-namespace-modification): what <iostream> declares
extern istream cin;
extern ostream cout, cerr, clog;
}  // namespace std

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <limits>

#include "cli/tokens.hpp"

namespace caisson::cli {
namespace {

/// The given texts of one option into its variable.
class Assign {
 public:
  explicit Assign(const std::vector<std::string>& given) : given_(given) {}

  Status operator()(bool* into) const { return *into = given_.back() == "true", Status{}; }
  Status operator()(std::optional<bool>* into) const { return *into = given_.back() == "true", Status{}; }
  Status operator()(std::string* into) const { return *into = given_.back(), Status{}; }
  Status operator()(std::vector<std::string>* into) const { return *into = given_, Status{}; }

  Status operator()(int* into) const {
    *into = static_cast<int>(CAISSON_TRY(number(given_.back(), 0, std::numeric_limits<int>::max())));
    return {};
  }
  Status operator()(std::optional<std::int64_t>* into) const {
    *into = CAISSON_TRY(
        number(given_.back(), std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()));
    return {};
  }
  Status operator()(std::vector<std::uint32_t>* into) const {
    for (const auto& text : given_)
      into->push_back(
          static_cast<std::uint32_t>(CAISSON_TRY(number(text, 0, std::numeric_limits<std::uint32_t>::max()))));
    return {};
  }
  Status operator()(const Choice& choice) const {
    const auto& text = given_.back();
    for (auto words = choice.words; !words.empty();) {
      const auto bar = words.find('|');
      if (words.substr(0, bar) == text) return *choice.into = text, Status{};
      words.remove_prefix(bar == std::string_view::npos ? words.size() : bar + 1);
    }
    return fail(ErrorKind::config, "'{}' is none of {}", text, choice.words);
  }

 private:
  static Result<std::int64_t> number(const std::string& text, std::int64_t least, std::int64_t most) {
    std::int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, value);
    if (read.ec == std::errc::invalid_argument || read.ptr != end)
      return fail(ErrorKind::config, "'{}' is not a number", text);
    if (read.ec != std::errc{} || value < least || value > most)
      return fail(ErrorKind::config, "'{}' is not within {} ... {}", text, least, most);
    return value;
  }

  const std::vector<std::string>& given_;
};

/// "bundle,b" as CLI11 and its help write it: "-b,--bundle".
std::string dashed_names(std::string_view names) {
  std::string text;
  while (!names.empty()) {
    const auto comma = names.find(',');
    const auto name = names.substr(0, comma);
    std::string one = std::string(name.size() == 1 ? "-" : "--").append(name);
    text = text.empty() ? std::move(one) : std::move(one) + "," + text;
    names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
  }
  return text;
}

/// "--bundle", whatever spelling the user chose.
std::string first_name(std::string_view names) {
  const auto name = names.substr(0, names.find(','));
  return std::string(name.size() == 1 ? "-" : "--").append(name);
}

void add_option(CLI::App& app, const Option& option) {
  auto* added = app.add_option(dashed_names(option.names), CLI::callback_t(), std::string(option.help));
  if (option.hidden) added->group("");
  if (option.is_switch()) {
    added->option_text(" ");
  } else {
    const bool list = std::holds_alternative<std::vector<std::string>*>(option.into) ||
                      std::holds_alternative<std::vector<std::uint32_t>*>(option.into);
    added->option_text(std::string(option.value) + (list ? " ..." : ""));
  }
}

/// CLI11's page with a usage line of ours.
class Page : public CLI::Formatter {
 public:
  explicit Page(std::string usage) : usage_(std::move(usage)) { column_width(34); }
  std::string make_usage(const CLI::App*, std::string) const override { return usage_ + "\n"; }
  std::string make_description(const CLI::App* app) const override { return app->get_description() + "\n\n"; }

 private:
  std::string usage_;
};

void assign_arguments(const Grammar& grammar, std::span<const std::string_view> words) {
  for (const auto& argument : grammar.arguments) {
    if (words.empty()) return;
    if (auto* const* one = std::get_if<std::string*>(&argument.into)) {
      **one = words.front();
      words = words.subspan(1);
    } else {
      std::get<std::vector<std::string>*>(argument.into)->assign(words.begin(), words.end());
      words = {};
    }
  }
}

Status check_count(const Grammar& grammar, std::size_t count) {
  const auto least = static_cast<std::size_t>(std::ranges::count_if(grammar.arguments, &Argument::required));
  const bool unlimited =
      !grammar.arguments.empty() && std::holds_alternative<std::vector<std::string>*>(grammar.arguments.back().into);
  const auto most = unlimited ? std::numeric_limits<std::size_t>::max() : grammar.arguments.size();
  if (count >= least && count <= most) return {};
  const char* bound = least == most ? "exactly" : count < least ? "a minimum of" : "a maximum of";
  return fail(ErrorKind::config, "caisson: \"{}\" requires {} {} argument(s)", grammar.command, bound,
              count < least ? least : most);
}

}  // namespace

Result<Asked> parse(const Grammar& grammar, std::span<const char* const> words) {
  const Tokens tokens = CAISSON_TRY(read_tokens(grammar, words));
  if (tokens.help) return Asked::help;
  CAISSON_TRY(check_count(grammar, tokens.arguments.size()));
  assign_arguments(grammar, tokens.arguments);
  if (tokens.options.empty()) return Asked::action;

  // CLI11 would be a third of what a start of the program takes of its own.
  for (const auto& option : grammar.options) {
    std::vector<std::string> given;
    for (const auto& one : tokens.options)
      if (one.option == &option) given.emplace_back(one.value);
    if (given.empty()) continue;
    if (auto done = std::visit(Assign(given), option.into); !done)
      return std::unexpected(std::move(done).error().with("invalid value for " + first_name(option.names)));
  }
  return Asked::action;
}

std::string usage_text(const Grammar& grammar) {
  std::string text = "Usage: caisson";
  if (!grammar.command.empty()) text.append(" ").append(grammar.command);
  if (!grammar.options.empty()) text += " [OPTIONS]";
  for (const auto& argument : grammar.arguments) {
    const bool list = std::holds_alternative<std::vector<std::string>*>(argument.into);
    text.append(argument.required ? " <" : " [").append(argument.name).append(list ? "..." : "");
    text += argument.required ? ">" : "]";
  }
  return text;
}

std::string help_text(const Grammar& grammar, std::string_view summary, std::string_view details) {
  CLI::App app;
  app.description(std::string(summary));
  app.footer(std::string(details));
  app.formatter(std::make_shared<Page>(usage_text(grammar)));
  app.set_help_flag("-h,--help", "print this text");
  for (const auto& option : grammar.options) add_option(app, option);
  return app.help();
}

}  // namespace caisson::cli
