// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "config/spec.hpp"
#include "plan/identity.hpp"
#include "plan/namespaces.hpp"
#include "plan/plan.hpp"
#include "plan/rootfs.hpp"
#include "process/procfs.hpp"
#include "rootfs/mounter.hpp"
#include "rootfs/root_dir.hpp"
#include "wire/channel.hpp"

namespace caisson::init {

/// Everything init knows, from Begin to execve.
struct InitContext {
  InitContext(wire::Channel to_parent, FileDescriptor config_file)
      : channel(std::move(to_parent)), config(std::move(config_file)) {}

  wire::Channel channel;  ///< to the runtime; from `start` on, to whoever said it
  wire::Begin begin;
  FileDescriptor config;  ///< its lock says that we live, from our first moment until we are recorded
  FileDescriptor start_listener;
  FileDescriptor container;           ///< exec: pidfd of the container's init
  FileDescriptor cgroup;              ///< to be born in
  std::vector<FileDescriptor> tasks;  ///< exec: cgroup v1
  FileDescriptor old_root;            ///< exec: root directory of a container without a mount namespace
  FileDescriptor hook_out;            ///< what createContainer and startContainer hooks print goes there; none = kept
  FileDescriptor hook_err;
  FileDescriptor filter;  ///< compiled seccomp program, from Proceed on
  std::uint32_t seccomp_flags = 0;
  bool seccomp_notify = false;
  std::uint64_t ignored_signals = 0;

  config::Spec spec;
  plan::NamespacePlan namespaces;
  plan::RootfsPlan rootfs;
  plan::IdentityPlan identity;

  rootfs::Environment environment;
  std::optional<rootfs::RootDir> root;
  process::Procfs proc;          ///< for labels and sysctls
  bool needs_no_stage = false;   ///< this process is init already: it runs in memory
  FileDescriptor pid_namespace;  ///< to be entered once the root is switched; none = it is entered already
  bool cgroups_ready = false;
  bool limits_are_set = false;  ///< the config's rlimits hold for this process
  std::vector<std::string> env;
  std::string program;  ///< path that execve gets

  void take(plan::InitPlan plan) {
    namespaces = std::move(plan.namespaces);
    rootfs = std::move(plan.rootfs);
    identity = std::move(plan.identity);
  }
  /// From here on, records of the log go to the runtime over the channel. Ends before the process can be one of the
  /// container's, and before a seccomp filter could stop the call that sends them: log::send_to(nullptr, ...).
  void send_log();
  /// The descriptors that came beside `begin`, as many as it says.
  void take(std::vector<FileDescriptor> fds);
};

/// One step of init's life; the name is the error's context.
struct InitStep {
  const char* name;
  Status (*run)(InitContext&);
  const char* label = name;  ///< for the timeline
};

/// From Begin until the namespaces stand. Returns in the process that is to be init: the stage, where there is one,
/// ends here.
Status enter_stage(InitContext& context);
/// The part of it that follows once it is known what to do.
Status enter_namespaces(InitContext& context);

/// After switch_root: clones init into the PID namespace that is joined last, if there is one.
Status enter_pid_namespace(InitContext& context);

/// Calls `open` in a process of `pid_namespace` and gives the descriptor that it opened. That process has an empty root
/// directory and no other descriptor.
Result<FileDescriptor> open_in_pid_namespace(FdView pid_namespace, const std::function<Result<FileDescriptor>()>& open);

/// The life of a container's first process and of one that joins it, from its namespaces to execve.
std::span<const InitStep> create_steps();
std::span<const InitStep> exec_steps();
/// The life of a process that joins a container to do something there itself, with the runtime's own privileges.
std::span<const InitStep> function_steps();

/// Does what Begin names, with the process' arguments.
Status run_function(InitContext& context);

/// Moves the caller, still a single thread, into cgroups of v1 by their open "tasks" files. Unlike being moved, this
/// needs not stop every fork on the host.
Status enter_cgroups(std::vector<FileDescriptor> tasks);

/// Waits, once, until the parent has put us into the container's cgroups, then makes the cgroup namespace.
Status wait_for_cgroups(InitContext& context);

}  // namespace caisson::init
