// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace caisson::text {

/// Which of `words` was meant by `word`: the one that at most two changed, missing or additional letters, less than
/// half of the word, make of it. Empty when none is that close.
std::string_view closest(std::string_view word, std::span<const std::string_view> words);

}  // namespace caisson::text
