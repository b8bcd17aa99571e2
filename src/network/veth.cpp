// SPDX-License-Identifier: Apache-2.0
#include "network/veth.hpp"

#include <linux/veth.h>
#include <net/if.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "network/requests.hpp"

// One request makes the pair with the container's end already in the container's namespace, under its final name, with
// its address and MTU. A runtime that is killed can therefore not leave that end on the host.

namespace caisson::network {

namespace {

/// Number of names tried for the host's end if a name is taken.
constexpr int kNameAttempts = 10;

Result<std::string> random_name(const std::string& prefix) {
  std::uint32_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) return fail_errno("getrandom");
  return fmt::format("{}{:07x}", prefix, number & 0xfffffffU);
}

void put_sizes(Request& request, const plan::VethPair& pair) {
  if (pair.mtu != 0) request.put_number(IFLA_MTU, pair.mtu);
  if (pair.tx_queue_length != 0) request.put_number(IFLA_TXQLEN, pair.tx_queue_length);
}

Status make_pair(RouteSocket& here, const plan::VethPair& pair, const std::string& name, int bridge, FdView there) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.header(link_header(0, IFF_UP, IFF_UP)).put_text(IFLA_IFNAME, name);
  request.put_number(IFLA_MASTER, static_cast<std::uint32_t>(bridge));
  put_sizes(request, pair);
  request.nest(IFLA_LINKINFO, [&](Request& info) {
    info.put_text(IFLA_INFO_KIND, "veth");
    info.nest(IFLA_INFO_DATA, [&](Request& data) {
      data.nest(VETH_INFO_PEER, link_header(0), [&](Request& peer) {
        peer.put_text(IFLA_IFNAME, pair.name);
        peer.put_number(IFLA_NET_NS_FD, static_cast<std::uint32_t>(there.get()));
        put_sizes(peer, pair);
        if (pair.mac) {
          // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as bytes
          peer.put(IFLA_ADDRESS, {reinterpret_cast<const char*>(pair.mac->data()), pair.mac->size()});
        }
      });
    });
  });
  return here.ask(request, fmt::format("RTM_NEWLINK(veth '{}')", name));
}

Status add_address(RouteSocket& socket, int index, const plan::IpAddress& address) {
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  ifaddrmsg header{};
  header.ifa_family = static_cast<unsigned char>(address.family);
  header.ifa_prefixlen = address.prefix;
  header.ifa_index = static_cast<unsigned>(index);
  request.header(header).put(IFA_LOCAL, address.wire()).put(IFA_ADDRESS, address.wire());
  // The config chose the address: skip duplicate address detection, which takes a second.
  if (address.family == AF_INET6) request.put_number(IFA_FLAGS, IFA_F_NODAD);
  return socket.ask(request, "RTM_NEWADDR");
}

/// `flags` in addition to NLM_F_CREATE. Link 0 = chosen by the kernel.
Status add_route(RouteSocket& socket, const plan::RouteAdd& route, int link, int flags) {
  Request request(RTM_NEWROUTE, NLM_F_CREATE | flags);
  rtmsg header{};
  header.rtm_family = static_cast<unsigned char>(route.family);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_type = RTN_UNICAST;
  header.rtm_scope = route.gateway || route.family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  if (route.destination) header.rtm_dst_len = route.destination->prefix;
  request.header(header);
  if (route.destination && route.destination->prefix != 0) request.put(RTA_DST, route.destination->wire());
  if (route.source) request.put(RTA_PREFSRC, route.source->wire());
  if (route.gateway) request.put(RTA_GATEWAY, route.gateway->wire());
  if (link != 0) request.put_number(RTA_OIF, static_cast<std::uint32_t>(link));
  return socket.ask(request, "RTM_NEWROUTE");
}

Result<int> make_bridge(RouteSocket& here, const plan::VethPair& pair) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.header(link_header(0, IFF_UP, IFF_UP)).put_text(IFLA_IFNAME, pair.bridge);
  request.nest(IFLA_LINKINFO, [](Request& info) { info.put_text(IFLA_INFO_KIND, "bridge"); });
  CAISSON_TRY(here.ask(request, "RTM_NEWLINK(bridge)"));
  const auto made = CAISSON_TRY(find_link(here, pair.bridge));
  if (!made) return fail(ErrorKind::system, "it is not there after it was made");
  // The gateway's address is given to the bridge: on a new bridge no other host has it.
  for (auto gateway : pair.gateways)
    for (const auto& address : pair.addresses)
      if (address.family == gateway.family) {
        gateway.prefix = address.prefix;
        CAISSON_TRY(add_address(here, made->index, gateway));
      }
  return made->index;
}

Status remove_link(RouteSocket& socket, const std::string& name) {
  Request request(RTM_DELLINK, 0);
  request.header(link_header(0)).put_text(IFLA_IFNAME, name);
  auto removed = socket.ask(request, fmt::format("RTM_DELLINK('{}')", name));
  return !removed && removed.error().sys_errno() == ENODEV ? Status() : removed;
}

