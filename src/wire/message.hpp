// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/fixed_text.hpp"
#include "plan/facts.hpp"

namespace caisson::wire {

/// One cgroup hierarchy and the container's own directory in it, as init needs it to show it inside.
struct Cgroup {
  std::vector<std::string> controllers;
  std::string mountpoint;
  std::string path;
  bool v2 = false;
  bool operator==(const Cgroup&) const = default;
};

// The two sides' whole conversation, in its order. Every message may be replaced by Failed where the child sends it.
//
//   parent -> child  Begin             what to do; descriptors beside it, in the order of `descriptors`
//   parent -> child  More              descriptors that did not fit beside Begin, as often as it takes
//   parent -> child  Mapped            the user namespace's maps are written
//   stage  -> parent Spawned           init's pid and pidfd; the stage ends. After Proceed where init enters a PID
//                                      namespace last: the stage takes init's part until then
//   parent -> child  CgroupsReady      the container's cgroups exist and init is in them
//   init   -> parent RootfsReady       mounts and devices stand, the root is not switched yet; only where it is awaited
//   parent -> init   Proceed           hooks of the runtime's side have run; limits stand
//   init   -> parent Console           the terminal's master beside it
//   init   -> parent SeccompListener   number of the listener's descriptor in init
//   parent -> init   Taken             the parent has that listener; or, after a late Spawned, that pid
//   init   -> parent Created           all but execve is done; only where something must be done between
//   parent -> init   Recorded          create: state.json says so; init waits on start.sock from here on
//   parent -> init   Start             run: the message that `start` sends over start.sock
//   init   -> parent Log               before a seccomp filter is loaded: a record for the log
//
// For exec, RootfsReady, Created and Start are absent and the end of the stream says that execve succeeded; for run
// it says so after Start, or after Proceed where init runs at once.

enum class Kind { create, exec };

/// Which descriptors ride beside Begin, in this order. The config is not among them: init has it from its birth.
struct Descriptors {
  bool start_listener = false;
  bool container = false;  ///< exec: pidfd of the container's init
  bool cgroup = false;     ///< a stage where there is cgroup2: directory to clone init into
  bool root = false;       ///< exec into a container without a mount namespace of its own: its root directory
  unsigned prepared = 0;   ///< detached trees
  unsigned tasks = 0;      ///< exec on cgroup v1: files that init writes "0" to, to move itself
  bool hook_out = false;   ///< file for the standard output of the hooks that init runs
  bool hook_err = false;   ///< the same for their standard error
  bool timeline = false;   ///< the flight recorder's memory; last
  std::size_t count() const {
    return start_listener + container + cgroup + root + tasks + prepared + hook_out + hook_err + timeline;
  }
};

struct Begin {
  Kind kind = Kind::create;
  std::string id;
  std::string bundle;  ///< absolute
  plan::HostFacts facts;
  std::vector<Cgroup> cgroups;
  Descriptors descriptors;
  bool no_pivot = false;
  bool no_new_keyring = false;
  bool start_by_parent = false;   ///< Start comes over this channel, not over start.sock
  bool runs_at_once = false;      ///< no Created and no Start: from Proceed on, init goes on to its execve
  bool maps_by_parent = false;    ///< a Mapped follows once the namespaces are made
  bool limits_by_parent = false;  ///< the parent sets the rlimits before Proceed
  bool awaits_rootfs = false;     ///< the parent has something to do between RootfsReady and Proceed
  bool moved_late = false;        ///< the parent moves init when that waits for its cgroups and has said RootfsReady
  bool enters_pids_last = false;  ///< the stage switches the root before it clones init: Spawned comes after Proceed
  unsigned preserve_fds = 0;
  /// The soft limit of open files that the caller had, where the parent raised it for the prepared trees.
  std::optional<std::uint64_t> descriptor_limit;
  unsigned listen_fds = 0;       ///< LISTEN_FDS that the payload is told of; part of preserve_fds
  std::uint64_t namespaces = 0;  ///< exec: CLONE_NEW* to join
  bool debug = false;            ///< init sends what it does as Log
  std::string function;          ///< exec: something that init does itself in place of a program; its name
};

struct More {};  ///< descriptors that did not fit beside Begin
struct Mapped {};
/// Beside it, on cgroup v1, the files that init writes "0" to: it moves itself.
struct CgroupsReady {
  bool callers = false;  ///< the container has no cgroup of its own: init stays in those of the caller
};
struct Proceed {
  bool filter = false;  ///< the compiled seccomp program lies beside: the parent builds it while init mounts
  std::uint32_t seccomp_flags = 0;    ///< SECCOMP_FILTER_FLAG_*
  bool seccomp_notify = false;        ///< init answers with SeccompListener and waits for Taken
  std::uint64_t ignored_signals = 0;  ///< the caller's, bit N - 1 for signal N: the process is to ignore none
  bool own_limits = false;            ///< exec: the parent may not set the rlimits after all
};
struct Recorded {};
struct Start {};
struct Spawned {
  int pid = 0;
  bool in_cgroup = false;  ///< born in the directory that came with Begin
};
struct RootfsReady {};
struct Console {
  std::string name;  ///< "/dev/pts/0", as the container sees the slave
};
struct SeccompListener {
  int fd = -1;
};
struct Taken {};
struct Created {
  std::vector<std::string> notes;  ///< lines for the debug log of the runtime: init has no log of its own
};
/// The last word of a process that is about to execute the user's program: its end alone would say the same of one that
/// was killed before.
struct Executing {
  std::vector<std::string> notes;  ///< those that did not go with Created
};
struct Failed {
  Error error;
};
/// A record for the runtime's log, see write_if_log().
struct Log {
  int level = 0;  ///< log::Level
  std::string text;
};

using Message = std::variant<Begin, More, Mapped, CgroupsReady, Proceed, Recorded, Start, Spawned, RootfsReady, Console,
                             SeccompListener, Taken, Created, Executing, Failed, Log>;

/// Names of the alternatives of Message, in its order.
inline constexpr text::Fixed<15> kNames[] = {
    "Begin",       "More",    "Mapped",          "CgroupsReady", "Proceed", "Recorded",  "Start",  "Spawned",
    "RootfsReady", "Console", "SeccompListener", "Taken",        "Created", "Executing", "Failed", "Log"};
static_assert(std::size(kNames) == std::variant_size_v<Message>);

inline std::string_view name_of(const Message& message) { return kNames[message.index()]; }

/// Place of one alternative in Message.
template <class M, std::size_t I = 0>
constexpr std::size_t index_of() {
  if constexpr (std::is_same_v<M, std::variant_alternative_t<I, Message>>)
    return I;
  else
    return index_of<M, I + 1>();
}

/// One packet's bytes: a letter for the kind, then the fields as JSON.
std::string encode(const Message& message);
Result<Message> decode(std::string_view packet);

}  // namespace caisson::wire
