// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace caisson::json {

/// How a member of a JSON object relates to its C++ member.
enum class Need {
  required,  ///< must be there when read; always written
  optional,  ///< may be absent when read; not written while it is empty, false, zero or without value
  always,    ///< may be absent when read; always written
};

/// One row of a field table.
template <class T, class M>
struct Field {
  std::string_view key;
  M T::*member;
  Need need;
};

template <class T, class M>
constexpr Field<T, M> required(std::string_view key, M T::*member) {
  return {key, member, Need::required};
}
/// A number whose absence differs from zero belongs into a std::optional member.
template <class T, class M>
constexpr Field<T, M> optional(std::string_view key, M T::*member) {
  return {key, member, Need::optional};
}
template <class T, class M>
constexpr Field<T, M> always(std::string_view key, M T::*member) {
  return {key, member, Need::always};
}

namespace detail {
template <std::size_t I, class R>
struct Leaf {
  R row;
};
template <class Indices, class... R>
struct Table;
template <std::size_t... I, class... R>
struct Table<std::index_sequence<I...>, R...> : Leaf<I, R>... {
  static constexpr std::size_t size = sizeof...(R);
};
template <std::size_t I, class R>
constexpr const R& row(const Leaf<I, R>& leaf) {
  return leaf.row;
}
}  // namespace detail

/// Makes a table of rows. A plain aggregate: std::tuple costs every including file half a second of compiling.
template <class... R>
constexpr auto table(R... rows) {
  return detail::Table<std::index_sequence_for<R...>, R...>{{rows}...};
}

/// The table of a struct, specialised in namespace caisson:
/// `template <> inline constexpr auto json::fields<config::Root> = table(required("path", &config::Root::path));`
/// Members: bool, integers, double, std::string, Raw, enums with spellings, structs with fields, and std::optional,
/// std::vector and std::map<std::string, ...> of these. At most 64 rows.
template <class T>
inline constexpr auto fields = nullptr;

/// One word of a closed set.
template <class E>
struct Spelling {
  std::string_view word;
  E value;
};

/// The words of an enum: `std::to_array<Spelling<Shade>>({{"light", Shade::light}, ...})`. Where one value has several
/// words, the first is written and all are read.
template <class E>
inline constexpr auto spellings = nullptr;

/// The two halves of the error about a word outside the set: "unknown value 'x'".
struct UnknownWord {
  std::string_view before = "unknown value ";
  std::string_view after = {};
};
template <class E>
inline constexpr UnknownWord unknown_word{};

/// The word of an enumerator; empty for a value outside the enum.
template <class E>
constexpr std::string_view word_of(E value) {
  for (const auto& spelling : spellings<E>)
    if (spelling.value == value) return spelling.word;
  return {};
}

/// JSON text that is kept as it is: read compacted, written verbatim.
struct Raw {
  std::string text;
  bool operator==(const Raw&) const = default;
};

}  // namespace caisson::json
