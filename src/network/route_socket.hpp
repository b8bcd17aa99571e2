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

/// A request to the kernel's routing subsystem: a fixed header, then attributes. rtnetlink(7).
class Request {
 public:
  /// `type` is RTM_*, `flags` is NLM_F_* beside NLM_F_REQUEST and NLM_F_ACK.
  Request(int type, int flags);

  template <class H>
  Request& header(const H& value) {
    add_header(&value, sizeof value);
    return *this;
  }
  Request& put(int attribute, std::string_view bytes);
  Request& put_number(int attribute, std::uint32_t value);
  /// With its final NUL.
  Request& put_text(int attribute, const std::string& text);
  /// Attributes within attributes: `fill` puts them. With a header, they stand behind it.
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

/// A NETLINK_ROUTE socket. It works on the network namespace it was opened in, wherever its owner goes later.
class RouteSocket {
 public:
  enum class Hears { answers, link_changes };
  static Result<RouteSocket> open(Hears hears = Hears::answers);

  using Each = std::function<void(const nlmsghdr&)>;
  /// Sends the request and waits for its end. `each` is given all messages that arrive meanwhile: answers, and changes
  /// of links when the socket hears them (those that the request itself makes arrive before its end).
  /// `what` names the request in an error, beside the kernel's own words. errno EINTR: a list that changed while it was
  /// read, to be asked for again.
  Status ask(Request& request, std::string_view what, const Each& each = nullptr);

 private:
  struct Free {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Free> socket_;
};

}  // namespace caisson::network
