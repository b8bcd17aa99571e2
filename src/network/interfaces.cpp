// SPDX-License-Identifier: Apache-2.0
#include "network/interfaces.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <optional>

#include "base/fd.hpp"
#include "network/requests.hpp"

namespace caisson::network {

namespace {

template <class T>
T as(const sockaddr* address) {
  T value;
  std::memcpy(&value, address, sizeof value);
  return value;
}

int bits_of(const unsigned char* bytes, std::size_t size) {
  int bits = 0;
  for (std::size_t i = 0; i < size; ++i) bits += std::popcount(bytes[i]);
  return bits;
}

std::vector<std::string> flag_names(unsigned flags) {
  constexpr std::pair<unsigned, const char*> kNames[] = {{IFF_UP, "up"},
                                                         {IFF_BROADCAST, "broadcast"},
                                                         {IFF_LOOPBACK, "loopback"},
                                                         {IFF_POINTOPOINT, "pointtopoint"},
                                                         {IFF_MULTICAST, "multicast"}};
  std::vector<std::string> names;
  for (const auto& [bit, name] : kNames)
    if ((flags & bit) != 0) names.emplace_back(name);
  return names;
}

std::string mac_text(const sockaddr_ll& link) {
  if (link.sll_halen != 6 || std::all_of(link.sll_addr, link.sll_addr + 6, [](unsigned char b) { return b == 0; }))
    return {};
  const unsigned char* b = link.sll_addr;
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", b[0], b[1], b[2], b[3], b[4], b[5]);
}

std::string address_text(const ifaddrs& each) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  int prefix = 0;
  if (each.ifa_addr->sa_family == AF_INET) {
    const auto address = as<sockaddr_in>(each.ifa_addr);
    ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
    if (each.ifa_netmask != nullptr) {
      const auto mask = as<sockaddr_in>(each.ifa_netmask).sin_addr.s_addr;
      prefix = std::popcount(mask);
    }
  } else {
    const auto address = as<sockaddr_in6>(each.ifa_addr);
    ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
    if (each.ifa_netmask != nullptr) prefix = bits_of(as<sockaddr_in6>(each.ifa_netmask).sin6_addr.s6_addr, 16);
  }
  return fmt::format("{}/{}", text.data(), prefix);
}

int mtu_of(int socket, const std::string& name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  return ::ioctl(socket, SIOCGIFMTU, &request) == 0 ? request.ifr_mtu : 0;
}

}  // namespace

Result<std::vector<Interface>> list_interfaces() {
  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket(AF_INET)");
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return fail_errno("getifaddrs");
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(all, ::freeifaddrs);
  std::vector<Interface> found;
  for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
    auto place = std::ranges::find(found, each->ifa_name, &Interface::name);
    if (place == found.end())
      place = found.insert(found.end(), {.name = each->ifa_name,
                                         .mtu = mtu_of(socket.get(), each->ifa_name),
                                         .mac = {},
                                         .flags = flag_names(each->ifa_flags),
                                         .addresses = {}});
    if (each->ifa_addr == nullptr) continue;
    if (each->ifa_addr->sa_family == AF_PACKET)
      place->mac = mac_text(as<sockaddr_ll>(each->ifa_addr));
    else if (each->ifa_addr->sa_family == AF_INET || each->ifa_addr->sa_family == AF_INET6)
      place->addresses.push_back(address_text(*each));
  }
  return found;
}

Result<LinkCounters> link_counters(const std::string& name) {
  RouteSocket socket = CAISSON_TRY(RouteSocket::open());
  Request request(RTM_GETLINK, 0);
  request.header(link_header(0)).put_text(IFLA_IFNAME, name);
  LinkCounters counters;
  CAISSON_TRY(socket.ask(request, fmt::format("RTM_GETLINK('{}')", name), [&counters](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWLINK) return;
    each_attribute<ifinfomsg>(message, [&counters](int type, const nlattr& attribute) {
      rtnl_link_stats64 stats{};
      if (type != IFLA_STATS64) return;
      const auto bytes = bytes_of(attribute);
      std::memcpy(&stats, bytes.data(), std::min(bytes.size(), sizeof stats));
      counters = {stats.rx_bytes, stats.rx_packets, stats.rx_errors, stats.rx_dropped,
                  stats.tx_bytes, stats.tx_packets, stats.tx_errors, stats.tx_dropped};
    });
  }));
  return counters;
}

}  // namespace caisson::network
