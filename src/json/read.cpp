// SPDX-License-Identifier: Apache-2.0
#include "json/read.hpp"

#include <fmt/core.h>

#include <rapidjson/document.h>
#include <rapidjson/error/error.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "base/suggestion.hpp"
#include "base/text.hpp"

namespace caisson::json {

namespace detail {
namespace {

constinit IgnoredKey ignored_key = nullptr;

using Pool = rapidjson::MemoryPoolAllocator<>;
using Document = rapidjson::GenericDocument<rapidjson::UTF8<>, Pool, Pool>;
using Tree = Document::ValueType;

const Tree& tree(Node value) { return *static_cast<const Tree*>(value); }

[[gnu::flatten]] std::string_view view(const Tree& value) { return {value.GetString(), value.GetStringLength()}; }

/// Name of a value's type, for "expected a string, not ...".
std::string_view kind(const Tree& value) {
  switch (value.GetType()) {
    case rapidjson::kNullType: return "null";
    case rapidjson::kFalseType:
    case rapidjson::kTrueType: return "a boolean";
    case rapidjson::kObjectType: return "an object";
    case rapidjson::kArrayType: return "an array";
    case rapidjson::kStringType: return "a string";
    case rapidjson::kNumberType: return "a number";
  }
  return "something else";
}

bool expected(Reader& reader, const Tree& value, std::string_view what, const Place& at) {
  return reader.wrong(at, fmt::format("expected {}, not {}", what, kind(value)));
}

bool out_of_range(Reader& reader, std::int64_t least, std::uint64_t most, const Place& at) {
  return reader.wrong(at, fmt::format("expected an integer from {} to {}", least, most));
}

std::string pointer(std::string_view base, const Place& at) {
  if (!at.parent) return std::string(base);
  std::string text = pointer(base, *at.parent);
  text += '/';
  return text += at.is_index ? std::to_string(at.index) : text::pointer_token(at.key);
}

/// A lone surrogate ("\\udc00") encoded as three bytes, as RapidJSON does: not valid UTF-8.
bool has_surrogate(std::string_view text) {
  for (auto at = text.find('\xed'); at != std::string_view::npos; at = text.find('\xed', at + 1))
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xa0) return true;
  return false;
}

/// The byte order mark, which some editors write.
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// RapidJSON's writer recurses, so the depth of what it writes must be limited.
constexpr int kRawDepth = 128;

bool is_shallow(const Tree& value, int levels) {
  if (levels == 0) return !value.IsObject() && !value.IsArray();
  if (value.IsObject())
    return std::ranges::all_of(value.GetObject(),
                               [&](const auto& entry) { return is_shallow(entry.value, levels - 1); });
  if (value.IsArray())
    return std::ranges::all_of(value.GetArray(), [&](const auto& item) { return is_shallow(item, levels - 1); });
  return true;
}

std::string_view reason(rapidjson::ParseErrorCode code) {
  switch (code) {
    case rapidjson::kParseErrorDocumentEmpty: return "the document is empty";
    case rapidjson::kParseErrorDocumentRootNotSingular: return "nothing may follow the document";
    case rapidjson::kParseErrorValueInvalid: return "expected a value";
    case rapidjson::kParseErrorObjectMissName: return "expected the name of a member";
    case rapidjson::kParseErrorObjectMissColon: return "expected ':' after the name of a member";
    case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket: return "expected ',' or '}' after a member";
    case rapidjson::kParseErrorArrayMissCommaOrSquareBracket: return "expected ',' or ']' after an element";
    case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex: return "bad digit after \\u";
    case rapidjson::kParseErrorStringUnicodeSurrogateInvalid: return "incomplete surrogate pair";
    case rapidjson::kParseErrorStringEscapeInvalid: return "bad escape or control character in a string";
    case rapidjson::kParseErrorStringMissQuotationMark: return "missing '\"' at the end of a string";
    case rapidjson::kParseErrorStringInvalidEncoding: return "bad escape, control character or byte in a string";
    case rapidjson::kParseErrorNumberTooBig: return "number too big";
    case rapidjson::kParseErrorNumberMissFraction: return "expected a digit after '.'";
    case rapidjson::kParseErrorNumberMissExponent: return "expected a digit in the exponent";
    default: return "malformed text";
  }
}

Error syntax_error(std::string_view text, std::size_t offset, std::string_view why) {
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto line_start = before.rfind('\n');
  const auto column = before.size() - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1;
  return Error(ErrorKind::config, fmt::format("invalid JSON at line {}, column {}: {}", line, column, why));
}

}  // namespace

bool Reader::wrong(const Place& at, std::string what) {
  fault = Error(ErrorKind::config, std::move(what)).at(pointer(base, at));
  return false;
}

bool is_null(Node value) { return tree(value).IsNull(); }

bool is_empty_string(Node value) { return tree(value).IsString() && tree(value).GetStringLength() == 0; }

bool read_bool(Reader& reader, Node value, bool& out, const Place& at) {
  if (!tree(value).IsBool()) return expected(reader, tree(value), "true or false", at);
  out = tree(value).GetBool();
  return true;
}

bool read_double(Reader& reader, Node value, double& out, const Place& at) {
  if (!tree(value).IsNumber()) return expected(reader, tree(value), "a number", at);
  out = tree(value).GetDouble();
  return true;
}

bool read_string(Reader& reader, Node value, std::string& out, const Place& at) {
  if (!tree(value).IsString()) return expected(reader, tree(value), "a string", at);
  const auto text = view(tree(value));
  if (reader.plain) {
    out.assign(text);
    return true;
  }
  // The kernel would end the string at the NUL byte.
  if (text.find('\0') != std::string_view::npos) return reader.wrong(at, "a string must not contain a NUL byte");
  if (reader.encoding == Encoding::utf8 && has_surrogate(text))
    return reader.wrong(at, "a string must not contain half of a surrogate pair");
  out.assign(text);
  return true;
}

bool read_raw(Reader& reader, Node value, std::string& out, const Place& at) {
  if (!is_shallow(tree(value), kRawDepth))
    return reader.wrong(at, fmt::format("nested deeper than {} levels", kRawDepth));
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  tree(value).Accept(writer);
  out.assign(buffer.GetString(), buffer.GetSize());
  return true;
}

bool read_signed(Reader& reader, Node value, std::int64_t least, std::int64_t most, std::int64_t& out,
                 const Place& at) {
  const auto& number = tree(value);
  if (!number.IsNumber()) return expected(reader, number, "an integer", at);
  if (!number.IsInt64() || number.GetInt64() < least || number.GetInt64() > most)
    return out_of_range(reader, least, static_cast<std::uint64_t>(most), at);
  out = number.GetInt64();
  return true;
}

bool read_unsigned(Reader& reader, Node value, std::uint64_t most, std::uint64_t& out, const Place& at) {
  const auto& number = tree(value);
  if (!number.IsNumber()) return expected(reader, number, "an integer", at);
  if (!number.IsUint64() || number.GetUint64() > most) return out_of_range(reader, 0, most, at);
  out = number.GetUint64();
  return true;
}

bool read_word(Reader& reader, Node value, Packed words, std::size_t& out, const Place& at) {
  if (!tree(value).IsString()) return expected(reader, tree(value), "a string", at);
  const auto text = view(tree(value));
  const auto before = words;
  const auto after = before.next();
  out = 0;
  for (auto word = after.next(); !word.ends(); word = word.next(), ++out)
    if (word.text() == text) return true;
  return reader.wrong(at, fmt::format("{}'{}'{}", before.text(), text, after.text()));
}

namespace {

char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool matches_in_any_case(std::string_view key, std::string_view text) {
  return std::ranges::equal(key, text, {}, lower_case, lower_case);
}

/// Index of a row and its packed key.
struct Row {
  Packed key;
  std::size_t index = 0;
  Row next() const { return {key.next(), index + 1}; }
};

/// Finds the row of a key, searching from `start` and wrapping around. Null if there is none.
Row find(const Reader& reader, Row first, Row start, std::string_view text) {
  if (start.key.ends()) start = first;
  Row row = start;
  do {
    const auto key = row.key.text();
    if (key.size() == text.size() && std::memcmp(key.data(), text.data(), text.size()) == 0) return row;
    if (reader.keys == Keys::any_case && matches_in_any_case(key, text)) return row;
    row = row.next();
    if (row.key.ends()) row = first;
  } while (row.key.at != start.key.at);
  return {};
}

std::string_view nearest_key(Packed keys, std::string_view key) {
  std::vector<std::string_view> known;
  for (; !keys.ends(); keys = keys.next()) known.push_back(keys.text());
  return text::closest(key, known);
}

}  // namespace

bool read_object(Reader& reader, Node value, Packed keys, ReadRow read, void* out, const Place& at) {
  if (!tree(value).IsObject()) return expected(reader, tree(value), "an object", at);
  std::uint64_t seen = 0;
  const Row first{keys};
  Row next = first;  // members usually have the table's order
  for (const auto& entry : tree(value).GetObject()) {
    const auto key = view(entry.name);
    const auto row = find(reader, first, next, key);
    const Place here{&at, key};
    if (!row.key.at) {
      if (reader.keys == Keys::known_only) return reader.wrong(here, fmt::format("unknown member '{}'", key));
      if (ignored_key != nullptr) ignored_key(pointer(reader.base, here), nearest_key(keys, key));
      continue;
    }
    next = row.next();
    if (seen >> row.index & 1) return repeated_member(reader, here);
    seen |= std::uint64_t{1} << row.index;
    if (entry.value.IsNull()) {
      if (row.key.need() == Need::required) return reader.wrong(here, "a required value is null");
      continue;
    }
    if (!read(reader, &entry.value, out, row.index, here)) return false;
  }
  for (Row row = first; !row.key.ends(); row = row.next())
    if (row.key.need() == Need::required && !(seen >> row.index & 1))
      return reader.wrong(Place{&at, row.key.text()}, "a required value is missing");
  return true;
}

bool open_array(Reader& reader, Node value, std::size_t& size, const Place& at) {
  if (!tree(value).IsArray()) return expected(reader, tree(value), "an array", at);
  size = tree(value).Size();
  return true;
}

Node element(Node value, std::size_t index) { return &tree(value)[static_cast<rapidjson::SizeType>(index)]; }

bool open_object(Reader& reader, Node value, std::size_t& size, const Place& at) {
  if (!tree(value).IsObject()) return expected(reader, tree(value), "an object", at);
  size = tree(value).MemberCount();
  return true;
}

bool member(Reader& reader, Node value, std::size_t index, Member& out, const Place& at) {
  const auto& entry = *(tree(value).MemberBegin() + static_cast<std::ptrdiff_t>(index));
  out = {view(entry.name), &entry.value};
  if (out.key.find('\0') != std::string_view::npos) return reader.wrong(at, "a name must not contain a NUL byte");
  return true;
}

bool repeated_member(Reader& reader, const Place& at) { return reader.wrong(at, "given twice"); }

namespace {

using Copy = std::unique_ptr<char[]>;

/// Where a number begins its exponent when that is below -99,999,999; npos where no number does. RapidJSON 1.1
/// subtracts the exponent from the count of fraction digits in an int, which overflows at about -2,147,483,640. No such
/// number is other than 0, and nothing in a config is that small, so it is refused. Few texts have a '-', and the
/// search for it is one of memchr(3).
std::size_t find_extreme_exponent(std::string_view text) {
  for (std::size_t minus = 0; (minus = text.find('-', minus)) != std::string_view::npos; ++minus) {
    const std::size_t at = minus - 1;
    if (minus < 2 || (text[at] != 'e' && text[at] != 'E') || text[at - 1] < '.' || text[at - 1] > '9') continue;
    const auto begin = text.find_first_not_of('0', minus + 1);
    const auto end = begin == std::string_view::npos ? begin : text.find_first_not_of("0123456789", begin);
    if (begin == std::string_view::npos || std::min(end, text.size()) - begin <= 8) continue;
    // Not one in a string, which it is behind an odd number of quotation marks.
    bool in_string = false;
    for (std::size_t i = 0; i < at; ++i) {
      if (in_string && text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        in_string = !in_string;
    }
    if (!in_string) return at;
  }
  return std::string_view::npos;
}

/// Parses the text. `copy` must outlive the document.
std::size_t parse(Document& document, std::string_view text, Encoding encoding, Copy& copy) {
  // Iterative: a text of a million brackets must not exhaust the stack.
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag;
  if (encoding == Encoding::utf8 && !text::is_utf8(text)) {
    // The text is invalid. The slower parser reports the position.
    document.Parse<kFlags | rapidjson::kParseValidateEncodingFlag>(text.data(), text.size());
    return 0;
  }
  // The document's strings point into this copy.
  copy = std::make_unique_for_overwrite<char[]>(text.size() + 1);
  *std::ranges::copy(text, copy.get()).out = '\0';
  const std::size_t start = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  document.ParseInsitu<kFlags>(copy.get() + start);
  return start;
}

}  // namespace

Status parse_into(std::string_view text, Encoding encoding, std::string_view base, Keys keys, ReadFunction read,
                  void* out) {
  if (text.size() > UINT32_MAX) return fail(ErrorKind::config, "invalid JSON: larger than 4 GiB");
  // RapidJSON treats a NUL byte as the end of the text.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos)
    return std::unexpected(syntax_error(text, nul, "NUL byte"));
  if (const auto exponent = find_extreme_exponent(text); exponent != std::string_view::npos)
    return std::unexpected(syntax_error(text, exponent, "exponent too small"));
  // A usual config fits into these buffers, so that parsing needs no heap.
  alignas(16) std::array<char, 32768> values;
  alignas(16) std::array<char, 16384> stack;
  Pool value_pool(values.data(), values.size());
  Pool stack_pool(stack.data(), stack.size());
  Document document(&value_pool, 4096, &stack_pool);
  Copy copy;
  const std::size_t start = parse(document, text, encoding, copy);
  if (document.HasParseError())
    return std::unexpected(syntax_error(text, start + document.GetErrorOffset(), reason(document.GetParseError())));
  const bool plain = copy && text.find('\\') == std::string_view::npos;
  Reader reader{base, encoding, keys, plain, std::nullopt};
  if (!read(reader, static_cast<const Tree*>(&document), out, Place{}))
    return std::unexpected(std::move(*reader.fault));
  return {};
}

}  // namespace detail

void on_ignored_key(IgnoredKey call) { detail::ignored_key = call; }

}  // namespace caisson::json
