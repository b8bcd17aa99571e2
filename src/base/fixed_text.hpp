// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace caisson::text {

/// A text of at most N characters that stands in a table itself, where a std::string_view would be an address that
/// every start of the program has to relocate. Its view is of the table: to be taken by reference.
template <std::size_t N>
class Fixed {
 public:
  template <std::size_t Size>
  consteval Fixed(const char (&text)[Size]) : size_(Size - 1) {  // NOLINT(google-explicit-constructor): a literal
    static_assert(Size - 1 <= N && N <= UINT8_MAX);
    std::copy_n(text, Size - 1, text_.data());
  }
  constexpr std::string_view view() const& { return {text_.data(), size_}; }
  constexpr operator std::string_view() const& { return view(); }  // NOLINT(google-explicit-constructor): as a string
  auto operator<=>(const Fixed&) const = default;

 private:
  std::array<char, N> text_{};
  std::uint8_t size_;
};

}  // namespace caisson::text
