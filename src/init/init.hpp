// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace caisson::init {

/// Whether these are the arguments of the init stage: "caisson init CHANNEL CONFIG", two descriptors' numbers.
bool is_init(int argc, char** argv);

/// The container's side: from the first packet of the channel to the user's program. Never returns.
[[noreturn]] void main(char** argv) noexcept;

}  // namespace caisson::init
