// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "cgroup/manager.hpp"
#include "config/spec.hpp"
#include "plan/seccomp_plan.hpp"
#include "sys/process.hpp"
#include "wire/channel.hpp"

// What create and exec give away: to init, to engines' sockets, into files that engines read.

namespace caisson::container {

/// Sends a terminal's master to the AF_UNIX stream socket at `path`: one message, the slave's name and the descriptor.
Status send_console(const std::string& path, const std::string& name, FdView master);

/// Sends a pidfd to the AF_UNIX stream socket at `path`; `word` is "standard" for init and "setns" for exec.
Status send_pidfd(const std::string& path, const std::string& word, FdView pidfd);

/// How process `pid` gets into the cgroup. The files that it writes "0" to, to move itself, when it was `born` in the
/// cgroup2 (or there is none) and may do so; else it is moved here, and there are none.
/// `late`: it was not born in a cgroup2 that there is.
Result<std::vector<FileDescriptor>> enter_or_attach(cgroup::CgroupManager& cgroup, pid_t pid, bool born, bool late,
                                                    const plan::HostFacts& facts);

/// Tells init to go on with the compiled filter, or with none.
Status send_proceed(const wire::Channel& channel, const std::optional<plan::SeccompPlan>& plan,
                    bool own_limits = false);

/// Takes a seccomp listener out of init and gives it to the agent of the profile, with the state it wants.
Status pass_listener(const sys::ProcessHandle& init, int number, const plan::SeccompPlan& plan,
                     const config::Spec& spec, const std::string& id, const std::string& bundle,
                     std::string_view status, int init_pid);

/// A terminal and a console socket go together: runc's rules. `detached` is create, and run or exec with --detach.
Status check_console(bool terminal, bool detached, const std::string& console_socket, const std::string& pointer);

}  // namespace caisson::container
