// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "base/fixed_text.hpp"
#include "plan/unit.hpp"

namespace caisson::plan {

namespace {

struct TypeName {
  text::Fixed<10> name;
  char type;
};
constexpr auto kTypeNames = std::to_array<TypeName>({
    {"boolean", 'b'},
    {"byte", 'y'},
    {"double", 'd'},
    {"int16", 'n'},
    {"int32", 'i'},
    {"int64", 'x'},
    {"objectpath", 'o'},
    {"signature", 'g'},
    {"string", 's'},
    {"uint16", 'q'},
    {"uint32", 'u'},
    {"uint64", 't'},
});

/// How deep arrays may be in each other; D-Bus itself allows 32.
constexpr int kDeepest = 8;

std::uint64_t largest(char type) {
  switch (type) {
    case 'y': return std::numeric_limits<std::uint8_t>::max();
    case 'n': return std::numeric_limits<std::int16_t>::max();
    case 'q': return std::numeric_limits<std::uint16_t>::max();
    case 'i': return std::numeric_limits<std::int32_t>::max();
    case 'u': return std::numeric_limits<std::uint32_t>::max();
    case 'x': return std::numeric_limits<std::int64_t>::max();
    default: return std::numeric_limits<std::uint64_t>::max();
  }
}

bool is_unsigned(char type) { return std::string_view("yqut").contains(type); }
bool is_signed(char type) { return std::string_view("nix").contains(type); }
bool is_text(char type) { return std::string_view("sog").contains(type); }

/// Reads one value from the front of a text. `wanted` is the signature that stands outside it, or nothing.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<BusValue> whole() {
    BusValue value = CAISSON_TRY(read({}, 0));
    skip_space();
    if (!rest_.empty()) return wrong("there is more after the value");
    return value;
  }

