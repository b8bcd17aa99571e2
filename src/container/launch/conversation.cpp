// SPDX-License-Identifier: Apache-2.0
#include "container/launch/conversation.hpp"

#include <array>
#include <utility>
#include <variant>

#include "base/log.hpp"
#include "container/foreground/signals.hpp"

namespace caisson::container {

namespace {

std::unexpected<Error> unexpected(const wire::Message& message, Until until) {
  return fail(ErrorKind::system, "init sent {} where {} was expected", wire::name_of(message),
              until == Until::created ? "Created" : "its execve");
}

/// One conversation: which messages have come.
class Conversation {
 public:
  Conversation(const wire::Channel& channel, Until until, const Answers& answers)
      : channel_(channel), until_(until), answers_(answers) {}

  /// True when it has ended well.
  Result<bool> take(wire::Packet packet);
  /// The end of the stream.
  Status end() const;

 private:
  /// Whether a message of this kind may come now: once, before Executing, and if it can be answered.
  bool is_due(bool can_be_answered, const wire::Message& message) {
    return can_be_answered && !executing_ && !std::exchange(seen_.at(message.index()), true);
  }
  Status answer_listener(int number) const;

  const wire::Channel& channel_;
  Until until_;
  const Answers& answers_;
  bool executing_ = false;
  std::array<bool, std::variant_size_v<wire::Message>> seen_{};
};

Status Conversation::answer_listener(int number) const {
  CAISSON_TRY(answers_.seccomp_listener(number));
  return channel_.send(wire::Taken{});
}

Result<bool> Conversation::take(wire::Packet packet) {
  wire::Message& message = packet.message;
  if (wire::write_if_log(message)) return false;
  if (auto* failed = std::get_if<wire::Failed>(&message)) return std::unexpected(std::move(failed->error));
  if (const auto* console = std::get_if<wire::Console>(&message)) {
    if (packet.descriptors.size() != 1 || !is_due(static_cast<bool>(answers_.console), message))
      return unexpected(message, until_);
    CAISSON_TRY(answers_.console(*console, std::move(packet.descriptors.front())));
    return false;
  }
  if (const auto* spawned = std::get_if<wire::Spawned>(&message)) {
    if (packet.descriptors.size() != 1 || !is_due(static_cast<bool>(answers_.spawned), message))
      return unexpected(message, until_);
    CAISSON_TRY(answers_.spawned(*spawned, std::move(packet.descriptors.front())));
    return false;
  }
  if (!packet.descriptors.empty()) return unexpected(message, until_);
  if (const auto* created = std::get_if<wire::Created>(&message); created != nullptr && until_ == Until::created) {
    log_notes(created->notes);
    return true;
  }
  if (const auto* last = std::get_if<wire::Executing>(&message);
      last != nullptr && is_due(until_ == Until::execve, message)) {
    log_notes(last->notes);
    executing_ = true;
  } else if (const auto* listener = std::get_if<wire::SeccompListener>(&message);
             listener != nullptr && !std::exchange(seen_.at(message.index()), true) && answers_.seccomp_listener) {
    // After Executing, too: the filter is loaded last.
    CAISSON_TRY(answer_listener(listener->fd));
  } else {
    return unexpected(message, until_);
  }
  return false;
}

Status Conversation::end() const {
  if (executing_) return {};
  if (until_ == Until::execve) return fail(ErrorKind::destroyed, "container process is already dead");
  return fail(ErrorKind::destroyed, "the container's init process ended without a word");
}

}  // namespace

Status converse(const wire::Channel& channel, Until until, const Answers& answers, SignalCustody* signals) {
  // Where init asks for nothing, one waking up for all that it sends.
  if (until == Until::execve && answers.empty())
    CAISSON_TRY(signals != nullptr ? signals->wait_for(channel.fd(), 0) : channel.wait_for_end());
  Conversation conversation(channel, until, answers);
  for (;;) {
    if (signals != nullptr) CAISSON_TRY(signals->wait_for(channel.fd(), POLLIN));
    auto packet = channel.receive();
    if (!packet && packet.error().kind() == ErrorKind::destroyed) return conversation.end();
    if (!packet) return std::unexpected(std::move(packet).error());
    if (CAISSON_TRY(conversation.take(std::move(*packet)))) return {};
  }
}

void log_notes(const std::vector<std::string>& notes) {
  for (const auto& note : notes) log::debug("{}", note);
}

Error cause_of(Error error, const wire::Channel& channel) {
  auto sent = channel.pending_failure();
  return sent ? std::move(*sent) : error;
}

}  // namespace caisson::container