/// Makes the plan's pairs and routes, in order.
struct Maker {
  RouteSocket here;
  RouteSocket container;
  FileDescriptor there;
  MadeNetwork& made;

  Result<int> bridge_for(const plan::VethPair& pair) {
    auto bridge = CAISSON_TRY(find_link(here, pair.bridge));
    if (bridge) return bridge->index;
    if (!pair.create_bridge)
      return fail_config(pair.origin + "/bridge", "bridge '{}' does not exist: make it, or say \"create_bridge\": true",
                         pair.bridge);
    made.bridges.push_back(pair.bridge);
    auto index = make_bridge(here, pair);
    if (!index) return std::unexpected(std::move(index).error().with(fmt::format("make bridge '{}'", pair.bridge)));
    return index;
  }

  Status make_named_pair(const plan::VethPair& pair, int bridge) {
    for (int attempt = 1;; ++attempt) {
      const std::string name = CAISSON_TRY(random_name(pair.host_prefix));
      // EEXIST concerns the host's name: the container's namespace has no other device yet.
      auto done = make_pair(here, pair, name, bridge, there);
      if (done) {
        made.veths.push_back(name);
        return {};
      }
      if (done.error().sys_errno() != EEXIST || attempt == kNameAttempts) return done;
    }
  }

  Status make(const plan::VethPair& pair) {
    CAISSON_TRY(make_named_pair(pair, CAISSON_TRY(bridge_for(pair))));
    const auto link = CAISSON_TRY(find_link(container, pair.name));
    if (!link) return fail(ErrorKind::system, "'{}' is not in the container after it was made", pair.name);
    for (const auto& address : pair.addresses)
      CAISSON_TRY(add_address(container, link->index, address), "set {} {}", pair.name,
                  address.family == AF_INET ? "ip" : "ipv6");
    CAISSON_TRY(set_up(container, link->index, true), "set {} up", pair.name);
    for (const auto& gateway : pair.gateways) {
      const plan::RouteAdd all{.family = gateway.family, .destination = {}, .source = {}, .gateway = gateway};
      CAISSON_TRY(add_route(container, all, link->index, NLM_F_EXCL), "set gateway of {}", pair.name);
    }
    return {};
  }

  /// Replaces a route to the same destination: the "gateway" of a veth may have made the default route.
  Status make(const plan::RouteAdd& route) {
    int index = 0;
    if (!route.interface.empty()) {
      const auto link = CAISSON_TRY(find_link(container, route.interface));
      if (!link)
        return fail_config(route.origin + "/interface_name", "the container has no interface '{}'", route.interface);
      index = link->index;
    }
    return add_route(container, route, index, NLM_F_REPLACE);
  }
};

template <class T>
Status placed(Maker& maker, const T& wanted, const char* what) {
  auto done = maker.make(wanted);
  if (done) return done;
  Error error = std::move(done).error();
  if (error.kind() != ErrorKind::config) error = std::move(error).with(what);
  return std::unexpected(std::move(error).at(wanted.origin));
}

}  // namespace

Status make_veths(const plan::NetworkPlan& plan, pid_t pid, MadeNetwork& made) {
  if (plan.veths.empty() && plan.routes.empty()) return {};
  FileDescriptor there = CAISSON_TRY(open_namespace_of(pid));
  RouteSocket container = CAISSON_TRY(open_socket_in(there));
  Maker maker{CAISSON_TRY(RouteSocket::open()), std::move(container), std::move(there), made};
  for (const auto& pair : plan.veths) CAISSON_TRY(placed(maker, pair, "make veth devices"));
  for (const auto& route : plan.routes) CAISSON_TRY(placed(maker, route, "make route"));
  return {};
}

Status remove_links(const std::vector<std::string>& names) {
  if (names.empty()) return {};
  RouteSocket socket = CAISSON_TRY(RouteSocket::open());
  for (const auto& name : names) CAISSON_TRY(remove_link(socket, name));
  return {};
}

void remove_unused_bridges(const std::vector<std::string>& names) {
  if (names.empty()) return;
  auto socket = RouteSocket::open();
  if (!socket) return;
  for (const auto& name : names) {
    const auto bridge = find_link(*socket, name);
    if (!bridge || !*bridge) continue;
    bool used = false;
    Request request(RTM_GETLINK, NLM_F_DUMP);
    request.header(link_header(0));
    const auto asked = socket->ask(request, "RTM_GETLINK", [&](const nlmsghdr& message) {
      if (message.nlmsg_type != RTM_NEWLINK) return;
      each_attribute<ifinfomsg>(message, [&](int type, const nlattr& attribute) {
        if (type == IFLA_MASTER && static_cast<int>(nla_get_u32(&attribute)) == (*bridge)->index) used = true;
      });
    });
    if (asked && !used) (void)remove_link(*socket, name);
  }
}

}  // namespace caisson::network
