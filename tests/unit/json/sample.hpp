// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "json/fields.hpp"

namespace sample {

enum class Shade { light, dark };

struct Leaf {
  std::string name;
  std::optional<Shade> shade;
  bool operator==(const Leaf&) const = default;
};

/// One member of each kind that tables know.
struct Tree {
  bool tall = false;
  std::int32_t small = 0;
  std::uint16_t tiny = 0;
  std::int64_t wide = 0;
  std::uint64_t huge = 0;
  double ratio = 0;
  std::string text;
  std::vector<Leaf> leaves;
  std::map<std::string, std::vector<int>> by_name;
  std::optional<std::vector<std::string>> words;
  std::optional<bool> maybe;
  std::optional<Leaf> best;
  caisson::json::Raw raw;
  Shade shade{};
  bool operator==(const Tree&) const = default;
};

}  // namespace sample

namespace caisson {

template <>
inline constexpr auto json::spellings<sample::Shade> = std::to_array<json::Spelling<sample::Shade>>({
    {"light", sample::Shade::light},
    {"bright", sample::Shade::light},
    {"dark", sample::Shade::dark},
});
template <>
inline constexpr json::UnknownWord json::unknown_word<sample::Shade>{"shade ", " was never seen"};

template <>
inline constexpr auto json::fields<sample::Leaf> = table(required("name", &sample::Leaf::name),
                                                         optional("shade", &sample::Leaf::shade));

template <>
inline constexpr auto json::fields<sample::Tree> = table(
    optional("tall", &sample::Tree::tall), optional("small", &sample::Tree::small),
    optional("tiny", &sample::Tree::tiny), optional("wide", &sample::Tree::wide), optional("huge", &sample::Tree::huge),
    optional("ratio", &sample::Tree::ratio), optional("text", &sample::Tree::text),
    optional("leaves", &sample::Tree::leaves), optional("byName", &sample::Tree::by_name),
    optional("words", &sample::Tree::words), optional("maybe", &sample::Tree::maybe),
    optional("best", &sample::Tree::best), optional("raw", &sample::Tree::raw), always("shade", &sample::Tree::shade));

}  // namespace caisson
