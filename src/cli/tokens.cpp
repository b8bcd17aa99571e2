// SPDX-License-Identifier: Apache-2.0
#include "cli/tokens.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace caisson::cli {
namespace {

constexpr auto kTrue = std::to_array<std::string_view>({"true", "1", "t", "T", "TRUE", "True"});
constexpr auto kFalse = std::to_array<std::string_view>({"false", "0", "f", "F", "FALSE", "False"});

bool has_name(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const auto comma = names.find(',');
    if (names.substr(0, comma) == name) return true;
    if (comma == std::string_view::npos) break;
    names.remove_prefix(comma + 1);
  }
  return false;
}

const Option* find_option(const Grammar& grammar, std::string_view name) {
  if (name.empty()) return nullptr;
  for (const auto& option : grammar.options)
    if (has_name(option.names, name)) return &option;
  return nullptr;
}

/// "--bundle" for "bundle", "-b" for "b".
std::string dashed(std::string_view name) { return std::string(name.size() == 1 ? "-" : "--").append(name); }

Result<bool> read_switch(std::string_view name, std::string_view text) {
  if (std::ranges::find(kTrue, text) != kTrue.end()) return true;
  if (std::ranges::find(kFalse, text) != kFalse.end()) return false;
  return fail(ErrorKind::config, "invalid value '{}' for {}: neither true nor false", text, dashed(name));
}

}  // namespace

Result<Tokens> read_tokens(const Grammar& grammar, std::span<const char* const> words) {
  Tokens tokens;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (word == "--") {
      for (const char* rest : words.subspan(i + 1)) tokens.arguments.emplace_back(rest);
      break;
    }
    if (word.size() < 2 || word.front() != '-') {
      tokens.arguments.push_back(word);
      if (!grammar.options_first) continue;
      for (const char* rest : words.subspan(i + 1)) tokens.arguments.emplace_back(rest);
      break;
    }
    word.remove_prefix(word[1] == '-' ? 2 : 1);
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const bool has_value = equals != std::string_view::npos;
    const auto value = has_value ? word.substr(equals + 1) : std::string_view{};

    const Option* option = find_option(grammar, name);
    if (!option && (name == "help" || name == "h")) {
      tokens.help = !has_value || CAISSON_TRY(read_switch(name, value));
      if (tokens.help) return tokens;
    } else if (!option) {
      return fail(ErrorKind::config, "flag provided but not defined: {}", dashed(name));
    } else if (option->is_switch()) {
      const bool on = !has_value || CAISSON_TRY(read_switch(name, value));
      tokens.options.push_back({option, on ? "true" : "false"});
    } else if (has_value) {
      tokens.options.push_back({option, value});
    } else if (i + 1 < words.size()) {
      tokens.options.push_back({option, words[++i]});
    } else {
      return fail(ErrorKind::config, "flag needs an argument: {}", dashed(name));
    }
  }
  return tokens;
}

}  // namespace caisson::cli
