// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

struct nl_msg;
struct nlattr;
struct nl_sock;

namespace caisson::network {

/// A request to the kernel's routing subsystem: a fixed header, then attributes. Source: rtnetlink(7).
class Request {
 public:
  /// `type` is RTM_*. `flags` is NLM_F_* in addition to NLM_F_REQUEST and NLM_F_ACK.
  Request(int type, int flags);

  template <class H>
  Request& header(const H& value) {
    add_header(&value, sizeof value);
    return *this;
  }
  Request& put(int attribute, std::string_view bytes);
  Request& put_number(int attribute, std::uint32_t value);
  /// Including the final NUL byte.
  Request& put_text(int attribute, const std::string& text);
  /// Nested attributes, added by `fill`, after `header` if there is one.
  template <class F>
  Request& nest(int attribute, F fill) {
    nlattr* start = begin_nest(attribute);
    fill(*this);
    end_nest(start);
    return *this;
  }
  template <class H, class F>
  Request& nest(int attribute, const H& header, F fill) {
    nlattr* start = begin_nest(attribute);
    add_header(&header, sizeof header);
    fill(*this);
    end_nest(start);
    return *this;
  }

 private:
  friend class RouteSocket;
  struct Free {
    void operator()(nl_msg* message) const;
  };
  void add_header(const void* bytes, std::size_t size);
  nlattr* begin_nest(int attribute);
  void end_nest(nlattr* start);

  std::unique_ptr<nl_msg, Free> message_;
  bool whole_ = true;
};

/// A NETLINK_ROUTE socket. It acts on the network namespace in which it was opened.
class RouteSocket {
 public:
  enum class Hears { answers, link_changes };
  static Result<RouteSocket> open(Hears hears = Hears::answers);

  using Each = std::function<void(const nlmsghdr&)>;
  /// Sends the request and waits until it ends. `each` receives all messages that arrive before that: replies, and link
  /// notifications if the socket is subscribed (those caused by the request arrive before its end). `what` names the
  /// request in errors, which also contain the kernel's text. errno EINTR: a list changed while it was read; retry.
  Status ask(Request& request, std::string_view what, const Each& each = nullptr);

 private:
  struct Free {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Free> socket_;
};

}  // namespace caisson::network
