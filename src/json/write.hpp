// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "json/fields.hpp"

namespace caisson::json {

/// How the text is laid out. No style ends with a newline.
enum class Style { compact, two_spaces, four_spaces, tabs };

namespace detail {

/// Appends JSON tokens to a string with commas and indentation.
class Writer {
 public:
  Writer(std::string& out, Style style) : out_(out), style_(style) {}

  void open(char bracket);
  void close(char bracket);
  /// Sets the key of the next value. Nothing is written if no value follows. `key` must stay valid until then.
  void key(std::string_view key) { key_ = key; }
  /// Must be called before each array element.
  void element();
  void boolean(bool value);
  void number(std::int64_t value);
  void number(std::uint64_t value);
  void number(double value);
  void string(std::string_view value);
  void verbatim(std::string_view json);

 private:
  void begin_value();
  void quote(std::string_view text);
  void separate();
  void new_line();

  std::string& out_;
  Style style_;
  int depth_ = 0;
  bool first_ = true;
  std::string_view key_;
};

/// Writes one member of a struct, given by its row in the table, or nothing if the member is omitted.
using WriteRow = void (*)(Writer&, const void*, std::size_t);
void write_object(Writer& writer, Packed keys, WriteRow write, const void* value);

/// Whether an optional member is omitted. A nested struct without std::optional is always written.
template <class T>
bool is_absent(const T& value) {
  if constexpr (std::same_as<T, Raw>) {
    return value.text.empty();
  } else if constexpr (std::is_arithmetic_v<T>) {
    return value == T{};
  } else if constexpr (requires { value.has_value(); }) {
    return !value.has_value();
  } else if constexpr (requires { value.empty(); }) {
    return value.empty();
  } else {
    return false;
  }
}

template <class T>
void write_any(Writer& writer, const T& value);

template <class T>
void write_value(Writer& writer, const std::optional<T>& value) {
  if (!value) return writer.verbatim("null");
  write_any(writer, *value);
}

template <class T>
void write_value(Writer& writer, const std::vector<T>& value) {
  writer.open('[');
  for (const auto& item : value) {
    writer.element();
    write_any(writer, item);
  }
  writer.close(']');
}

template <class T>
void write_value(Writer& writer, const std::map<std::string, T>& value) {
  writer.open('{');
  for (const auto& [key, item] : value) {
    writer.key(key);
    write_any(writer, item);
  }
  writer.close('}');
}

template <class T, std::size_t I>
void write_member(Writer& writer, const T& value) {
  const auto& member = value.*member_of<T, I>;
  if (row<I>(fields<T>).need == Need::optional && is_absent(member)) return;
  write_any(writer, member);
}
template <class T, std::size_t... I>
void write_row(Writer& writer, const T& value, std::size_t which, std::index_sequence<I...>) {
  (void)((which == I && (write_member<T, I>(writer, value), true)) || ...);
}
template <class T>
void write_erased_row(Writer& writer, const void* value, std::size_t which) {
  write_row(writer, *static_cast<const T*>(value), which, Rows<T>());
}

template <class T>
void write_any(Writer& writer, const T& value) {
  if constexpr (std::same_as<T, bool>) {
    writer.boolean(value);
  } else if constexpr (std::same_as<T, double>) {
    writer.number(value);
  } else if constexpr (std::same_as<T, std::string>) {
    writer.string(value);
  } else if constexpr (std::same_as<T, Raw>) {
    writer.verbatim(value.text.empty() ? std::string_view("null") : value.text);
  } else if constexpr (std::signed_integral<T>) {
    writer.number(static_cast<std::int64_t>(value));
  } else if constexpr (std::unsigned_integral<T>) {
    writer.number(static_cast<std::uint64_t>(value));
  } else if constexpr (std::is_enum_v<T>) {
    writer.string(word_of(value));
  } else if constexpr (requires { fields<T>.size; }) {
    write_object(writer, keys<T>(), write_erased_row<T>, &value);
  } else {
    write_value(writer, value);
  }
}

}  // namespace detail

/// Writes a value as JSON, members in the order of its table. Bytes that are not UTF-8 are written as they are (see
/// text::to_utf8), a NUL byte as U+FFFD; '/', '<' and '&' are not escaped.
template <class T>
std::string write(const T& value, Style style = Style::compact) {
  std::string text;
  detail::Writer writer(text, style);
  detail::write_any(writer, value);
  return text;
}

/// Appends the compact form to `text`.
template <class T>
void append(std::string& text, const T& value) {
  detail::Writer writer(text, Style::compact);
  detail::write_any(writer, value);
}

}  // namespace caisson::json
