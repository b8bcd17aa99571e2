// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "wire/channel.hpp"

namespace caisson::container {

class SignalCustody;

/// What the creator does when init asks for it, each once. Where a member is empty, init must not ask.
struct Answers {
  std::function<Status(const wire::Console& console, FileDescriptor master)> console = {};
  /// Takes the descriptor out of init; Taken is sent by converse().
  std::function<Status(int number)> seccomp_listener = {};
  /// Sends Taken once init is adopted.
  std::function<Status(const wire::Spawned& spawned, FileDescriptor pidfd)> spawned = {};

  bool empty() const { return !console && !seccomp_listener && !spawned; }
};

/// What ends the conversation well.
enum class Until {
  created,  ///< Created: init waits for its start
  execve    ///< Executing, and then the end of init's side of the channel: execve has succeeded
};

/// Answers what init sends, for create, run, start and exec alike. A signal that ends programs ends the wait; with
/// `signals`, the others are kept there.
///
/// Errors: what Failed carries; ErrorKind::destroyed when init ends before its time; a message that is not of this
/// place, or comes twice, is named.
Status converse(const wire::Channel& channel, Until until, const Answers& answers, SignalCustody* signals = nullptr);

/// Logs, for --debug, where mounts differ from what the config names because the kernel left no choice.
void log_notes(const std::vector<std::string>& notes);

/// When init fails, what the creator was doing for it fails too (no such process, broken pipe, connection reset): the
/// error that init itself has sent is the cause, if there is one.
Error cause_of(Error error, const wire::Channel& channel);

}  // namespace caisson::container
