// SPDX-License-Identifier: Apache-2.0
#include "network/route_socket.hpp"

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include <cstdlib>
#include <cstring>
#include <optional>

namespace caisson::network {

namespace {

/// Buffer for notifications that arrive during a request. libnl's default of 32 KiB holds about twelve.
constexpr int kChangesBuffer = 1 << 20;

/// The kernel's error text (NETLINK_EXT_ACK). Empty if there is none.
std::string kernel_words(const nlmsghdr& answer) {
  if ((answer.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  const auto* failure = static_cast<const nlmsgerr*>(nlmsg_data(&answer));
  std::size_t skipped = sizeof *failure;
  // The error message contains the whole request, unless NETLINK_CAP_ACK reduced it to the header.
  if ((answer.nlmsg_flags & NLM_F_CAPPED) == 0) skipped += failure->msg.nlmsg_len - NLMSG_HDRLEN;
  if (static_cast<std::size_t>(nlmsg_datalen(&answer)) <= skipped) return {};
  const auto* words = nlmsg_find_attr(const_cast<nlmsghdr*>(&answer), static_cast<int>(skipped), NLMSGERR_ATTR_MSG);
  if (words == nullptr) return {};
  const auto* text = static_cast<const char*>(nla_data(words));
  return std::string(text, ::strnlen(text, static_cast<std::size_t>(nla_len(words))));
}

std::unexpected<Error> refused(const nlmsghdr& answer, std::string_view what) {
  errno = -static_cast<const nlmsgerr*>(nlmsg_data(&answer))->error;
  auto failure = fail_errno("{}", what);
  const std::string words = kernel_words(answer);
  if (!words.empty()) return std::unexpected(std::move(failure.error()).with(words));
  return failure;
}

/// The result of the request, if this message ends it.
std::optional<Status> end_of(const nlmsghdr& message, std::string_view what) {
  if (message.nlmsg_type == NLMSG_ERROR) {
    if (static_cast<const nlmsgerr*>(nlmsg_data(&message))->error == 0) return Status();
    return refused(message, what);
  }
  if (message.nlmsg_type != NLMSG_DONE) return std::nullopt;
  int error = 0;
  if (static_cast<std::size_t>(nlmsg_datalen(&message)) >= sizeof error)
    std::memcpy(&error, nlmsg_data(&message), sizeof error);
  if (error >= 0) return Status();
  errno = -error;
  return fail_errno("{}", what);
}

struct FreeBytes {
  void operator()(unsigned char* bytes) const { std::free(bytes); }
};

}  // namespace

Request::Request(int type, int flags) : message_(nlmsg_alloc_simple(type, flags)) { whole_ = message_ != nullptr; }

void Request::Free::operator()(nl_msg* message) const { nlmsg_free(message); }

void Request::add_header(const void* bytes, std::size_t size) {
  whole_ = whole_ && nlmsg_append(message_.get(), const_cast<void*>(bytes), size, NLMSG_ALIGNTO) == 0;
}

Request& Request::put(int attribute, std::string_view bytes) {
  whole_ = whole_ && nla_put(message_.get(), attribute, static_cast<int>(bytes.size()), bytes.data()) == 0;
  return *this;
}

Request& Request::put_number(int attribute, std::uint32_t value) {
  whole_ = whole_ && nla_put_u32(message_.get(), attribute, value) == 0;
  return *this;
}

Request& Request::put_text(int attribute, const std::string& text) {
  whole_ = whole_ && nla_put_string(message_.get(), attribute, text.c_str()) == 0;
  return *this;
}

nlattr* Request::begin_nest(int attribute) {
  nlattr* start = nla_nest_start(message_.get(), attribute);
  whole_ = whole_ && start != nullptr;
  return start;
}

void Request::end_nest(nlattr* start) {
  if (start != nullptr) nla_nest_end(message_.get(), start);
}

void RouteSocket::Free::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Result<RouteSocket> RouteSocket::open(Hears hears) {
  RouteSocket opened;
  opened.socket_.reset(nl_socket_alloc());
  nl_sock* socket = opened.socket_.get();
  if (socket == nullptr) return fail(ErrorKind::system, "socket(AF_NETLINK): out of memory");
  if (const int error = nl_connect(socket, NETLINK_ROUTE); error < 0)
    return fail(ErrorKind::system, "socket(AF_NETLINK): {}", nl_geterror(error));
  if (hears == Hears::link_changes) {
    (void)nl_socket_set_buffer_size(socket, kChangesBuffer, 0);
    if (const int error = nl_socket_add_membership(socket, RTNLGRP_LINK); error < 0)
      return fail(ErrorKind::system, "setsockopt(NETLINK_ADD_MEMBERSHIP): {}", nl_geterror(error));
  }
  const int on = 1;
  // Extended error texts. Older kernels lack the option, which is not an error.
  (void)::setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  return opened;
}

Status RouteSocket::ask(Request& request, std::string_view what, const Each& each) {
  if (!request.whole_) return fail(ErrorKind::system, "{}: out of memory", what);
  if (const int error = nl_send_auto(socket_.get(), request.message_.get()); error < 0)
    return fail(ErrorKind::system, "{}: send: {}", what, nl_geterror(error));
  const std::uint32_t number = nlmsg_hdr(request.message_.get())->nlmsg_seq;
  bool interrupted = false;
  for (;;) {
    sockaddr_nl sender{};
    unsigned char* bytes = nullptr;
    int size = nl_recv(socket_.get(), &sender, &bytes, nullptr);
    const std::unique_ptr<unsigned char, FreeBytes> owned(size > 0 ? bytes : nullptr);
    if (size < 0) return fail(ErrorKind::system, "{}: receive: {}", what, nl_geterror(size));
    if (size == 0) return fail(ErrorKind::system, "{}: receive: end of stream", what);
    if (sender.nl_pid != 0) continue;  // not from the kernel
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): libnl gives bytes that begin with a header
    for (auto* message = reinterpret_cast<nlmsghdr*>(bytes); nlmsg_ok(message, size);
         message = nlmsg_next(message, &size)) {
      if (message->nlmsg_seq == number) {
        interrupted = interrupted || (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (auto end = end_of(*message, what)) {
          if (!*end || !interrupted) return std::move(*end);
          errno = EINTR;
          return fail_errno("{}", what);
        }
      }
      if (each) each(*message);
    }
  }
}

}  // namespace caisson::network
