// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace caisson::json {

/// When a member of a JSON object must be present, and when it is written.
enum class Need {
  required,  ///< must be present when read; always written
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
/// Use std::optional for a number where "absent" and 0 mean different things.
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

/// Makes a table of rows. It is a plain aggregate because std::tuple adds half a second of compile time to every file
/// that includes it.
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

/// One accepted word of an enum.
template <class E>
struct Spelling {
  std::string_view word;
  E value;
};

/// The accepted words of an enum: `std::to_array<Spelling<Shade>>({{"light", Shade::light}, ...})`. If a value has
/// several words, the first is written and all are read.
template <class E>
inline constexpr auto spellings = nullptr;

/// The text before and after the quoted word in the error for an unknown word: "unknown value 'x'".
struct UnknownWord {
  std::string_view before = "unknown value ";
  std::string_view after = {};
};
template <class E>
inline constexpr UnknownWord unknown_word{};

// The tables are used at compile time only. Pointers in the data of a position-independent executable are relocated at
// every start, which copies their pages. The keys are therefore packed as length-prefixed strings.
namespace detail {

/// One string of a packed list: a length byte, a flag byte (Need), the characters. The next string follows directly.
struct Packed {
  const char* at = nullptr;
  constexpr std::size_t size() const { return static_cast<unsigned char>(at[0]); }
  constexpr std::string_view text() const { return {at + 2, size()}; }
  constexpr Need need() const { return static_cast<Need>(at[1]); }
  constexpr Packed next() const { return {at + 2 + size()}; }
  /// True at the end of the list.
  constexpr bool ends() const { return at[0] == '\0'; }
};

constexpr char* pack(char* to, std::string_view text, std::size_t least, Need need = Need::required) {
  if (text.size() < least || text.size() > 255) std::unreachable();  // in a constant expression: a compile-time error
  *to++ = static_cast<char>(text.size());
  *to++ = static_cast<char>(need);
  return std::ranges::copy(text, to).out;
}

/// The keys of a struct, each with its Need.
template <class T, std::size_t... I>
consteval auto pack_keys(std::index_sequence<I...>) {
  std::array<char, (std::size_t{1} + ... + (row<I>(fields<T>).key.size() + 2))> packed{};
  char* to = packed.data();
  ((to = pack(to, row<I>(fields<T>).key, 1, row<I>(fields<T>).need)), ...);
  return packed;
}
template <class T>
using Rows = std::make_index_sequence<fields<T>.size>;
template <class T>
inline constexpr auto packed_keys = pack_keys<T>(Rows<T>());
template <class T>
constexpr Packed keys() {
  return {packed_keys<T>.data()};
}
template <class T, std::size_t I>
inline constexpr auto member_of = row<I>(fields<T>).member;

/// The texts of UnknownWord, then the words of an enum.
template <class E>
consteval std::size_t words_size() {
  std::size_t size = unknown_word<E>.before.size() + unknown_word<E>.after.size() + 5;
  for (const auto& spelling : spellings<E>) size += spelling.word.size() + 2;
  return size;
}
template <class E>
consteval auto pack_words() {
  std::array<char, words_size<E>()> packed{};
  char* to = pack(packed.data(), unknown_word<E>.before, 0);
  to = pack(to, unknown_word<E>.after, 0);
  for (const auto& spelling : spellings<E>) to = pack(to, spelling.word, 1);
  return packed;
}
template <class E>
inline constexpr auto packed_words = pack_words<E>();

template <class E>
consteval auto list_values() {
  std::array<E, spellings<E>.size()> values{};
  std::ranges::transform(spellings<E>, values.begin(), &Spelling<E>::value);
  return values;
}
/// The enumerators of the words, in the words' order.
template <class E>
inline constexpr auto word_values = list_values<E>();

}  // namespace detail

/// The word of an enumerator; empty for a value outside the enum.
template <class E>
constexpr std::string_view word_of(E value) {
  auto word = detail::Packed{detail::packed_words<E>.data()}.next().next();
  for (const E known : detail::word_values<E>) {
    if (known == value) return word.text();
    word = word.next();
  }
  return {};
}

/// All words of an enum, in the order of their table.
template <class E>
std::vector<std::string> words_of() {
  std::vector<std::string> words;
  for (auto word = detail::Packed{detail::packed_words<E>.data()}.next().next(); !word.ends(); word = word.next())
    words.emplace_back(word.text());
  return words;
}

/// The keys of a struct, in the order of their table.
template <class T>
std::vector<std::string> keys_of() {
  std::vector<std::string> keys;
  for (auto key = detail::keys<T>(); !key.ends(); key = key.next()) keys.emplace_back(key.text());
  return keys;
}

/// JSON text that is not interpreted: compacted when read, written verbatim.
struct Raw {
  std::string text;
  bool operator==(const Raw&) const = default;
};

}  // namespace caisson::json
