// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "network/route_socket.hpp"

// Helpers for requests about links. Source: rtnetlink(7).

namespace caisson::network {

struct Link {
  int index = 0;
  std::string name;
  bool up = false;
};

/// Calls `visit(type, attribute)` for each attribute after a header of type H.
template <class H, class F>
void each_attribute(const nlmsghdr& message, F visit) {
  const nlattr* attribute = nlmsg_attrdata(&message, sizeof(H));
  for (int left = nlmsg_attrlen(&message, sizeof(H)); nla_ok(attribute, left); attribute = nla_next(attribute, &left))
    visit(nla_type(attribute), *attribute);
}

template <class H>
const H* header_of(const nlmsghdr& message) {
  return nlmsg_valid_hdr(&message, sizeof(H)) != 0 ? static_cast<const H*>(nlmsg_data(&message)) : nullptr;
}

std::string_view bytes_of(const nlattr& attribute);
std::string text_of(const nlattr& attribute);

ifinfomsg link_header(int index, unsigned flags = 0, unsigned change = 0);

/// Finds a link by its index, or by its name if `index` is 0. nullopt if it does not exist.
Result<std::optional<Link>> find_link(RouteSocket& socket, const std::string& name, int index = 0);

Status set_up(RouteSocket& socket, int index, bool up);

/// Opens a socket in the network namespace `there`. The calling thread enters that namespace and returns; it first
/// checks that it may return. For programs with one thread.
Result<RouteSocket> open_socket_in(FdView there);

/// Opens the network namespace of a process. Fails if it is the caller's.
Result<FileDescriptor> open_namespace_of(int pid);

}  // namespace caisson::network
