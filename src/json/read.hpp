// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "json/fields.hpp"

namespace caisson::json {

/// Whether strings must be UTF-8 (RFC 8259 section 8.1) or may hold any bytes, as program arguments may.
enum class Encoding { any, utf8 };

/// How the text's members are matched with the keys of a table.
enum class Keys {
  exact,       ///< exactly; unknown members are ignored
  any_case,    ///< without regard to ASCII case, as in Go; unknown members are ignored
  known_only,  ///< exactly; an unknown member is an error
};

/// Called for each unknown member with its JSON pointer and the nearest key of the table (empty if none is near).
using IgnoredKey = void (*)(const std::string& pointer, std::string_view nearest);
/// Sets the callback of the whole program; null, the default, for none.
void on_ignored_key(IgnoredKey call);

namespace detail {

/// A parsed value, borrowed from the document. Its type is known to read.cpp only.
using Node = const void*;

/// Position in the document: a linked list of the object members and array elements above the current value.
struct Place {
  const Place* parent = nullptr;
  std::string_view key;
  std::size_t index = 0;
  bool is_index = false;
};

/// State of one parse.
struct Reader {
  std::string_view base;  ///< prefix of all pointers in errors
  Encoding encoding;
  Keys keys;
  bool plain;  ///< valid text without escapes: no string can hold a NUL byte or a lone surrogate
  std::optional<Error> fault;
  /// Stores the error and returns false.
  bool wrong(const Place& at, std::string what);
};

using ReadFunction = bool (*)(Reader&, Node, void*, const Place&);
/// Reads one member of a struct, by its row in the table.
using ReadRow = bool (*)(Reader&, Node, void*, std::size_t, const Place&);
struct Member {
  std::string_view key;
  Node value;
};

bool is_null(Node value);
bool is_empty_string(Node value);
bool read_bool(Reader& reader, Node value, bool& out, const Place& at);
bool read_double(Reader& reader, Node value, double& out, const Place& at);
bool read_string(Reader& reader, Node value, std::string& out, const Place& at);
bool read_raw(Reader& reader, Node value, std::string& out, const Place& at);
bool read_signed(Reader& reader, Node value, std::int64_t least, std::int64_t most, std::int64_t& out, const Place& at);
bool read_unsigned(Reader& reader, Node value, std::uint64_t most, std::uint64_t& out, const Place& at);
/// `out`: index of the word.
bool read_word(Reader& reader, Node value, Packed words, std::size_t& out, const Place& at);
bool read_object(Reader& reader, Node value, Packed keys, ReadRow read, void* out, const Place& at);
bool open_array(Reader& reader, Node value, std::size_t& size, const Place& at);
Node element(Node value, std::size_t index);
bool open_object(Reader& reader, Node value, std::size_t& size, const Place& at);
/// Fails if the key holds a NUL byte.
bool member(Reader& reader, Node value, std::size_t index, Member& out, const Place& at);
bool repeated_member(Reader& reader, const Place& at);
Status parse_into(std::string_view text, Encoding encoding, std::string_view base, Keys keys, ReadFunction read,
                  void* out);

template <class T>
bool read_any(Reader& reader, Node value, T& out, const Place& at);

template <class T>
bool read_value(Reader& reader, Node value, std::optional<T>& out, const Place& at) {
  // Some writers emit an empty string for an absent enum value.
  if (is_null(value) || (std::is_enum_v<T> && is_empty_string(value))) {
    out.reset();
    return true;
  }
  return read_any(reader, value, out.emplace(), at);
}

template <class T>
bool read_value(Reader& reader, Node value, std::vector<T>& out, const Place& at) {
  std::size_t size = 0;
  if (!open_array(reader, value, size, at)) return false;
  out.clear();
  out.reserve(size);
  for (std::size_t i = 0; i < size; ++i)
    if (!read_any(reader, element(value, i), out.emplace_back(), Place{&at, {}, i, true})) return false;
  return true;
}

template <class T>
bool read_value(Reader& reader, Node value, std::map<std::string, T>& out, const Place& at) {
  std::size_t size = 0;
  if (!open_object(reader, value, size, at)) return false;
  out.clear();
  for (std::size_t i = 0; i < size; ++i) {
    Member entry;
    if (!member(reader, value, i, entry, at)) return false;
    if (is_null(entry.value)) continue;
    const Place here{&at, entry.key};
    auto [place, fresh] = out.try_emplace(std::string(entry.key));
    if (!fresh) return repeated_member(reader, here);
    if (!read_any(reader, entry.value, place->second, here)) return false;
  }
  return true;
}

template <class T, std::size_t... I>
bool read_row(Reader& reader, Node value, T& out, std::size_t which, const Place& at, std::index_sequence<I...>) {
  bool good = false;
  (void)((which == I && (good = read_any(reader, value, out.*member_of<T, I>, at), true)) || ...);
  return good;
}
template <class T>
bool read_erased_row(Reader& reader, Node value, void* out, std::size_t which, const Place& at) {
  return read_row(reader, value, *static_cast<T*>(out), which, at, Rows<T>());
}

template <class T>
bool read_any(Reader& reader, Node value, T& out, const Place& at) {
  if constexpr (std::same_as<T, bool>) {
    return read_bool(reader, value, out, at);
  } else if constexpr (std::same_as<T, double>) {
    return read_double(reader, value, out, at);
  } else if constexpr (std::same_as<T, std::string>) {
    return read_string(reader, value, out, at);
  } else if constexpr (std::same_as<T, Raw>) {
    return read_raw(reader, value, out.text, at);
  } else if constexpr (std::signed_integral<T>) {
    std::int64_t wide = 0;
    if (!read_signed(reader, value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), wide, at))
      return false;
    out = static_cast<T>(wide);
    return true;
  } else if constexpr (std::unsigned_integral<T>) {
    std::uint64_t wide = 0;
    if (!read_unsigned(reader, value, std::numeric_limits<T>::max(), wide, at)) return false;
    out = static_cast<T>(wide);
    return true;
  } else if constexpr (std::is_enum_v<T>) {
    std::size_t which = 0;
    if (!read_word(reader, value, {packed_words<T>.data()}, which, at)) return false;
    out = word_values<T>[which];
    return true;
  } else if constexpr (requires { fields<T>.size; }) {
    static_assert(fields<T>.size > 0 && fields<T>.size <= 64);
    return read_object(reader, value, keys<T>(), read_erased_row<T>, &out, at);
  } else {
    return read_value(reader, value, out, at);
  }
}

template <class T>
bool read_erased(Reader& reader, Node value, void* out, const Place& at) {
  return read_any(reader, value, *static_cast<T*>(out), at);
}

}  // namespace detail

/// Reads a document. `keys` says what becomes of members that no table names. `null` is absent. A member given twice,
/// a number out of its type's range and a NUL byte in a string are faults. All errors are of kind config: "invalid
/// JSON at line 3, column 7: ..." for text that is not JSON, else one that bears the pointer of the value at fault,
/// which starts with `base`.
template <class T>
Result<T> parse(std::string_view text, Encoding encoding = Encoding::any, std::string_view base = {},
                Keys keys = Keys::exact) {
  T out{};
  auto status = detail::parse_into(text, encoding, base, keys, detail::read_erased<T>, &out);
  if (!status) return std::unexpected(std::move(status).error());
  return out;
}

}  // namespace caisson::json
