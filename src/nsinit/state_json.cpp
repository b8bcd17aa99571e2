// SPDX-License-Identifier: Apache-2.0
#include "nsinit/state_json.hpp"

#include "json/read.hpp"
#include "json/write.hpp"

namespace caisson::nsinit {

Result<State> read_state(std::string_view text) { return json::parse<State>(text); }

std::string write_state(const State& state) { return json::write(state); }

}  // namespace caisson::nsinit
