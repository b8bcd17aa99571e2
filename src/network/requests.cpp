// SPDX-License-Identifier: Apache-2.0
#include "network/requests.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>

#include <cstdlib>

#include "sys/namespace.hpp"

namespace caisson::network {

std::string_view bytes_of(const nlattr& attribute) {
  return {static_cast<const char*>(nla_data(&attribute)), static_cast<std::size_t>(nla_len(&attribute))};
}

std::string text_of(const nlattr& attribute) {
  const std::string_view bytes = bytes_of(attribute);
  return std::string(bytes.substr(0, bytes.find('\0')));
}

ifinfomsg link_header(int index, unsigned flags, unsigned change) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = index;
  header.ifi_flags = flags;
  header.ifi_change = change;
  return header;
}

Result<std::optional<Link>> find_link(RouteSocket& socket, const std::string& name, int index) {
  Request request(RTM_GETLINK, 0);
  request.header(link_header(index));
  if (index == 0) request.put_text(IFLA_IFNAME, name);
  std::optional<Link> found;
  auto asked = socket.ask(request, "RTM_GETLINK", [&found](const nlmsghdr& message) {
    const auto* header = header_of<ifinfomsg>(message);
    if (message.nlmsg_type != RTM_NEWLINK || header == nullptr) return;
    found = Link{header->ifi_index, {}, (header->ifi_flags & IFF_UP) != 0};
    each_attribute<ifinfomsg>(message, [&found](int type, const nlattr& attribute) {
      if (type == IFLA_IFNAME) found->name = text_of(attribute);
    });
  });
  if (!asked && asked.error().sys_errno() != ENODEV) return std::unexpected(std::move(asked).error());
  return found;
}

Status set_up(RouteSocket& socket, int index, bool up) {
  Request request(RTM_NEWLINK, 0);
  request.header(link_header(index, up ? IFF_UP : 0, IFF_UP));
  return socket.ask(request, up ? "RTM_NEWLINK(up)" : "RTM_NEWLINK(down)");
}

Result<RouteSocket> open_socket_in(FdView there) {
  const FileDescriptor own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own) return fail_errno("open('/proc/self/ns/net')");
  CAISSON_TRY(sys::join_namespace(own, CLONE_NEWNET), "return to our own network namespace");
  CAISSON_TRY(sys::join_namespace(there, CLONE_NEWNET), "enter the container's network namespace");
  auto socket = RouteSocket::open();
  // Every later request would change the wrong network namespace.
  if (!sys::join_namespace(own, CLONE_NEWNET)) std::abort();
  return socket;
}

Result<FileDescriptor> open_namespace_of(int pid) {
  const std::string path = fmt::format("/proc/{}/ns/net", pid);
  FileDescriptor there(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!there) return fail_errno("open('{}')", path);
  if (CAISSON_TRY(sys::same_as_own(there, CLONE_NEWNET)))
    return fail(ErrorKind::system, "the container is in our own network namespace");
  return there;
}

}  // namespace caisson::network
