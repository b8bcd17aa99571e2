// SPDX-License-Identifier: Apache-2.0
#include "wire/channel.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/log.hpp"
#include "sys/interrupt.hpp"
#include "sys/socket.hpp"

namespace caisson::wire {
namespace {

/// Longest text of a record that travels: a packet must fit into the socket's buffer.
constexpr std::size_t kLongestRecord = 16UL * 1024;

}  // namespace

bool write_if_log(const Message& message) {
  const auto* const record = std::get_if<Log>(&message);
  if (record == nullptr) return false;
  // Errors are not init's to log: the one error record of a log is the runtime's.
  constexpr int kMost = static_cast<int>(log::Level::warning);
  log::write(static_cast<log::Level>(std::clamp(record->level, 0, kMost)), record->text);
  return true;
}

Status Channel::send(const Message& message, const std::vector<FdView>& descriptors) const {
  CAISSON_TRY(sys::send_packet(socket_, encode(message), descriptors), "send {}", name_of(message));
  return {};
}

Status Channel::send_many(const Message& message, std::vector<FdView> descriptors) const {
  const std::size_t first = std::min(descriptors.size(), sys::kMostDescriptors);
  CAISSON_TRY(send(message, {descriptors.begin(), descriptors.begin() + static_cast<std::ptrdiff_t>(first)}));
  for (std::size_t done = first; done < descriptors.size();) {
    const std::size_t next = std::min(descriptors.size() - done, sys::kMostDescriptors);
    const auto from = descriptors.begin() + static_cast<std::ptrdiff_t>(done);
    CAISSON_TRY(send(More{}, {from, from + static_cast<std::ptrdiff_t>(next)}));
    done += next;
  }
  return {};
}

Status Channel::send_plainly(const Message& message) const {
  const std::string bytes = encode(message);
  while (::write(socket_.get(), bytes.data(), bytes.size()) < 0)
    if (errno != EINTR) return fail_errno("send {}", name_of(message));
  return {};
}

void Channel::send_log(Log record) const {
  if (record.text.size() > kLongestRecord) record.text.resize(kLongestRecord);
  const std::string bytes = encode(std::move(record));
  (void)::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

Status Channel::await_plainly() const {
  char bytes[256];
  for (;;) {
    const ssize_t size = ::read(socket_.get(), bytes, sizeof bytes);
    if (size > 0) return {};
    if (size == 0) return fail(ErrorKind::destroyed, "the runtime ended without a word");
    if (errno != EINTR) return fail_errno("read(channel)");
  }
}

Result<Packet> Channel::receive() const {
  sys::ReceivedPacket packet = CAISSON_TRY(sys::receive_packet(socket_));
  if (packet.end) return fail(ErrorKind::destroyed, "the container's init process ended without a word");
  Message message = CAISSON_TRY(decode(packet.bytes));
  return Packet{std::move(message), std::move(packet.descriptors)};
}

std::optional<Error> Channel::pending_failure() const {
  pollfd ready{socket_.get(), POLLIN, 0};
  while (::poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0) {
    auto packet = receive();
    if (!packet) return std::nullopt;
    if (write_if_log(packet->message)) continue;
    if (auto* failed = std::get_if<Failed>(&packet->message)) return std::move(failed->error);
  }
  return std::nullopt;
}

Status Channel::check_peer() const {
  pollfd state{socket_.get(), 0, 0};
  if (::poll(&state, 1, 0) < 0) return fail_errno("poll(channel)");
  if ((state.revents & POLLHUP) != 0) return fail(ErrorKind::destroyed, "the runtime ended without a word");
  return {};
}

Status Channel::wait_for_end() const {
  // Without an event that is asked for, poll(2) tells of the end alone.
  pollfd end{socket_.get(), 0, 0};
  while (::poll(&end, 1, -1) < 0) {
    if (errno != EINTR) return fail_errno("poll(channel)");
    CAISSON_TRY(sys::go_on_unless_interrupted());
  }
  return {};
}

Result<Executing> Channel::expect_end() const {
  for (std::optional<Executing> executing;;) {
    sys::ReceivedPacket packet = CAISSON_TRY(sys::receive_packet(socket_));
    if (packet.end && executing) return std::move(*executing);
    if (packet.end) return fail(ErrorKind::destroyed, "container process is already dead");
    Message message = CAISSON_TRY(decode(packet.bytes));
    if (write_if_log(message)) continue;
    if (auto* failed = std::get_if<Failed>(&message)) return std::unexpected(std::move(failed->error));
    auto* last = std::get_if<Executing>(&message);
    if (last == nullptr)
      return fail(ErrorKind::system, "init sent {} where only the end was expected", name_of(message));
    executing = std::move(*last);
  }
}

std::unexpected<Error> Channel::unexpected(const Message& got, std::string_view wanted) {
  return fail(ErrorKind::system, "the other side sent {} where {} was expected", name_of(got), wanted);
}

}  // namespace caisson::wire
