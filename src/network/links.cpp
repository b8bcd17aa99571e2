// SPDX-License-Identifier: Apache-2.0
#include "network/links.hpp"

#include <net/if.h>

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.hpp"
#include "network/requests.hpp"
#include "network/route_socket.hpp"

// The messages are written here attribute by attribute: libnl-route's link and address objects know neither the
// index that a link gets in its new namespace nor an address's metric.

namespace caisson::network {

namespace {

/// Limit of retries for an address list that changed while it was read.
constexpr int kListAttempts = 16;

/// Address flags set by a user. The kernel sets the other flags itself.
constexpr std::uint32_t kChosenFlags =
    IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN;

/// An address as the kernel reported it, kept to be set again unchanged.
struct Address {
  ifaddrmsg header{};
  std::uint32_t flags = 0;
  std::string label;
  std::vector<std::pair<int, std::string>> attributes;
};

Address read_address(const nlmsghdr& message, const ifaddrmsg& header) {
  Address address{header, header.ifa_flags, {}, {}};
  each_attribute<ifaddrmsg>(message, [&address](int type, const nlattr& attribute) {
    if (type == IFA_FLAGS)
      address.flags = nla_get_u32(&attribute);
    else if (type == IFA_LABEL)
      address.label = text_of(attribute);
    else if (type != IFA_TARGET_NETNSID)
      address.attributes.emplace_back(type, bytes_of(attribute));
  });
  return address;
}

/// The addresses that are set again after the move: global scope and permanent. Addresses with a lifetime (DHCP, router
/// advertisements) belong to the network that the link leaves.
Result<std::vector<Address>> list_addresses(RouteSocket& socket, const Link& link) {
  for (int attempt = 1;; ++attempt) {
    Request request(RTM_GETADDR, NLM_F_DUMP);
    request.header(ifaddrmsg{});
    std::vector<Address> found;
    auto asked = socket.ask(request, "RTM_GETADDR", [&](const nlmsghdr& message) {
      const auto* header = header_of<ifaddrmsg>(message);
      if (message.nlmsg_type != RTM_NEWADDR || header == nullptr) return;
      if (header->ifa_index != static_cast<unsigned>(link.index) || header->ifa_scope != RT_SCOPE_UNIVERSE) return;
      Address address = read_address(message, *header);
      if ((address.flags & IFA_F_PERMANENT) != 0) found.push_back(std::move(address));
    });
    if (asked) return found;
    if (asked.error().sys_errno() != EINTR || attempt == kListAttempts)
      return std::unexpected(std::move(asked).error());
  }
}

/// The label after a rename. A label is the link's name, optionally with a suffix: "eth0:1" becomes "net0:1", as in the
/// kernel's own rename.
std::string renamed_label(const std::string& label, const std::string& name) {
  const auto colon = label.find(':');
  const std::string suffixed = colon == std::string::npos ? name : name + label.substr(colon);
  return suffixed.size() < IFNAMSIZ ? suffixed : name;
}

Status add_address(RouteSocket& socket, const Link& link, const Address& address) {
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  ifaddrmsg header = address.header;
  header.ifa_index = static_cast<unsigned>(link.index);
  header.ifa_flags = 0;
  request.header(header);
  for (const auto& [type, bytes] : address.attributes) request.put(type, bytes);
  request.put_number(IFA_FLAGS, address.flags & kChosenFlags);
  if (!address.label.empty()) request.put_text(IFA_LABEL, renamed_label(address.label, link.name));
  return socket.ask(request, "RTM_NEWADDR");
}

/// Moves and renames the link in one request. Returns the link's index in the target namespace, which differs if the
/// old index is taken there. The kernel reports it in the RTM_DELLINK notification (Linux 4.16).
Result<int> change_namespace(RouteSocket& socket, const Link& link, FdView there, const std::string& name) {
  Request request(RTM_NEWLINK, 0);
  request.header(link_header(link.index));
  request.put_number(IFLA_NET_NS_FD, static_cast<std::uint32_t>(there.get())).put_text(IFLA_IFNAME, name);
  int index = 0;
  CAISSON_TRY(socket.ask(request, "RTM_NEWLINK(IFLA_NET_NS_FD)", [&](const nlmsghdr& message) {
    const auto* header = header_of<ifinfomsg>(message);
    if (message.nlmsg_type != RTM_DELLINK || header == nullptr || header->ifi_index != link.index) return;
    each_attribute<ifinfomsg>(message, [&index](int type, const nlattr& attribute) {
      if (type == IFLA_NEW_IFINDEX) index = nla_get_s32(&attribute);
    });
  }));
  if (index == 0) return fail(ErrorKind::system, "the kernel did not tell the interface's new index");
  return index;
}

/// Sockets in the source and the target namespace.
struct Sides {
  RouteSocket here;
  RouteSocket container;
  FileDescriptor container_namespace;
};

Result<Sides> open_sides(pid_t pid) {
  FileDescriptor there = CAISSON_TRY(open_namespace_of(pid));
  RouteSocket container = CAISSON_TRY(open_socket_in(there));
  return Sides{CAISSON_TRY(RouteSocket::open(RouteSocket::Hears::link_changes)), std::move(container),
               std::move(there)};
}

/// Checks everything that can fail before any link is changed, because a link that is set down loses its routes.
Result<Link> check_move(Sides& sides, const plan::NetDeviceMove& move) {
  auto link = CAISSON_TRY(find_link(sides.here, move.host_name));
  if (!link) return fail(ErrorKind::config, "network device '{}' not found", move.host_name);
  const auto percent = move.name.find('%');
  const bool numbered = percent != std::string::npos;
  // The kernel detects this only after the move and leaves the link in the target namespace.
  if (numbered && (move.name.compare(percent, 2, "%d") != 0 || move.name.find('%', percent + 1) != std::string::npos))
    return fail_config(move.origin + "/name", "invalid network device name '{}': one %d, or no %", move.name);
  if (!numbered && CAISSON_TRY(find_link(sides.container, move.name)))
    return fail(ErrorKind::config, "the container has a network device '{}' already", move.name);
  return std::move(*link);
}

/// Restores, as far as possible, what setting the link down removed.
void restore(RouteSocket& here, const Link& link, const std::vector<Address>& addresses) {
  if (link.up) (void)set_up(here, link.index, true);
  for (const auto& address : addresses) (void)add_address(here, link, address);
}

Status move_link(Sides& sides, const Link& link, const std::string& name) {
  const std::vector<Address> addresses = CAISSON_TRY(list_addresses(sides.here, link));
  if (link.up) CAISSON_TRY(set_up(sides.here, link.index, false));
  auto index = change_namespace(sides.here, link, sides.container_namespace, name);
  if (!index) {
    restore(sides.here, link, addresses);
    return std::unexpected(std::move(index).error());
  }
  // By index: the kernel may have numbered the name ("eth%d").
  const auto moved = CAISSON_TRY(find_link(sides.container, name, *index));
  if (!moved) return fail(ErrorKind::system, "it is not in the container after it moved there");
  for (const auto& address : addresses) CAISSON_TRY(add_address(sides.container, *moved, address));
  return set_up(sides.container, moved->index, true);
}

template <class T>
Result<T> with_place(Result<T> result, const plan::NetDeviceMove& move) {
  if (result) return result;
  Error error = std::move(result).error();
  // Config errors already name the device.
  if (error.kind() != ErrorKind::config)
    error = std::move(error).with(fmt::format("network device '{}'", move.host_name));
  return std::unexpected(std::move(error).at(move.origin));
}

}  // namespace

Status move_devices(const std::vector<plan::NetDeviceMove>& moves, pid_t pid) {
  if (moves.empty()) return {};
  auto sides = open_sides(pid);
  if (!sides) return std::unexpected(std::move(sides).error().at("/linux/netDevices"));
  std::vector<Link> links;
  links.reserve(moves.size());
  for (const auto& move : moves) links.push_back(CAISSON_TRY(with_place(check_move(*sides, move), move)));
  for (std::size_t i = 0; i < moves.size(); ++i)
    CAISSON_TRY(with_place(move_link(*sides, links[i], moves[i].name), moves[i]));
  return {};
}

}  // namespace caisson::network
