// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/commands.hpp"
#include "container/launch/joiner.hpp"
#include "plan/plan.hpp"
#include "selfexe/protect.hpp"
#include "sys/process.hpp"
#include "wire/channel.hpp"
#include "wire/in_memory_init.hpp"
#include "wire/message.hpp"

namespace caisson::container {

/// Whether init can run in a process that is cloned from this one and not executed anew: this process must have one
/// thread, and the kernel must let it replace its own program (CVE-2019-5736).
bool can_run_init_in_memory(const Globals& globals, const plan::HostFacts& facts);

/// How a process of a container is made.
///
///   way                    when                                                      the process
///   in memory              root, no user namespace to make, program replaceable      is cloned with its new namespaces
///   joiner, then memory    the same, and a container is joined (`join`)              is cloned by joiner.hpp
///   executed anew          everything else                                           executes `caisson init`
struct BringUp {
  selfexe::ProtectedProgram& program;
  std::uint64_t namespaces = 0;  ///< CLONE_NEW* for the clone itself
  int cgroup = -1;               ///< cgroup2 directory to be cloned into; -1 = ours
  bool waits_for_maps = false;   ///< the clone makes a user namespace: Mapped comes before our binary is executed
  int config = -1;               ///< descriptor that init gets beside the channel: its config
  const sigset_t* signal_mask = nullptr;    ///< the child's; nullptr = ours
  std::array<int, 3> streams{-1, -1, -1};   ///< the child's standard streams; -1 = ours
  wire::InMemoryInit* in_memory = nullptr;  ///< what init starts from in memory; nullptr = it is executed anew
  InitEntry run_in_memory = nullptr;
  const JoinTarget* join = nullptr;  ///< in memory alone: the container to join
  bool hides_descriptors = false;    ///< the caller's other descriptors are not close-on-exec: the child closes them
};

/// A child on its way to be a container's process, and the socket to it. Until it is released, it is killed and reaped
/// when this goes out of scope.
class Child {
 public:
  Child(sys::ProcessHandle process, wire::Channel channel, bool in_cgroup, bool runs_in_memory)
      : process_(std::move(process)),
        channel_(std::move(channel)),
        in_cgroup_(in_cgroup),
        runs_in_memory_(runs_in_memory) {}
  Child(Child&& other) noexcept
      : process_(std::move(other.process_)),
        channel_(std::move(other.channel_)),
        in_cgroup_(other.in_cgroup_),
        runs_in_memory_(other.runs_in_memory_),
        owned_(std::exchange(other.owned_, false)) {}
  Child& operator=(Child&&) = delete;
  ~Child();

  const sys::ProcessHandle& process() const { return process_; }
  const wire::Channel& channel() const { return channel_; }
  /// It was cloned into the cgroup that was asked for.
  bool in_cgroup() const { return in_cgroup_; }
  /// It has what Begin would tell it.
  bool runs_in_memory() const { return runs_in_memory_; }
  /// `init` takes the place of the stage, which has ended and is reaped.
  Status replace_stage(sys::ProcessHandle init);
  /// Waits until the stage has left init in its place, and reaps the stage. Value: whether the stage was in the
  /// container's cgroup, as Spawned says.
  Result<bool> await_init();
  /// From here on the process lives without us.
  void release() { owned_ = false; }
  sys::ProcessHandle take_process() { return std::move(process_); }

 private:
  sys::ProcessHandle process_;
  wire::Channel channel_;
  bool in_cgroup_;
  bool runs_in_memory_;
  bool owned_ = true;
};

/// Makes the process. No program of the container runs yet. The protected program is sealed, but where the process runs
/// in memory without joining a container: then the caller releases its tree before Proceed.
Result<Child> bring_up(const BringUp& wanted);

}  // namespace caisson::container
