// SPDX-License-Identifier: Apache-2.0
#include "cli/parser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>

#include "cli/cli11.hpp"

namespace caisson::cli {
namespace {

constexpr auto kTrue = std::to_array<std::string_view>({"true", "1", "t", "T", "TRUE", "True"});
constexpr auto kFalse = std::to_array<std::string_view>({"false", "0", "f", "F", "FALSE", "False"});

/// "--bundle" for "bundle", "-b" for "b".
std::string dashed(std::string_view name) { return std::string(name.size() == 1 ? "-" : "--").append(name); }

Result<bool> read_switch(std::string_view name, std::string_view text) {
  if (std::ranges::find(kTrue, text) != kTrue.end()) return true;
  if (std::ranges::find(kFalse, text) != kFalse.end()) return false;
  return fail(ErrorKind::config, "invalid value '{}' for {}: neither true nor false", text, dashed(name));
}

/// One word that begins with a dash: "-name", "--name=value".
struct OptionWord {
  explicit OptionWord(std::string_view word) {
    word.remove_prefix(word[1] == '-' ? 2 : 1);
    const auto equals = word.find('=');
    name = word.substr(0, equals);
    if (equals != std::string_view::npos) value = word.substr(equals + 1);
  }
  std::string_view name;
  std::optional<std::string_view> value;
};

/// "--bundle", whatever spelling the user chose. CLI::Option::get_name() is empty for hidden ones.
std::string name_of(const CLI::Option& option) {
  return option.get_lnames().empty() ? "-" + option.get_snames().front() : "--" + option.get_lnames().front();
}

std::vector<const CLI::Option*> arguments_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->get_positional(); });
}

/// Arguments beyond the named ones are taken.
bool has_rest(const CLI::App& app) { return app.get_allow_extras(); }

Status check_count(const CLI::App& app, std::size_t count) {
  const auto arguments = arguments_of(app);
  const auto least = static_cast<std::size_t>(std::ranges::count_if(arguments, &CLI::Option::get_required));
  const auto most = has_rest(app) ? std::numeric_limits<std::size_t>::max() : arguments.size();
  if (count >= least && count <= most) return {};
  const char* bound = least == most ? "exactly" : count < least ? "a minimum of" : "a maximum of";
  return fail(ErrorKind::config, "caisson: \"{}\" requires {} {} argument(s)", app.get_name(), bound,
              count < least ? least : most);
}

/// Takes decimal numbers alone: CLI11's own conversion reads "010" as octal and "true" as 1.
CLI::Validator number(std::int64_t least, std::int64_t most) {
  const auto read = [least, most](std::string& text) -> std::string {
    std::int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (result.ec == std::errc::invalid_argument || result.ptr != end) return fmt::format("'{}' is not a number", text);
    if (result.ec != std::errc{} || value < least || value > most)
      return fmt::format("'{}' is not within {} ... {}", text, least, most);
    text = std::to_string(value);  // without leading zeros
    return {};
  };
  return {read, ""};
}

CLI::Validator one_of(std::string_view words) {
  const auto check = [words](std::string& text) -> std::string {
    for (auto rest = words; !rest.empty();) {
      const auto bar = rest.find('|');
      if (rest.substr(0, bar) == text) return {};
      rest.remove_prefix(bar == std::string_view::npos ? rest.size() : bar + 1);
    }
    return fmt::format("'{}' is none of {}", text, words);
  };
  return {check, ""};
}

/// CLI11's page with a usage line of ours.
class Page : public CLI::Formatter {
 public:
  Page() { column_width(34); }
  std::string make_usage(const CLI::App* app, std::string) const override { return usage_text(*app) + "\n"; }
  std::string make_positionals(const CLI::App*) const override { return {}; }
  std::string make_description(const CLI::App* app) const override { return app->get_description() + "\n\n"; }
};

}  // namespace

void add_switch(CLI::App& app, const char* names, bool& into, const char* help) { app.add_flag(names, into, help); }

