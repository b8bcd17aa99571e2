// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "plan/identity.hpp"
#include "process/procfs.hpp"
#include "sys/credential.hpp"

// What is done to the process itself before its execve. Each does nothing when the plan asks for nothing, and errors
// name the config value. The order that works (the capabilities that each needs are still there):
//
//   apply_oom_score            first of all, before any namespace is joined
//   apply_keyring_label, join_session_keyring
//   ... mounts, switch of the root, sysctls, /proc made read-only ...
//   apply_apparmor_profile, apply_no_new_privileges, apply_scheduling, apply_limits (or the parent, by pid)
//   apply_selinux_label
//   drop_bounding, enter_directory, become_user, enter_directory again if it could not, check_directory,
//   apply_capabilities, find_executable
//   seccomp's load, when no_new_privileges is set
//   close_descriptors, execute

namespace caisson::process {

/// Writes oom_score_adj of process `pid`; 0 = the caller.
Status apply_oom_score(const plan::IdentityPlan& plan, pid_t pid = 0);

/// Joins or makes the session keyring "_ses.<id>" and lets its user search it. A kernel without keyrings is no error.
/// keyctl(2), KEYCTL_JOIN_SESSION_KEYRING.
Status join_session_keyring(const std::string& container_id);

/// prctl(PR_SET_NO_NEW_PRIVS).
Status apply_no_new_privileges(const plan::IdentityPlan& plan);

/// Scheduler, I/O priority, personality and memory policy of the calling thread.
Status apply_scheduling(const plan::IdentityPlan& plan);

/// Allows all processors again, which the kernel cuts down to those of the cgroup's cpuset: the container must not
/// inherit the affinity of whoever called the runtime. After the cgroup is joined.
Status reset_affinity();
/// execCPUAffinity.initial, for exec alone, before the cgroup is joined.
Status apply_initial_affinity(const plan::IdentityPlan& plan);
/// execCPUAffinity.final, for exec alone, after the cgroup is joined; without one, reset_affinity().
Status apply_final_affinity(const plan::IdentityPlan& plan);

/// The resource limits of process `pid`; 0 = the caller. prlimit(2).
Status apply_limits(const plan::IdentityPlan& plan, pid_t pid = 0);

/// A failure of our own init, with the place of the limit that was too tight for it, if one was: the limits of the
/// process hold for what is done on its behalf, too.
Error name_tight_limit(Error error, const plan::IdentityPlan& plan);

/// Drops from the bounding set what the container must not have. Needs CAP_SETPCAP.
Status drop_bounding(const plan::IdentityPlan& plan);

/// Whether a seccomp filter is still to be loaded that needs CAP_SYS_ADMIN. It is loaded last, so that a profile needs
/// to allow capset(2) and execve(2) and no other call of ours.
enum class FilterPrivilege { none, keep };

/// Whether a process' user namespace was made without privilege and lets no process call setgroups(2):
/// user_namespaces(7). `process` is its directory in procfs.
bool setgroups_is_denied(FdView process);

/// Makes `uid` the owner of a standard stream, who could not open it anew through /dev/stdout otherwise: of a pipe, and
/// of a regular file that is open for writing, but of no device or terminal. The group stays. What the file system
/// refuses is left as it is.
void give_stream(int fd, std::uint32_t uid);

/// Sets umask, owners of the standard streams, groups, gid and uid. The permitted capabilities survive it until
/// apply_capabilities() sets the plan's.
Status become_user(const plan::IdentityPlan& plan);

/// Effective, permitted, inheritable and ambient sets. To load a filter CAP_SYS_ADMIN stays in the permitted set alone.
Status apply_capabilities(const plan::IdentityPlan& plan, FilterPrivilege filter = FilterPrivilege::none);

/// Makes what was kept effective. The sets that the process is to have once the filter is loaded.
Result<sys::CapabilitySets> raise_filter_privilege(const plan::IdentityPlan& plan);

/// chdir(2) to the plan's cwd. False when permission is denied: to be tried again by become_user's user.
Result<bool> enter_directory(const plan::IdentityPlan& plan);
/// Fails when the working directory lies outside the root (CVE-2024-21626).
Status check_directory();

/// Puts the user whom the container's own files know as `wanted` into the plan. After the root is switched. Files that
/// cannot be read count as empty. Errors name /process/user. See plan::find_user.
Status find_user(const std::string& wanted, plan::IdentityPlan& plan);

/// HOME of `uid` by the container's /etc/passwd; "/" without an entry, and when the file cannot be opened or read.
/// Fails if the process itself lacks descriptors or memory (EMFILE, ENFILE, ENOMEM), as under a tight RLIMIT_NOFILE.
/// After the root is switched.
Result<std::string> find_home(std::uint32_t uid);
/// The plan's environment, with HOME if the plan adds it. Errors as of find_home().
Result<std::vector<std::string>> make_environment(const plan::IdentityPlan& plan);

}  // namespace caisson::process
