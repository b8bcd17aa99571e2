// SPDX-License-Identifier: Apache-2.0
#include "json/write.hpp"

#include <fmt/core.h>

#include <array>
#include <cmath>

namespace caisson::json::detail {
namespace {

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
  out_ += bracket;
  ++depth_;
  first_ = true;
}

void Writer::close(char bracket) {
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

void Writer::key(std::string_view key) {
  separate();
  string(key);
  out_ += style_ == Style::compact ? ":" : ": ";
}

void Writer::element() { separate(); }

void Writer::boolean(bool value) { out_ += value ? "true" : "false"; }

void Writer::number(std::int64_t value) { out_ += std::to_string(value); }

void Writer::number(std::uint64_t value) { out_ += std::to_string(value); }

void Writer::number(double value) { out_ += std::isfinite(value) ? fmt::format("{}", value) : "null"; }

void Writer::string(std::string_view value) {
  out_ += '"';
  std::size_t done = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    out_.append(value, done, i - done);
    done = i + 1;
    if (const auto escape = short_escape(c); !escape.empty()) {
      out_ += escape;
    } else {
      out_ += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    }
  }
  out_.append(value, done);
  out_ += '"';
}

void Writer::verbatim(std::string_view json) { out_ += json; }

void write_object(Writer& writer, std::span<const WriteSlot> slots, const void* value) {
  writer.open('{');
  for (const auto& slot : slots) {
    if (slot.need == Need::optional && slot.absent(value)) continue;
    writer.key(slot.key);
    slot.write(writer, value);
  }
  writer.close('}');
}

}  // namespace caisson::json::detail