void add_switch(CLI::App& app, const char* names, std::optional<bool>& into, const char* help) {
  // Its own policy is to count, where false is -1.
  app.add_flag_function(
         names, [&into](std::int64_t on) { into = on > 0; }, help)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void add_option(CLI::App& app, const char* names, std::string& into, const char* value, const char* help) {
  app.add_option(names, into, help)->type_name(value);
}

void add_option(CLI::App& app, const char* names, std::optional<std::string>& into, const char* value,
                const char* help) {
  // CLI11's own conversion takes an empty text for an absent one.
  const CLI::callback_t keep = [&into](const CLI::results_t& values) {
    into = values.back();
    return true;
  };
  app.add_option(names, keep, help)->type_name(value);
}

void add_option(CLI::App& app, const char* names, int& into, const char* value, const char* help) {
  app.add_option(names, into, help)->type_name(value)->check(number(0, std::numeric_limits<int>::max()));
}

void add_option(CLI::App& app, const char* names, std::optional<std::int64_t>& into, const char* value,
                const char* help) {
  using Limits = std::numeric_limits<std::int64_t>;
  app.add_option(names, into, help)->type_name(value)->check(number(Limits::min(), Limits::max()));
}

void add_choice(CLI::App& app, const char* names, std::string& into, const char* words, const char* help) {
  app.add_option(names, into, help)->type_name(words)->check(one_of(words));
}

void add_list(CLI::App& app, const char* names, std::vector<std::string>& into, const char* value, const char* help) {
  // CLI11's own conversion to a list takes "{}" for an empty one and splits "[a,b]".
  const CLI::callback_t keep = [&into](const CLI::results_t& values) {
    into = values;
    return true;
  };
  app.add_option(names, keep, help)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name(std::string(value) + " ...");
}

void add_list(CLI::App& app, const char* names, std::vector<std::uint32_t>& into, const char* value, const char* help) {
  const CLI::callback_t read = [&into](const CLI::results_t& values) {
    into.clear();
    for (const auto& text : values) into.push_back(static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 10)));
    return true;
  };
  app.add_option(names, read, help)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name(std::string(value) + " ...")
      ->check(number(0, std::numeric_limits<std::uint32_t>::max()));
}

void hide(CLI::App& app, const char* name) { app.get_option(name)->group(""); }

void add_argument(CLI::App& app, const char* name, std::string& into, Need need) {
  app.add_option(name, into)->required(need == Need::required);
}

void add_rest(CLI::App& app, const char* name) {
  // An argument for the usage line alone: it takes no word, and CLI11 keeps those that nothing takes. A list would
  // split "[a,b]".
  app.add_option(name, CLI::callback_t())->expected(0, 1);
  app.allow_extras();
}

void end_options_at_first_argument(CLI::App& app) { app.prefix_command(); }

std::vector<std::string> rest(const CLI::App& app) {
  auto words = app.remaining();
  // from_go_spelling() puts a "--" before all arguments, which CLI11 keeps too.
  if (!words.empty()) words.erase(words.begin());
  return words;
}

Result<Words> from_go_spelling(const CLI::App& app, std::span<const char* const> words) {
  Words result;
  std::vector<std::string> arguments;
  const auto all_are_arguments = [&](std::span<const char* const> rest) {
    arguments.insert(arguments.end(), rest.begin(), rest.end());
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--") {
      all_are_arguments(words.subspan(i + 1));
      break;
    }
    if (word.size() < 2 || word.front() != '-') {
      arguments.emplace_back(word);
      if (!app.get_prefix_command()) continue;
      all_are_arguments(words.subspan(i + 1));
      break;
    }
    const OptionWord given(word);
    const std::string name = dashed(given.name);
    const CLI::Option* option = given.name.empty() ? nullptr : app.get_option_no_throw(name);
    if (option == nullptr) return fail(ErrorKind::config, "flag provided but not defined: {}", name);
    const bool is_switch = option->get_items_expected_max() == 0;
    if (is_switch) {
      const bool on = !given.value || CAISSON_TRY(read_switch(given.name, *given.value));
      if (option != app.get_help_ptr()) {
        result.words.push_back(name_of(*option) + (on ? "=true" : "=false"));
      } else if (on) {
        result.asked = Asked::help;
        return result;
      }
    } else if (given.value || i + 1 < words.size()) {
      result.words.push_back(name_of(*option));
      result.words.emplace_back(given.value ? *given.value : words[++i]);
    } else {
      return fail(ErrorKind::config, "flag needs an argument: {}", name);  // matched by engines
    }
  }
  CAISSON_TRY(check_count(app, arguments.size()));
  if (!arguments.empty()) result.words.emplace_back("--");
  std::ranges::move(arguments, std::back_inserter(result.words));
  std::ranges::reverse(result.words);
  return result;
}

std::string usage_text(const CLI::App& app) {
  std::string text = "Usage: caisson";
  if (!app.get_name().empty()) text.append(" ").append(app.get_name());
  if (app.get_options().size() > arguments_of(app).size() + 1) text += " [OPTIONS]";  // --help is one of them
  const auto arguments = arguments_of(app);
  for (const auto* argument : arguments) {
    const bool is_rest = has_rest(app) && argument == arguments.back();
    text.append(argument->get_required() ? " <" : " [").append(argument->get_name(true)).append(is_rest ? "..." : "");
    text += argument->get_required() ? ">" : "]";
  }
  return text;
}

std::string help_text(const CLI::App& app) { return Page().make_help(&app, {}, CLI::AppFormatMode::Normal); }

}  // namespace caisson::cli
