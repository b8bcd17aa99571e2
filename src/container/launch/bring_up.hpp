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
#include "plan/plan.hpp"
#include "sys/process.hpp"
#include "wire/channel.hpp"
#include "wire/message.hpp"

namespace caisson::container {

/// What a clone of ours takes over when it goes on as init in our memory. Referred to, until the clone has it.
struct Bequest {
  InitEntry entry;
  wire::Begin& begin;
  const std::vector<FdView>& descriptors;  ///< beside `begin`
  config::Spec& spec;
  plan::InitPlan& plan;
};

/// Whether a clone of this process, of one thread, may go on as init: its program must be one that the container
/// cannot write to (CVE-2019-5736), and the kernel must let us say so.
bool may_bequeath(const Globals& globals, const plan::HostFacts& facts);

/// Our binary, opened so that nobody can write to it (CVE-2019-5736).
struct OwnBinary {
  FileDescriptor file;
  bool is_program = false;  ///< of this process, whose memory and descriptors are nobody's business any more
};
/// `exchange`: makes it our program where the kernel lets us.
Result<OwnBinary> protect_own_binary(bool privileged, bool exchange);

struct SpawnOptions {
  std::uint64_t namespaces = 0;  ///< CLONE_NEW* for the clone itself
  int cgroup = -1;               ///< cgroup2 directory to be born in; -1 = inherit
  bool privileged = true;        ///< CAP_SYS_ADMIN: our binary need not be copied
  bool wait_for_maps = false;    ///< a user namespace is made by the clone: Mapped comes before our binary runs again
  OwnBinary* own = nullptr;      ///< taken over; nullptr = it is yet to be protected
  int config = -1;               ///< descriptor that init gets beside the channel: its config. A bequest's is its lock
  const sigset_t* signal_mask = nullptr;   ///< what the child gets back; nullptr = ours
  std::array<int, 3> streams{-1, -1, -1};  ///< the child's standard streams; -1 = ours
  const Bequest* bequest = nullptr;        ///< the child goes on in our memory, if it can, and is sent no Begin
  bool hide_descriptors = false;  ///< nothing else that is open here goes on in the child: the caller did not see to it
};

/// A child that runs our own binary again as `caisson init`, and the socket to it. Until it is released, it is killed
/// and reaped when this goes out of scope.
class Child {
 public:
  Child(sys::ProcessHandle process, wire::Channel channel, bool in_cgroup, bool is_heir, FileDescriptor program)
      : process_(std::move(process)),
        channel_(std::move(channel)),
        in_cgroup_(in_cgroup),
        is_heir_(is_heir),
        program_(std::move(program)) {}
  Child(Child&& other) noexcept
      : process_(std::move(other.process_)),
        channel_(std::move(other.channel_)),
        in_cgroup_(other.in_cgroup_),
        is_heir_(other.is_heir_),
        program_(std::move(other.program_)),
        owned_(std::exchange(other.owned_, false)) {}
  Child& operator=(Child&&) = delete;
  ~Child();

  const sys::ProcessHandle& process() const { return process_; }
  const wire::Channel& channel() const { return channel_; }
  /// It was born in the cgroup that was asked for.
  bool in_cgroup() const { return in_cgroup_; }
  /// It took over the bequest: it knows what Begin would tell it.
  bool is_heir() const { return is_heir_; }
  /// The stage has ended and left `init` in its place; the stage is reaped.
  Status become(sys::ProcessHandle init);
  /// Closes our binary's protected clone. The kernel takes its time to end that mount: for when there is nothing else
  /// to do but wait.
  void close_program() { program_.reset(); }
  /// From here on the process lives without us.
  void release() { owned_ = false; }
  sys::ProcessHandle take_process() { return std::move(process_); }

 private:
  sys::ProcessHandle process_;
  wire::Channel channel_;
  bool in_cgroup_;
  bool is_heir_;
  FileDescriptor program_;
  bool owned_ = true;
};

/// clone3, and then execveat of our own protected binary, or the bequest. Nothing of the user's runs yet.
Result<Child> spawn(const SpawnOptions& options);

}  // namespace caisson::container
