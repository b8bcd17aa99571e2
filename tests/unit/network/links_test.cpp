// SPDX-License-Identifier: Apache-2.0
#include "network/links.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <functional>

#include "base/fd.hpp"
#include "network/route_socket.hpp"
#include "support/skip.hpp"
#include "unit/process/in_child.hpp"

/// Ends the body of a child with the error's text.
#define CAISSON_TRY_TEXT(expr)                                       \
  do {                                                               \
    if (auto result = (expr); !result) return test::text_of(result); \
  } while (false)

namespace caisson::network {

namespace {

std::string attribute(int type, const std::string& bytes) {
  nlattr header{static_cast<std::uint16_t>(NLA_HDRLEN + bytes.size()), static_cast<std::uint16_t>(type)};
  std::string text(reinterpret_cast<const char*>(&header), sizeof header);
  text += bytes;
  text.resize(NLMSG_ALIGN(text.size()));
  return text;
}

Status add_link(RouteSocket& socket, const std::string& kind, const std::string& name, int index = 0) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  ifinfomsg header{};
  header.ifi_index = index;
  request.header(header).put_text(IFLA_IFNAME, name).put(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, kind));
  return socket.ask(request, kind);
}

/// One end of a new pair; the other one gets a name from the kernel.
Status add_veth(RouteSocket& socket, const std::string& name, int index = 0) {
  return add_link(socket, "veth", name, index);
}

Status set_up(RouteSocket& socket, const std::string& name) {
  Request request(RTM_NEWLINK, 0);
  ifinfomsg header{};
  header.ifi_flags = header.ifi_change = IFF_UP;
  request.header(header).put_text(IFLA_IFNAME, name);
  return socket.ask(request, "up");
}

struct NewAddress {
  std::string address;
  unsigned char prefix = 24;
  unsigned char scope = RT_SCOPE_UNIVERSE;
  std::uint32_t valid = 0xffffffff;  ///< seconds
  std::uint32_t metric = 0;
  std::string label;
};

Status add_address(RouteSocket& socket, const std::string& link, const NewAddress& wanted) {
  std::string bytes(sizeof(in6_addr), '\0');
  ifaddrmsg header{};
  header.ifa_family = wanted.address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  ::inet_pton(header.ifa_family, wanted.address.c_str(), bytes.data());
  if (header.ifa_family == AF_INET) bytes.resize(sizeof(in_addr));
  header.ifa_prefixlen = wanted.prefix;
  header.ifa_scope = wanted.scope;
  header.ifa_index = ::if_nametoindex(link.c_str());
  Request request(RTM_NEWADDR, NLM_F_CREATE);
  request.header(header).put(IFA_LOCAL, bytes).put(IFA_ADDRESS, bytes);
  if (!wanted.label.empty()) request.put_text(IFA_LABEL, wanted.label);
  if (wanted.metric != 0) request.put_number(IFA_RT_PRIORITY, wanted.metric);
  if (header.ifa_family == AF_INET6) request.put_number(IFA_FLAGS, IFA_F_NODAD);
  const ifa_cacheinfo times{.ifa_prefered = wanted.valid, .ifa_valid = wanted.valid, .cstamp = 0, .tstamp = 0};
  request.put(IFA_CACHEINFO, {reinterpret_cast<const char*>(&times), sizeof times});
  return socket.ask(request, "address");
}

/// "10.1.2.3/24 scope 0 label net0:1 metric 77", each address of one link of the caller's namespace.
std::vector<std::string> addresses(const std::string& link) {
  std::vector<std::string> found;
  auto socket = RouteSocket::open();
  Request request(RTM_GETADDR, NLM_F_DUMP);
  request.header(ifaddrmsg{});
  (void)socket->ask(request, "addresses", [&](const nlmsghdr& message) {
    const auto* header = static_cast<const ifaddrmsg*>(nlmsg_data(&message));
    if (message.nlmsg_type != RTM_NEWADDR || header->ifa_index != ::if_nametoindex(link.c_str())) return;
    char text[INET6_ADDRSTRLEN] = "";
    std::string label, metric;
    const nlattr* part = nlmsg_attrdata(&message, sizeof *header);
    for (int left = nlmsg_attrlen(&message, sizeof *header); nla_ok(part, left); part = nla_next(part, &left)) {
      if (nla_type(part) == IFA_ADDRESS) ::inet_ntop(header->ifa_family, nla_data(part), text, sizeof text);
      if (nla_type(part) == IFA_LABEL) label = fmt::format(" label {}", static_cast<const char*>(nla_data(part)));
      if (nla_type(part) == IFA_RT_PRIORITY) metric = fmt::format(" metric {}", nla_get_u32(part));
    }
    found.push_back(fmt::format("{}/{} scope {}{}{}", text, header->ifa_prefixlen, header->ifa_scope, label, metric));
  });
  std::ranges::sort(found);
  return found;
}

