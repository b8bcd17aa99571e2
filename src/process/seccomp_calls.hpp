// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace caisson::process {

/// A call that a multiplexer, socketcall(2) or ipc(2), makes on behalf of its first argument.
struct Multiplexed {
  std::uint32_t number = 0;  ///< the multiplexer's
  std::uint32_t call = 0;    ///< what its first argument must be, under `mask`
  std::uint32_t mask = 0;    ///< the bits of the argument that the kernel looks at
};

/// What a system call's name means on one architecture; nothing where that does not have the call.
struct CallNumbers {
  bool known = false;  ///< some architecture has a call of this name
  std::optional<std::uint32_t> direct;
  std::optional<Multiplexed> multiplexed;
};

struct ListedCall;

/// A name, found once for all architectures. `name` must live as long.
class CallName {
 public:
  explicit CallName(const std::string& name);
  const std::string& text() const { return *name_; }
  CallNumbers on(std::uint32_t architecture) const;

 private:
  const std::string* name_;
  const ListedCall* listed_;
};

/// Numbers as the kernel sees them: x32's with their bit, those of MIPS with their base. `architecture` is AUDIT_ARCH_*
/// or plan::kArchX32. Names are libseccomp's, and those of newer calls that it does not know.
CallNumbers find_call(const std::string& name, std::uint32_t architecture);

/// Whether any name can be found on `architecture` at all.
bool knows_architecture(std::uint32_t architecture);

}  // namespace caisson::process