 private:
  std::unexpected<Error> wrong(std::string_view why) const {
    return fail(ErrorKind::config, "not a value in GVariant's text form: {}, at '{}'", why, rest_.substr(0, 20));
  }
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\n"), rest_.size())); }
  bool take(char c) {
    skip_space();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view word() {
    const auto end = std::min(rest_.find_first_of(" \t\n,]"), rest_.size());
    const auto found = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return found;
  }

  Result<BusValue> read(std::string_view wanted, int depth) {
    if (depth > kDeepest) return wrong("arrays too deep in each other");
    skip_space();
    if (rest_.empty()) return wrong("it ends too early");
    if (take('@')) return typed(std::string(word()), wanted, depth);
    if (take('[')) return array(wanted, depth);
    if (rest_.starts_with("b'") || rest_.starts_with("b\"")) return byte_string(wanted);
    if (rest_.front() == '\'' || rest_.front() == '"') return string(wanted);
    if (rest_.front() == '<' || rest_.front() == '{' || rest_.front() == '(')
      return wrong("variants, dictionaries and tuples are not supported");
    const auto before = rest_;
    const auto first = word();
    const auto named = std::ranges::find(kTypeNames, first, &TypeName::name);
    if (named != kTypeNames.end()) return typed(std::string(1, named->type), wanted, depth);
    if (first == "true" || first == "false") {
      if (!wanted.empty() && wanted != "b") return wrong("a boolean where it must not be");
      return BusValue{"b", first == "true"};
    }
    rest_ = before;
    return number(wanted);
  }

  Result<BusValue> typed(const std::string& type, std::string_view wanted, int depth) {
    const auto base = type.find_first_not_of('a');
    if (base == type.npos || base + 1 != type.size() || base > kDeepest ||
        std::ranges::find(kTypeNames, type[base], &TypeName::type) == kTypeNames.end())
      return wrong("not a supported type");
    if (!wanted.empty() && wanted != type) return wrong("a value of another type where it must not be");
    return read(type, depth + 1);
  }

  Result<BusValue> array(std::string_view wanted, int depth) {
    if (!wanted.empty() && !wanted.starts_with('a')) return wrong("an array where it must not be");
    std::string member(wanted.substr(std::min<std::size_t>(1, wanted.size())));
    std::vector<BusValue> values;
    if (!take(']')) {
      do {
        values.push_back(CAISSON_TRY(read(member, depth + 1)));
        member = values.back().type;
      } while (take(','));
      if (!take(']')) return wrong("',' or ']' is missing");
    }
    if (member.empty()) return wrong("an empty array needs its type before it: '@as []'");
    return BusValue{'a' + member, std::move(values)};
  }

  Result<std::string> quoted() {
    const char quote = rest_.front();
    rest_.remove_prefix(1);
    std::string text;
    while (!rest_.empty() && rest_.front() != quote) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '\\') {
        if (rest_.empty()) break;
        const auto escape = std::string_view("abfnrtv").find(rest_.front());
        c = escape == std::string_view::npos ? rest_.front() : "\a\b\f\n\r\t\v"[escape];
        // The codes: \u and \U, and \nnn of byte strings.
        if (rest_.front() == 'u' || rest_.front() == 'U' || (rest_.front() >= '0' && rest_.front() <= '9'))
          return wrong("characters by their codes are not supported");
        rest_.remove_prefix(1);
      }
      text += c;
    }
    if (rest_.empty()) return wrong("the string does not end");
    rest_.remove_prefix(1);
    return text;
  }

  Result<BusValue> string(std::string_view wanted) {
    if (!wanted.empty() && (wanted.size() != 1 || !is_text(wanted[0]))) return wrong("a string where it must not be");
    return BusValue{wanted.empty() ? "s" : std::string(wanted), CAISSON_TRY(quoted())};
  }

  Result<BusValue> byte_string(std::string_view wanted) {
    if (!wanted.empty() && wanted != "ay") return wrong("a byte string where it must not be");
    rest_.remove_prefix(1);
    std::vector<BusValue> bytes;
    for (const char c : CAISSON_TRY(quoted())) bytes.push_back({"y", std::uint64_t{static_cast<unsigned char>(c)}});
    bytes.push_back({"y", std::uint64_t{0}});  // a byte string has its end
    return BusValue{"ay", std::move(bytes)};
  }

  Result<BusValue> number(std::string_view wanted) {
    const auto before = rest_;
    auto digits = word();
    const bool real = !digits.starts_with("0x") && digits.find_first_of(".eE") != digits.npos;
    const char type = wanted.size() == 1 ? wanted[0] : real ? 'd' : 'i';
    auto refuse = [&](std::string_view why) {
      rest_ = before;
      return wrong(why);
    };
    if (wanted.size() > 1) return refuse("a number where it must not be");
    if (type == 'd') {
      double value = 0;
      const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      if (bad != std::errc() || end != digits.data() + digits.size()) return refuse("not a number");
      return BusValue{"d", value};
    }
    if (!is_unsigned(type) && !is_signed(type)) return refuse("a number where it must not be");
    const bool negative = digits.starts_with('-');
    if (negative || digits.starts_with('+')) digits.remove_prefix(1);
    int base = 10;
    if (digits.starts_with("0x")) {
      base = 16;
      digits.remove_prefix(2);
    } else if (digits.size() > 1 && digits.starts_with('0')) {
      base = 8;
    }
    std::uint64_t size = 0;
    const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), size, base);
    if (digits.empty() || bad == std::errc::invalid_argument || end != digits.data() + digits.size())
      return refuse("not a value");
    if (bad != std::errc() || size > largest(type) + (negative ? 1 : 0) || (negative && is_unsigned(type)))
      return refuse("out of its type's range");
    if (is_unsigned(type)) return BusValue{std::string(1, type), size};
    return BusValue{std::string(1, type), static_cast<std::int64_t>(negative ? 0 - size : size)};
  }

  std::string_view rest_;
};

}  // namespace

Result<BusValue> parse_bus_value(std::string_view text) { return Parser(text).whole(); }

std::string describe(const BusValue& value) {
  struct Writer {
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(std::uint64_t number) const { return fmt::format("{}", number); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(const std::string& text) const { return '\'' + text + '\''; }
    std::string operator()(const std::vector<BusValue>& members) const {
      std::string text;
      for (const auto& member : members) (text += text.empty() ? "" : ", ") += describe(member);
      return text;
    }
  };
  const std::string text = std::visit(Writer{}, value.value);
  if (value.type.starts_with('a')) return '[' + text + ']';
  return value.type.starts_with('(') ? '(' + text + ')' : text;
}

}  // namespace caisson::plan
