// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace caisson::wire {
struct InMemoryInit;
}

namespace caisson::init {

/// Whether these are the arguments of the init stage: "caisson init CHANNEL CONFIG", two descriptors' numbers.
bool is_init(int argc, char** argv);

/// The container's side: from the first packet of the channel to the user's program. Never returns.
[[noreturn]] void main(char** argv) noexcept;

/// The same in a process that was cloned from the creator, with what that has read and decided already. Never returns.
[[noreturn]] void run_in_memory(wire::InMemoryInit&& given) noexcept;

}  // namespace caisson::init
