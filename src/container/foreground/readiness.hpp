// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "config/spec.hpp"
#include "container/record/container_dir.hpp"
#include "sys/process.hpp"

namespace caisson::container {

/// $NOTIFY_SOCKET: where a service manager waits for us to say that the service is ready; empty = nobody does.
/// sd_notify(3).
std::string service_manager();

/// Gives the container a socket at /run/notify/notify.sock and says so in its process' environment. The socket's
/// directory, in the container's entry at `entry_path`, is mounted there.
void share_readiness(config::Spec& spec, const std::string& entry_path);
/// Makes that directory.
Status make_readiness_directory(const Entry& entry);

/// The socket within the container, of which we pass on to the service manager that the service is ready: READY=1 and
/// nothing else, so that what runs in the container does not speak for us.
class Readiness {
 public:
  /// Nothing when nobody waits for us, or when the container was made without the socket.
  static Result<std::optional<Readiness>> open(const Entry& entry);

  FdView socket() const { return socket_; }
  /// Reads one message; true when it was the one waited for, which has been passed on with `main_pid` (0 = ours stays
  /// the service's).
  Result<bool> pass_on(pid_t main_pid) const;
  /// The same for what has come by now, without waiting: the container has ended.
  void pass_on_what_came() const;
  /// Blocks until the container is ready or `init` has ended.
  Status wait(const sys::ProcessHandle& init) const;

 private:
  Readiness(FileDescriptor socket, std::string manager) : socket_(std::move(socket)), manager_(std::move(manager)) {}

  FileDescriptor socket_;
  std::string manager_;
};

}  // namespace caisson::container
