// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "wire/message.hpp"

namespace caisson::wire {

struct Packet {
  Message message;
  std::vector<FileDescriptor> descriptors;
};

/// Writes a Log to the runtime's log, at level warning at most. False for any other message.
bool write_if_log(const Message& message);

/// One end of the conversation between the runtime and init.
class Channel {
 public:
  explicit Channel(FileDescriptor socket) : socket_(std::move(socket)) {}

  FdView fd() const { return socket_; }
  Status send(const Message& message, const std::vector<FdView>& descriptors = {}) const;
  /// The same with any number of descriptors: those that one packet cannot take follow in packets of More.
  Status send_many(const Message& message, std::vector<FdView> descriptors) const;
  /// A record for the log of the other side. Never waits, and is lost where it cannot be sent.
  void send_log(Log record) const;
  /// The same for init once a seccomp filter is loaded: write(2) alone, no sendmsg.
  Status send_plainly(const Message& message) const;

  /// Waits for one packet, whatever it is, by read(2) alone.
  Status await_plainly() const;

  /// The next packet, a Log too. End of stream is ErrorKind::destroyed.
  Result<Packet> receive() const;

  /// The next packet, which must be an M. A Failed from the peer becomes this call's error, and so do end of stream
  /// and any other message.
  template <class M>
  Result<M> expect(std::vector<FileDescriptor>* descriptors = nullptr) const {
    Packet packet = CAISSON_TRY(receive());
    while (write_if_log(packet.message)) packet = CAISSON_TRY(receive());
    if (auto* failed = std::get_if<Failed>(&packet.message)) return std::unexpected(std::move(failed->error));
    auto* wanted = std::get_if<M>(&packet.message);
    if (wanted == nullptr) return unexpected(packet.message, kNames[index_of<M>()]);
    if (descriptors != nullptr) *descriptors = std::move(packet.descriptors);
    return std::move(*wanted);
  }

  /// The peer's Failed, when one has come already. Does not wait.
  std::optional<Error> pending_failure() const;

  /// Fails when nobody holds the other end any more. Does not wait.
  Status check_peer() const;

  /// Success when the peer says Executing and closes its end without another word: its execve has taken place.
  /// ErrorKind::destroyed when it closes its end only: it was killed.
  Result<Executing> expect_end() const;

  /// Waits until the peer has closed its end, whatever it says before: one waking up for all of that.
  Status wait_for_end() const;

 private:
  static std::unexpected<Error> unexpected(const Message& got, std::string_view wanted);
  FileDescriptor socket_;
};

}  // namespace caisson::wire
