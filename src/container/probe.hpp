// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"
#include "container/commands.hpp"
#include "plan/facts.hpp"

namespace caisson::container {

/// CLONE_NEWNET, CLONE_NEWIPC and CLONE_NEWUTS, as far as the config joins by path what is our own namespace.
std::uint64_t own_among_joined(const config::Spec& spec);

/// The kernel and our own privileges: what every command needs. An older kernel than Linux 5.12 is an error.
Result<plan::HostFacts> probe_kernel();
/// Adds which security modules run: three files, read only for those who ask for a label.
void probe_lsm(plan::HostFacts& facts);

/// Adds whether the host runs systemd, and whose manager is ours to use.
void probe_systemd(plan::HostFacts& facts);

/// Looks at the kernel and the host, once. Needs no privilege.
Result<plan::HostFacts> probe(const Globals& globals);

/// The seccomp of this build and this kernel, for `features` and the version text.
struct SeccompSupport {
  std::string library_version;            ///< of libseccomp, "2.5.4"
  std::vector<std::string> kernel_flags;  ///< SECCOMP_FILTER_FLAG_* that seccomp(2) takes here, sorted
};
/// Needs no privilege; loads no filter.
SeccompSupport probe_seccomp();
/// Version of libseccomp alone: no system call.
std::string libseccomp_version();

}  // namespace caisson::container
