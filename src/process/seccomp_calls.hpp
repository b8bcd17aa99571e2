// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace caisson::process {

/// A system call's number on one architecture.
struct CallNumber {
  enum class Kind {
    direct,       ///< `number`
    multiplexed,  ///< one of socketcall(2)'s or ipc(2)'s, told by an argument
    none,         ///< this architecture does not have the call
    unknown,      ///< no architecture is known to have it
  } kind = Kind::unknown;
  std::uint32_t number = 0;
  bool beyond_library = false;  ///< libseccomp does not know the call; the number is ours
};

/// Numbers as the kernel sees them: x32's with their bit, those of MIPS with their base. `architecture` is AUDIT_ARCH_*
/// or plan::kArchX32.
CallNumber find_call(const std::string& name, std::uint32_t architecture);

}  // namespace caisson::process
