// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/resources.hpp"

namespace caisson::wire {
struct InMemoryInit;
}

namespace caisson::config {
struct Spec;
}

/// What can be done with containers: what the command line, nsinit and the library are thin fronts of.
///
/// Each call opens what it needs, does one thing and holds nothing afterwards. A failed call leaves nothing of its own
/// behind. The caller adds the frame that names the command and the id ("kill c1: ..."); the texts engines match on
/// ("container does not exist", "container not running", "container with given ID already exists") come from here.
/// Relative paths are relative to the working directory of the caller.
namespace caisson::container {

/// Init's side, entered by a clone of the runtime itself. Does not return.
using InitEntry = void (*)(wire::InMemoryInit&&);

/// What all calls share.
struct Globals {
  enum class Rootless { automatic, yes, no };

  std::string root;                         ///< absolute directory with one subdirectory per container
  bool root_is_default = true;              ///< nobody asked for this root: that it does not exist yet is no error
  bool systemd_cgroup = false;              ///< cgroups as units of systemd; cgroupsPath is then "slice:prefix:name"
  bool cgroups_disabled = false;            ///< containers get no cgroups of their own: they stay in the runtime's
  Rootless rootless = Rootless::automatic;  ///< yes: cgroups that cannot be made are ignored
  InitEntry init = nullptr;                 ///< absent: init always is our own binary, executed anew
};

/// Descriptors that become a process' standard streams; -1 = the caller's own of that number.
using Streams = std::array<int, 3>;

struct CreateOptions {
  std::string id;
  std::string bundle = ".";                  ///< directory of config.json; relative root.path starts from it
  std::string config_file;                   ///< other place of config.json; empty = <bundle>/config.json
  std::optional<std::string> config_text;    ///< config.json itself: none is read
  std::shared_ptr<const config::Spec> spec;  ///< the config as values, its extension too: none is read
  std::string console_socket;  ///< AF_UNIX stream socket that receives the terminal's master; empty = none
  std::string pidfd_socket;    ///< AF_UNIX stream socket that receives init's pidfd; empty = none
  std::string pid_file;        ///< written last, digits only; empty = none
  bool no_pivot = false;       ///< MS_MOVE and chroot in place of pivot_root: for a rootfs on a ramdisk
  bool no_new_keyring = false;
  int preserve_fds = 0;  ///< descriptors handed to the process beyond stdio and $LISTEN_FDS
  Streams streams{-1, -1, -1};
};

/// A container all of which is made, and whose process is about to run.
struct Standing {
  int pid = 0;
  std::uint64_t start_time = 0;  ///< clock ticks since boot: field 22 of /proc/PID/stat
  std::map<std::string, std::string> cgroup_paths;
  std::vector<std::string> veths;  ///< network devices of the host whose other ends are in the container
};

/// What a front that keeps a record of its own does on the way of a run in the foreground. All may be empty.
struct RunCallbacks {
  std::function<Status(const Standing&)> before_start;  ///< a failure undoes the container
  std::function<Status()> after_start;                  ///< the same
  /// The container's own record is still there, and locked: nobody else can have made it anew. Not called when somebody
  /// else has removed the container.
  std::function<void()> after_end;
};

struct RunOptions {
  bool detach = false;  ///< return once the process runs
  bool keep = false;    ///< leave the container behind, stopped, when its process has ended
  bool no_subreaper = false;
  RunCallbacks callbacks;
  std::optional<int> code_when_killed;  ///< value for a process that a signal ended; absent = 128 + signal
};

/// Either a whole process object in a file, or changes to the one of the container's config.
struct ExecOptions {
  std::string process_file;  ///< JSON `process`; used as it is, nothing below but the runtime's own options applies
  std::vector<std::string> args;  ///< "exec args cannot be empty" without a process_file
  std::string console_socket;
  std::string pidfd_socket;
  std::string pid_file;
  std::string cwd;               ///< empty = the config's
  std::vector<std::string> env;  ///< K=V, appended
  std::optional<bool> tty;       ///< absent = no terminal (with process_file: what it says)
  std::string user;              ///< UID[:GID] in digits; empty = the config's
  std::vector<std::uint32_t> additional_gids;
  bool detach = false;
  std::string process_label;  ///< SELinux; empty = the config's
  std::string apparmor;       ///< profile; empty = the config's
  bool no_new_privs = false;
  std::vector<std::string> caps;  ///< added to the bounding, effective and permitted sets
  int preserve_fds = 0;
  std::vector<std::string> cgroups;  ///< PATH, or CONTROLLER[,CONTROLLER]:PATH; beneath the container's own cgroup
  bool ignore_paused = false;
  std::string function;  ///< not a program but something that the runtime itself does inside, with `args`: mknod, ip
  std::optional<int> code_when_killed;  ///< as in RunOptions
  Streams streams{-1, -1, -1};
};

/// What `state` prints and `list` lists.
struct ContainerState {
  std::string oci_version;  ///< of the runtime
  std::string id;
  int pid = 0;         ///< 0 when stopped
  std::string status;  ///< "creating", "created", "running", "paused", "stopped"
  std::string bundle;
  std::string rootfs;
  std::string created;  ///< RFC 3339 with nanoseconds, UTC
  std::map<std::string, std::string> annotations;
  std::string owner;  ///< may be empty
  bool operator==(const ContainerState&) const = default;
};

/// Other limits for a container.
struct UpdateOptions {
  config::Resources resources;  ///< what is given changes, all else stays
  std::string pointer;          ///< where the resources stand in what the user gave; for errors
  std::string l3_cache_schema;  ///< of intelRdt; empty = as it is
  std::string mem_bw_schema;
};

/// What a container uses at one moment: a row of `stats`. Absent where the host does not count, or there is no limit.
struct Usage {
  std::string id;
  std::string status;
  std::int64_t taken = 0;  ///< when: nanoseconds of CLOCK_MONOTONIC
  std::optional<std::uint64_t> cpu_nanoseconds;
  std::optional<std::uint64_t> memory_bytes, memory_limit_bytes;
  std::optional<std::uint64_t> processes, process_limit;
  std::optional<std::uint64_t> read_bytes, written_bytes;
  std::optional<double> cpu_pressure, memory_pressure, io_pressure;  ///< percent of the last ten seconds, "some"
  std::optional<std::uint64_t> oom_kills;
};

/// Makes a container whose process waits for start().
/// ErrorKind::invalid_id, id_in_use; config for what the bundle's config.json asks and cannot have.
Status create(const Globals& globals, const CreateOptions& options);

/// create() and start(); unless detached, waits for the process and removes the container.
/// Value: 0 when detached, else the process' exit code, 128 + signal when it was killed.
Result<int> run(const Globals& globals, const CreateOptions& options, const RunOptions& run_options);

/// ErrorKind::destroyed, paused, wrong_state.
Status start(const Globals& globals, const std::string& id);

/// Another process in a container that is created or running. Value: as run()'s.
/// ErrorKind::destroyed, paused, wrong_state, config.
Result<int> exec(const Globals& globals, const std::string& id, const ExecOptions& options);

/// `signal` goes to the container's init; SIGKILL also to the rest when init's end does not end it.
/// `all`: a container that is not running is no error.
Status kill(const Globals& globals, const std::string& id, int signal, bool all);

/// A stopped or created container; with `force` any one, and one that does not exist is no error.
Status remove(const Globals& globals, const std::string& id, bool force);

/// Freezes the container's cgroup. A container that is paused already or not running: "container not running".
Status pause(const Globals& globals, const std::string& id);

/// "container not paused" otherwise.
Status resume(const Globals& globals, const std::string& id);

/// Changes limits of a container that is not stopped: all that is asked for, or nothing. What later commands know of
/// the container follows. ErrorKind::destroyed: "container not running"; config.
Status update(const Globals& globals, const std::string& id, const UpdateOptions& options);

/// Takes a line of JSON; an error ends what makes them.
using PrintLine = std::function<Status(const std::string& line)>;

/// Statistics of a container, in the words that other runtimes use for them: one object a line.
/// ErrorKind::destroyed: "container with id X is not running".
Status print_stats(const Globals& globals, const std::string& id, const PrintLine& print);

/// The same every `interval_ns` nanoseconds, and a line for each out-of-memory notice, until the container has ended.
Status follow_events(const Globals& globals, const std::string& id, std::int64_t interval_ns, const PrintLine& print);

/// What these containers use. With no ids, all that run; one of them that has ended is then left out, and one that
/// cannot be read becomes a warning.
Result<std::vector<Usage>> usage(const Globals& globals, const std::vector<std::string>& ids,
                                 std::vector<std::string>& warnings);

/// ErrorKind::destroyed.
Result<ContainerState> state(const Globals& globals, const std::string& id);

/// All containers of the root, by id. An entry that cannot be read becomes a warning ("load container X: ...").
Result<std::vector<ContainerState>> list(const Globals& globals, std::vector<std::string>& warnings);

/// Pids of the container's cgroup, as the caller sees them. ErrorKind::destroyed.
Result<std::vector<int>> processes(const Globals& globals, const std::string& id);

}  // namespace caisson::container