bool is_up(const std::string& link) {
  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq question{};
  link.copy(question.ifr_name, IFNAMSIZ - 1);
  return ::ioctl(socket.get(), SIOCGIFFLAGS, &question) == 0 && (question.ifr_flags & IFF_UP) != 0;
}

plan::NetDeviceMove move_of(const std::string& from, const std::string& to) {
  return {from, to, "/linux/netDevices/" + from};
}

/// A process in a network namespace of its own, as a container's init is.
class Container {
 public:
  explicit Container(const std::function<Status()>& prepare = {}) {
    std::array<int, 2> ready{};
    if (::pipe2(ready.data(), O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      const bool fine = ::unshare(CLONE_NEWNET) == 0 && (!prepare || prepare());
      if (::write(ready[1], fine ? "y" : "n", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char word = 'n';
    ready_ = ::read(ready[0], &word, 1) == 1 && word == 'y';
    ::close(ready[0]);
    ::close(ready[1]);
  }
  Container(const Container&) = delete;
  ~Container() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  bool ready() const { return ready_; }
  void enter() const {
    const FileDescriptor ns(::open(fmt::format("/proc/{}/ns/net", pid_).c_str(), O_RDONLY | O_CLOEXEC));
    if (::setns(ns.get(), CLONE_NEWNET) != 0) ::_exit(1);
  }

 private:
  pid_t pid_ = -1;
  bool ready_ = false;
};

/// Runs `body` in a child whose network namespace stands for the host's; it says what is wrong, or nothing.
std::string on_a_host(const std::function<std::string(RouteSocket&)>& body) {
  return test::in_child([&]() -> std::string {
    if (::unshare(CLONE_NEWNET) != 0) return "unshare";
    auto socket = RouteSocket::open();
    return socket ? body(*socket) : socket.error().message();
  });
}

/// Why no test here can run, or nothing.
std::string unable() {
  if (::geteuid() != 0) return "needs root";
  return on_a_host([](RouteSocket& host) { return test::text_of(add_veth(host, "try")); });
}

/// One a line, without the addresses that the kernel makes up for each link.
std::string global(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines)
    if (!line.starts_with("fe80")) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("a device moves with its permanent global addresses and a new name, and is up", "[network]") {
  if (const auto why = unable(); !why.empty()) CAISSON_SKIP(why);
  CHECK(on_a_host([](RouteSocket& host) -> std::string {
          const Container container;
          CAISSON_TRY_TEXT(add_veth(host, "host0"));
          CAISSON_TRY_TEXT(set_up(host, "host0"));
          CAISSON_TRY_TEXT(add_address(host, "host0", {.address = "10.1.2.3", .metric = 77, .label = "host0:1"}));
          CAISSON_TRY_TEXT(add_address(host, "host0", {.address = "10.1.2.4"}));
          CAISSON_TRY_TEXT(add_address(host, "host0", {.address = "10.1.2.5", .valid = 600}));
          CAISSON_TRY_TEXT(add_address(host, "host0", {.address = "10.9.0.1", .scope = RT_SCOPE_LINK}));
          CAISSON_TRY_TEXT(add_address(host, "host0", {.address = "fd00::7", .prefix = 64}));
          CAISSON_TRY_TEXT(move_devices({move_of("host0", "net0")}, container.pid()));
          if (::if_nametoindex("host0") != 0) return "it is still here";
          container.enter();
          if (!is_up("net0")) return "it is not up";
          return global(addresses("net0"));
        }) ==
        "10.1.2.3/24 scope 0 label net0:1 metric 77\n"
        "10.1.2.4/24 scope 0 label net0\n"
        "fd00::7/64 scope 0\n");
}

TEST_CASE("the kernel numbers a name with %d", "[network]") {
  if (const auto why = unable(); !why.empty()) CAISSON_SKIP(why);
  CHECK(on_a_host([](RouteSocket& host) -> std::string {
          // The indexes of the host's links are taken in the container: they get others there.
          const Container container([] {
            auto socket = RouteSocket::open();
            for (const int index : {50, 60})
              if (auto added = add_veth(*socket, fmt::format("taken{}", index), index); !added) return added;
            return add_veth(*socket, "eth0");
          });
          if (!container.ready()) return "the container is not ready";
          CAISSON_TRY_TEXT(add_veth(host, "a", 50));
          CAISSON_TRY_TEXT(add_veth(host, "b", 60));
          CAISSON_TRY_TEXT(add_address(host, "b", {.address = "10.0.0.2"}));
          CAISSON_TRY_TEXT(move_devices({move_of("a", "eth%d"), move_of("b", "eth%d")}, container.pid()));
          container.enter();
          if (!is_up("eth1") || !is_up("eth2")) return "they are not up";
          if (is_up("taken50") || is_up("taken60") || is_up("eth0")) return "others were brought up";
          return global(addresses("eth1")) + global(addresses("eth2"));
        }) == "10.0.0.2/24 scope 0 label eth2\n");
}

TEST_CASE("what cannot move is named and left as it was", "[network]") {
  if (const auto why = unable(); !why.empty()) CAISSON_SKIP(why);
  auto move = [](const plan::NetDeviceMove& wanted) {
    return on_a_host([&wanted](RouteSocket& host) -> std::string {
      const Container container([] {
        auto socket = RouteSocket::open();
        return add_veth(*socket, "eth0");
      });
      if (!container.ready()) return "the container is not ready";
      CAISSON_TRY_TEXT(add_veth(host, "host0"));
      CAISSON_TRY_TEXT(set_up(host, "host0"));
      CAISSON_TRY_TEXT(add_address(host, "host0", {.address = "fd00::7", .prefix = 64}));
      const Status moved = move_devices({move_of("host0", "fine"), wanted}, container.pid());
      if (moved) return "it moved";
      if (wanted.host_name != "lo" && !is_up("host0")) return "host0 is gone";
      return moved.error().message();
    });
  };
  CHECK(move(move_of("nobody", "x")) == "network device 'nobody' not found [config: /linux/netDevices/nobody]");
  CHECK(move(move_of("host0", "eth0")) ==
        "the container has a network device 'eth0' already [config: /linux/netDevices/host0]");
  CHECK(move(move_of("lo", "a%d%d")) ==
        "invalid network device name 'a%d%d': one %d, or no % [config: /linux/netDevices/lo/name]");
  // The kernel's own words stand between, where it has some.
  const std::string refused = move(move_of("lo", "x"));
  INFO(refused);
  CHECK(refused.starts_with("network device 'lo': "));
  CHECK(refused.ends_with("RTM_NEWLINK(IFLA_NET_NS_FD): Invalid argument [config: /linux/netDevices/lo]"));
}

TEST_CASE("a link that could not move gets back what taking it down cost it", "[network]") {
  if (const auto why = unable(); !why.empty()) CAISSON_SKIP(why);
  CHECK(on_a_host([](RouteSocket& host) -> std::string {
          const Container container;
          // A bridge never moves.
          if (!add_link(host, "bridge", "host0")) return "fd00::7/64 scope 0\n";
          CAISSON_TRY_TEXT(set_up(host, "host0"));
          CAISSON_TRY_TEXT(add_address(host, "host0", {.address = "fd00::7", .prefix = 64}));
          if (move_devices({move_of("host0", "net0")}, container.pid())) return "it moved";
          if (!is_up("host0")) return "it is down";
          return global(addresses("host0"));
        }) == "fd00::7/64 scope 0\n");
}

TEST_CASE("no device moves within one network namespace, and nothing moves nowhere", "[network]") {
  if (const auto why = unable(); !why.empty()) CAISSON_SKIP(why);
  CHECK(on_a_host([](RouteSocket&) -> std::string {
          CAISSON_TRY_TEXT(move_devices({}, ::getpid()));
          return test::text_of(move_devices({move_of("lo", "x")}, ::getpid()));
        }) == "the container is in our own network namespace [config: /linux/netDevices]");
}

}  // namespace caisson::network
