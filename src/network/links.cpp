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

/// How often a list of addresses is asked for again because it changed while it was read.
constexpr int kListAttempts = 16;

/// Address flags that somebody has chosen; the kernel makes up the others anew.
constexpr std::uint32_t kChosenFlags =
    IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN;

/// An address as the kernel told it, to be given back in the same words.
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

/// The addresses that stay with a link wherever it goes: of global scope, and permanent. What DHCP or a router gave
/// for a time belongs to the network the link was in.
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

/// A label is the link's name, alone or with a suffix: "eth0:1" becomes "net0:1", as the kernel does it for a rename.
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

/// The one request that moves and renames. Value: the link's index there, which is another one when its own is taken:
/// the kernel tells it to those who hear the link leave (Linux 4.16).
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

/// Both sides of the move.
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

/// What can be known to fail is found before a link is touched: taking one down loses its routes for good.
Result<Link> check_move(Sides& sides, const plan::NetDeviceMove& move) {
  auto link = CAISSON_TRY(find_link(sides.here, move.host_name));
  if (!link) return fail(ErrorKind::config, "network device '{}' not found", move.host_name);
  const auto percent = move.name.find('%');
  const bool numbered = percent != std::string::npos;
  // The kernel would see it only after the link has moved, and leave it there.
  if (numbered && (move.name.compare(percent, 2, "%d") != 0 || move.name.find('%', percent + 1) != std::string::npos))
    return fail_config(move.origin + "/name", "invalid network device name '{}': one %d, or no %", move.name);
  if (!numbered && CAISSON_TRY(find_link(sides.container, move.name)))
    return fail(ErrorKind::config, "the container has a network device '{}' already", move.name);
  return std::move(*link);
}

/// Puts back, as far as can be, what taking the link down has cost it.
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
  // By its index, for its name may have been numbered.
  const auto moved = CAISSON_TRY(find_link(sides.container, name, *index));
  if (!moved) return fail(ErrorKind::system, "it is not in the container after it moved there");
  for (const auto& address : addresses) CAISSON_TRY(add_address(sides.container, *moved, address));
  return set_up(sides.container, moved->index, true);
}

template <class T>
Result<T> with_place(Result<T> result, const plan::NetDeviceMove& move) {
  if (result) return result;
  Error error = std::move(result).error();
  // The texts of a config's fault name the device themselves.
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
