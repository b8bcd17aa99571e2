// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/seccomp_profile.hpp"
#include "plan/facts.hpp"

namespace caisson::plan {

/// How an argument is compared, as an unsigned number.
enum class Comparison { ne, lt, le, eq, ge, gt, masked_eq };

struct SeccompArgument {
  unsigned index = 0;  ///< 0 ... 5
  Comparison comparison = Comparison::eq;
  std::uint64_t value = 0;      ///< masked_eq: the mask
  std::uint64_t value_two = 0;  ///< masked_eq: argument and this must be the same under the mask
  bool operator==(const SeccompArgument&) const = default;
};

/// Names of system calls as they lie in the profile: an engine's has hundreds.
using CallNames = std::span<const std::string>;

/// A rule for each of some system calls; all of its argument conditions must hold.
struct SeccompRule {
  CallNames calls;
  std::uint32_t action = 0;  ///< SECCOMP_RET_* with its data
  std::vector<SeccompArgument> arguments;
  std::size_t place = 0;  ///< among the profile's rules
};

/// How a profile names an architecture.
struct AskedArchitecture {
  std::string word;    ///< "SCMP_ARCH_LOONGARCH64"
  std::string origin;  ///< "/linux/seccomp/architectures/1"
  bool operator==(const AskedArchitecture&) const = default;
};

/// A filter as it is to be built. It looks into the profile that it was made of.
struct SeccompPlan {
  std::uint32_t default_action = 0;          ///< SECCOMP_RET_* with its data
  std::vector<std::uint32_t> architectures;  ///< AUDIT_ARCH_*, or x32's token; the machine's own first and always
  std::map<std::uint32_t, AskedArchitecture> asked;  ///< of `architectures`, those that the profile names
  std::uint32_t flags = 0;                           ///< SECCOMP_FILTER_FLAG_* for seccomp(2)
  /// In the profile's order. Of one call's rules the first without arguments decides, else the first whose arguments
  /// match; libseccomp does the same.
  std::vector<SeccompRule> rules;
  std::vector<CallNames> default_calls;  ///< named by rules left out: the default action without conditions
  bool notify = false;                   ///< a rule notifies: loading yields a listener
  bool answer_unknown_with_enosys =
      false;                           ///< calls newer than all that the profile names: ENOSYS, so that libc falls back
  bool unknown_call_is_error = false;  ///< else a name that this build does not know is left out
  std::string listener_path;           ///< AF_UNIX socket that is sent the listener
  std::string listener_metadata;
  std::vector<std::string> warnings;  ///< what is asked for and can mean nothing
};

/// libseccomp's token for x32, which has no AUDIT_ARCH_* of its own.
inline constexpr std::uint32_t kArchX32 = 0x4000003e;

/// The profile as rules; absent when it asks for nothing (an empty default action and no rules).
/// Errors are ErrorKind::config and name a value under `pointer`, "/linux/seccomp".
Result<std::optional<SeccompPlan>> make_seccomp(const config::Seccomp& profile, const HostFacts& facts,
                                                const std::string& pointer = "/linux/seccomp");
Result<std::optional<SeccompPlan>> make_seccomp(config::Seccomp&& profile, const HostFacts& facts,
                                                const std::string& pointer = {}) = delete;  // would dangle

/// The machine's own architecture as AUDIT_ARCH_*.
std::uint32_t native_architecture();

/// What `features` prints: the spec's names of what make_seccomp accepts.
std::vector<std::string> seccomp_actions();
std::vector<std::string> seccomp_operators();
std::vector<std::string> seccomp_architectures();
std::vector<std::string> seccomp_flags();

/// One line a value, for comparison as text.
std::string describe(const SeccompPlan& plan);

}  // namespace caisson::plan
