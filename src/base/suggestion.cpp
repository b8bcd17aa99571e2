// SPDX-License-Identifier: Apache-2.0
#include "base/suggestion.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace caisson::text {
namespace {

/// Letters to change, add or leave out: the Levenshtein distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view closest(std::string_view word, std::span<const std::string_view> words) {
  std::string_view best;
  std::size_t least = 3;
  for (const auto candidate : words) {
    const auto letters = distance(word, candidate);
    if (letters < least && 2 * letters < word.size()) {
      least = letters;
      best = candidate;
    }
  }
  return best;
}

}  // namespace caisson::text
