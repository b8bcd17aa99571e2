// SPDX-License-Identifier: Apache-2.0
#include "nsinit/container_json.hpp"

#include "json/read.hpp"
#include "json/write.hpp"

namespace caisson::nsinit {

Result<Container> read(std::string_view text) {
  return json::parse<Container>(text, json::Encoding::any, {}, json::Keys::any_case);
}

std::string write(const Container& container) { return json::write(container, json::Style::tabs); }

}  // namespace caisson::nsinit
