// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace caisson::wire {
struct Inheritance;
}

namespace caisson::init {

/// Whether these are the arguments of the init stage: "caisson init CHANNEL CONFIG", two descriptors' numbers.
bool is_init(int argc, char** argv);

/// The container's side: from the first packet of the channel to the user's program. Never returns.
[[noreturn]] void main(char** argv) noexcept;

/// The same from within a clone of the runtime, which has read and decided already. Never returns.
[[noreturn]] void go_on(wire::Inheritance&& inheritance) noexcept;

}  // namespace caisson::init
