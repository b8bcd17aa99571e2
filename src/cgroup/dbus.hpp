// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "cgroup/cgroup_dir.hpp"
#include "plan/unit.hpp"

namespace caisson::cgroup {

/// systemd's answer to a call.
struct BusReply {
  std::string error;  ///< D-Bus name of the error; empty for success
  std::string text;   ///< the error's text
  std::string job;    ///< object path of the job that the call has queued
};

/// A connection to the message bus on which a systemd manager is, for one call and the wait for its job.
///
/// Messages are libdbus's, but not the transport: libdbus's connections wait without a deadline for the socket, and say
/// to the bus the caller's user id, which in a user namespace is not the one that the bus sees.
class SystemdBus {
 public:
  /// Of the host's systemd, or of user `owner`'s. No wait goes beyond `end`.
  static Result<SystemdBus> connect(bool user, std::uint32_t owner, Deadline end);

  /// Listens to what becomes of the jobs of `unit`; costs no wait.
  Status watch(const std::string& unit);
  /// Calls a method of systemd's manager. A refusal is a reply like any other.
  Result<BusReply> call(const char* method, const std::vector<plan::BusValue>& arguments);
  /// Waits for the job's end: "done", or what became of it instead.
  Result<std::string> wait_for_job(const std::string& job);

 private:
  SystemdBus(FileDescriptor socket, Deadline end) : socket_(std::move(socket)), end_(end) {}
  Status authenticate();
  Status send(std::string_view bytes);
  Status receive();
  /// Takes one message out of what was received. False: it is not complete yet.
  Result<bool> take_message();

  FileDescriptor socket_;
  Deadline end_;
  std::string received_;
  std::uint32_t serial_ = 0;
  std::map<std::uint32_t, BusReply> replies_;
  std::map<std::string, std::string> ended_jobs_;
};

/// The socket in a bus's address, "unix:path=/run/x,guid=...;..."; "@name" for an abstract one, empty when it has none.
std::string socket_of_address(std::string_view address);

}  // namespace caisson::cgroup
