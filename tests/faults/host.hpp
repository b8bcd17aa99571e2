// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace caisson::faults {

/// How a call that nothing disturbed went.
struct Ran {
  int code = -1;  ///< exit code, 128 + signal; -1 = did not end in time
  std::string out, err;
};

/// "" when it cannot be read.
std::string read_text(const std::string& path);
void write_text(const std::string& path, const std::string& text, unsigned mode = 0644);
std::vector<std::string> names_in(const std::string& dir);
bool exists(const std::string& path);
std::string replaced(std::string text, const std::string& from, const std::string& to);
std::vector<std::string> lines_of(const std::string& text);

/// Becomes the program, with an environment and signals of its own; never returns.
[[noreturn]] void run_program(const std::vector<std::string>& args, const std::string& cwd, const std::string& out,
                              const std::string& err);
Ran call_program(const std::vector<std::string>& args, const std::string& cwd, const std::string& scratch,
                 double seconds);

/// Looks again every few milliseconds: the other side is a guest, or the kernel.
bool eventually(double seconds, const std::function<bool()>& condition);

/// What is there on the host that a runtime could have made or left: state directories, cgroups, mounts, processes,
/// network devices, and what it could have changed: owners and modes of the host's devices. A line for each.
using Ledger = std::set<std::string>;

/// Where to look.
struct Watched {
  std::string dir;     ///< of the sweep: state root, bundle, files
  std::string cgroup;  ///< name of the parent of all its cgroups, in each hierarchy
};

Ledger take_ledger(const Watched& watched);
/// What `now` has that `before` had not ("+ ..."), and what it lacks ("- ...").
std::vector<std::string> differences(const Ledger& before, const Ledger& now);

/// The parent cgroup of the sweep in each hierarchy, so that no runtime has to make it.
void make_cgroups(const std::string& name);
/// Kills and removes whatever is below; with `top` the parent, too.
void clear_cgroups(const std::string& name, bool top);
/// The directories of a cgroup of the sweep, one for each hierarchy that has it.
std::vector<std::string> cgroup_dirs(const std::string& path);

/// Our descendants that live, as pids.
std::vector<pid_t> descendants();
void kill_descendants();
/// Collects children that have ended.
void reap();

}  // namespace caisson::faults
