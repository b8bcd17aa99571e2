// SPDX-License-Identifier: Apache-2.0
#include "json/write.hpp"

#include <fmt/core.h>

#include <array>
#include <cmath>

namespace caisson::json::detail {
namespace {

constexpr char kDelete = '\x7f';
constexpr char kLeadOfC1 = '\xc2';

std::string_view indent(Style style) {
  switch (style) {
    case Style::two_spaces: return "  ";
    case Style::four_spaces: return "    ";
    case Style::tabs: return "\t";
    case Style::compact: break;
  }
  return {};
}

/// The text that stands for a byte inside a string; empty = the byte itself. Source: RFC 8259 section 7.
std::string_view short_escape(char c) {
  switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\b': return "\\b";
    case '\f': return "\\f";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\0': return "\\ufffd";  // read.cpp refuses NUL bytes, and what is written must be readable
    default: return {};
  }
}

}  // namespace

void Writer::open(char bracket) {
  begin_value();
  out_ += bracket;
  ++depth_;
  first_ = true;
}

void Writer::close(char bracket) {
  key_ = {};
  --depth_;
  if (!first_) new_line();
  out_ += bracket;
  first_ = false;
}

void Writer::separate() {
  if (!first_) out_ += ',';
  first_ = false;
  new_line();
}

void Writer::new_line() {
  if (style_ == Style::compact) return;
  out_ += '\n';
  for (int i = 0; i < depth_; ++i) out_ += indent(style_);
}

void Writer::begin_value() {
  if (key_.data() == nullptr) return;
  separate();
  quote(key_);
  out_ += style_ == Style::compact ? ":" : ": ";
  key_ = {};
}

void Writer::element() { separate(); }

void Writer::boolean(bool value) { verbatim(value ? "true" : "false"); }

void Writer::number(std::int64_t value) { verbatim(std::to_string(value)); }

void Writer::number(std::uint64_t value) { verbatim(std::to_string(value)); }

void Writer::number(double value) { verbatim(std::isfinite(value) ? fmt::format("{}", value) : "null"); }

void Writer::string(std::string_view value) {
  begin_value();
  quote(value);
}

void Writer::verbatim(std::string_view json) {
  begin_value();
  out_ += json;
}

void Writer::quote(std::string_view text) {
  out_ += '"';
  const char* done = text.data();
  const char* const end = done + text.size();
  for (const char* at = done; at != end; ++at) {
    const char c = *at;
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\' && c != kDelete && c != kLeadOfC1) continue;
    if (c == kLeadOfC1) {
      // U+0080 ... U+009F in UTF-8: the state of a container is printed on terminals, which act on them as on ESC.
      if (end - at < 2 || static_cast<unsigned char>(at[1]) < 0x80 || static_cast<unsigned char>(at[1]) > 0x9f)
        continue;
      out_.append(done, at);
      done = ++at + 1;
      out_ += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(*at)));
      continue;
    }
    out_.append(done, at);
    done = at + 1;
    if (const auto escape = short_escape(c); !escape.empty()) {
      out_ += escape;
    } else {
      out_ += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    }
  }
  out_.append(done, end);
  out_ += '"';
}

void write_object(Writer& writer, Packed keys, WriteRow write, const void* value) {
  writer.open('{');
  for (std::size_t which = 0; !keys.ends(); ++which, keys = keys.next()) {
    writer.key(keys.text());
    write(writer, value, which);
  }
  writer.close('}');
}

}  // namespace caisson::json::detail
