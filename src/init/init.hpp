// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace caisson::init {

/// Whether these are the arguments of the init stage: "caisson init N".
bool is_init(int argc, char** argv);

/// The container's side: from the first packet on descriptor N to the user's program. Never returns.
[[noreturn]] void main(char** argv) noexcept;

}  // namespace caisson::init
