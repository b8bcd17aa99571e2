// SPDX-License-Identifier: Apache-2.0
#include "process/load_filter.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <map>
#include <thread>

#include <fmt/ranges.h>

#include "process/seccomp_calls.hpp"
#include "seccomp_support.hpp"

namespace caisson::process {

using Action = config::SeccompAction;
using test::answer;
using test::behind;
using test::compiled;
using test::evaluate;
using test::in_child;
using test::profile;
using test::try_call;

TEST_CASE("a denied call fails with its errno, others work", "[process][seccomp]") {
  const auto wanted =
      profile(Action::allow, {{.names = {"getcwd"}, .action = Action::errno_return},
                              {.names = {"getsid"}, .action = Action::errno_return, .errno_ret = EXDEV}});
  CHECK(behind(wanted, [] {
          std::array<char, 4096> path;
          return std::to_string(try_call(SYS_getcwd, path.data(), path.size())) + " " +
                 std::to_string(try_call(SYS_getsid, 0)) + " " + std::to_string(try_call(SYS_getpgid, 0));
        }) == std::to_string(EPERM) + " " + std::to_string(EXDEV) + " 0");
}

TEST_CASE("calls side by side with one answer are one range of the filter", "[process][seccomp]") {
  const auto size_with = [](std::vector<std::string> names) {
    auto wanted = profile(Action::errno_return, {{.names = std::move(names), .action = Action::allow}});
    wanted.architectures = {config::SeccompArch::x86_64};
    return compiled(wanted).program.size();
  };
  // Numbers 0 to 3 of x86-64; each by itself would take two instructions. Newer calls than those that are named get
  // ENOSYS, which is a range of its own in both.
  CHECK(size_with({"read", "write", "open", "close"}) == size_with({"read"}));
}

TEST_CASE("a killing filter kills", "[process][seccomp]") {
  const auto wanted = profile(Action::allow, {{.names = {"getsid"}, .action = Action::kill_process}});
  CHECK(behind(wanted, [] { return std::to_string(try_call(SYS_getsid, 0)); }) == "signal " + std::to_string(SIGSYS));
  const auto trap = profile(Action::allow, {{.names = {"getsid"}, .action = Action::trap}});
  CHECK(behind(trap, [] { return std::to_string(try_call(SYS_getsid, 0)); }) == "signal " + std::to_string(SIGSYS));
}

TEST_CASE("arguments decide", "[process][seccomp]") {
  using enum config::SeccompOperator;
  // personality(0xffffffff) only asks, and any other value is denied: as in the engines' own profiles.
  auto wanted = profile(Action::allow, {{.names = {"getpriority"},
                                         .action = Action::errno_return,
                                         .errno_ret = EXDEV,
                                         .args = {{0, 0, 0, eq}, {1, 7, 0, ge}}},
                                        {.names = {"getpgid"},
                                         .action = Action::errno_return,
                                         .errno_ret = EXDEV,
                                         .args = {{0, 0xf0, 0x30, masked_eq}}}});
  CHECK(behind(wanted, [] {
          return std::to_string(try_call(SYS_getpriority, 0, 0)) + " " +
                 std::to_string(try_call(SYS_getpriority, 0, 7)) + " " +
                 std::to_string(try_call(SYS_getpriority, 1, 7) != EXDEV) + " " +
                 std::to_string(try_call(SYS_getpgid, 0x37)) + " " +
                 std::to_string(try_call(SYS_getpgid, 0x47) != EXDEV);
        }) == fmt::format("0 {} 1 {} 1", EXDEV, EXDEV));
  // Several conditions on one argument: any of them.
  wanted = profile(Action::allow, {{.names = {"getpgid"},
                                    .action = Action::errno_return,
                                    .errno_ret = EXDEV,
                                    .args = {{0, 1, 0, eq}, {0, 2, 0, eq}}}});
  CHECK(behind(wanted, [] {
          return std::to_string(try_call(SYS_getpgid, 0)) + " " + std::to_string(try_call(SYS_getpgid, 1)) + " " +
                 std::to_string(try_call(SYS_getpgid, 2));
        }) == fmt::format("0 {} {}", EXDEV, EXDEV));
}

TEST_CASE("calls newer than the profile answer ENOSYS", "[process][seccomp]") {
  const auto wanted =
      profile(Action::errno_return, {{.names = {"write", "exit_group", "openat2"}, .action = Action::allow}});
  CHECK(behind(wanted, [] {
          return std::to_string(try_call(SYS_getsid, 0)) + " " + std::to_string(try_call(439, 0)) + " " +
                 std::to_string(try_call(1000, 0));
        }) == fmt::format("{} {} {}", EPERM, ENOSYS, ENOSYS));
}

TEST_CASE("rules left out as the default action still count as mentioned", "[process][seccomp]") {
  const auto filter = compiled(profile(Action::errno_return, {{.names = {"write"}, .action = Action::allow},
                                                              {.names = {"openat2"}, .action = Action::errno_return}}));
  CHECK(answer(filter, plan::native_architecture(), 436) == (SECCOMP_RET_ERRNO | EPERM));
  CHECK(answer(filter, plan::native_architecture(), 438) == (SECCOMP_RET_ERRNO | ENOSYS));
}

TEST_CASE("a call that a multiplexer alone makes is mentioned by the multiplexer's number", "[process][seccomp]") {
  auto wanted = profile(Action::errno_return, {{.names = {"read", "send"}, .action = Action::allow}});
  wanted.architectures = {config::SeccompArch::x86};
  const auto filter = compiled(wanted);
  CHECK(answer(filter, AUDIT_ARCH_I386, 3) == SECCOMP_RET_ALLOW);
  CHECK(answer(filter, AUDIT_ARCH_I386, 5) == (SECCOMP_RET_ERRNO | EPERM));
  CHECK(answer(filter, AUDIT_ARCH_I386, 101) == (SECCOMP_RET_ERRNO | EPERM));
  CHECK(answer(filter, AUDIT_ARCH_I386, 102, {9}) == SECCOMP_RET_ALLOW);
  CHECK(answer(filter, AUDIT_ARCH_I386, 102, {1}) == (SECCOMP_RET_ERRNO | EPERM));
  CHECK(answer(filter, AUDIT_ARCH_I386, 103) == (SECCOMP_RET_ERRNO | ENOSYS));
}

TEST_CASE("calls that libseccomp does not know yet are filtered all the same", "[process][seccomp]") {
  const std::uint32_t native = plan::native_architecture();
  auto filter = compiled(profile(Action::allow, {{.names = {"mseal"}, .action = Action::errno_return},
                                                 {.names = {"no_such_call"}, .action = Action::errno_return}}));
  CHECK(answer(filter, native, 462) == (SECCOMP_RET_ERRNO | EPERM));
  CHECK(answer(filter, native, 463) == SECCOMP_RET_ALLOW);
  CHECK(filter.unknown == std::vector<std::string>{"no_such_call"});

  filter = compiled(profile(Action::errno_return, {{.names = {"fchmodat2", "write"}, .action = Action::allow}}));
  CHECK(answer(filter, native, 452) == SECCOMP_RET_ALLOW);
  CHECK(answer(filter, native, 451) == (SECCOMP_RET_ERRNO | EPERM));
  CHECK(answer(filter, native, 453) == (SECCOMP_RET_ERRNO | ENOSYS));

  filter = compiled(profile(Action::allow, {{.names = {"mseal"},
                                             .action = Action::errno_return,
                                             .errno_ret = {},
                                             .args = {{0, 1, 0, config::SeccompOperator::eq}}}}));
  CHECK(answer(filter, native, 462) == SECCOMP_RET_ALLOW);
  CHECK(answer(filter, native, 462, {1}) == (SECCOMP_RET_ERRNO | EPERM));
}

#ifdef __x86_64__
TEST_CASE("every architecture has its own numbers", "[process][seccomp]") {
  auto wanted = profile(Action::errno_return, {{.names = {"getsid", "mseal"}, .action = Action::allow}});
  constexpr std::uint32_t kX32 = 0x40000000;
  auto filter = compiled(wanted);
  CHECK(answer(filter, AUDIT_ARCH_X86_64, 124) == SECCOMP_RET_ALLOW);
  CHECK(answer(filter, AUDIT_ARCH_X86_64, 462) == SECCOMP_RET_ALLOW);
  CHECK(answer(filter, AUDIT_ARCH_I386, 147) == SECCOMP_RET_KILL_THREAD);
  CHECK(answer(filter, AUDIT_ARCH_X86_64, kX32 | 124) != SECCOMP_RET_ALLOW);
  CHECK(answer(filter, AUDIT_ARCH_X86_64, kX32 | 462) != SECCOMP_RET_ALLOW);

  wanted.architectures = {config::SeccompArch::x86_64, config::SeccompArch::x86, config::SeccompArch::x32};
  filter = compiled(wanted);
  CHECK(answer(filter, AUDIT_ARCH_X86_64, 124) == SECCOMP_RET_ALLOW);
  CHECK(answer(filter, AUDIT_ARCH_X86_64, 147) == (SECCOMP_RET_ERRNO | EPERM));
  CHECK(answer(filter, AUDIT_ARCH_I386, 147) == SECCOMP_RET_ALLOW);
  CHECK(answer(filter, AUDIT_ARCH_I386, 124) == (SECCOMP_RET_ERRNO | EPERM));
  CHECK(answer(filter, AUDIT_ARCH_I386, 462) == SECCOMP_RET_ALLOW);
  CHECK(answer(filter, AUDIT_ARCH_I386, 463) == (SECCOMP_RET_ERRNO | ENOSYS));
  CHECK(answer(filter, AUDIT_ARCH_X86_64, kX32 | 124) == SECCOMP_RET_ALLOW);
  CHECK(answer(filter, AUDIT_ARCH_X86_64, kX32 | 462) == SECCOMP_RET_ALLOW);
  CHECK(answer(filter, AUDIT_ARCH_X86_64, kX32 | 470) == (SECCOMP_RET_ERRNO | ENOSYS));
}
#endif

namespace {

/// What podman's profile says of socket(2) in a container without CAP_AUDIT_WRITE.
std::vector<config::SeccompRule> podman_socket_rules() {
  using enum config::SeccompOperator;
  return {{.names = {"socket"},
           .action = Action::errno_return,
           .errno_ret = EINVAL,
           .args = {{0, 16, 0, eq}, {2, 9, 0, eq}}},
          {.names = {"socket"}, .action = Action::allow, .args = {{2, 9, 0, ne}}},
          {.names = {"socket"}, .action = Action::allow, .args = {{0, 16, 0, ne}}},
          {.names = {"socket"}, .action = Action::allow, .args = {{2, 9, 0, ne}}}};
}

}  // namespace

TEST_CASE("rules of which one covers another: podman's for socket", "[process][seccomp]") {
  auto wanted = profile(Action::errno_return, podman_socket_rules());
  wanted.syscalls.push_back({.names = {"write", "close", "exit_group", "openat2"}, .action = Action::allow});
  wanted.architectures = {config::SeccompArch::x86_64, config::SeccompArch::x86, config::SeccompArch::x32};
  CHECK(behind(wanted, [] {
          return fmt::format("{} {} {} {} {}", try_call(SYS_socket, AF_NETLINK, SOCK_RAW, 9),
                             try_call(SYS_socket, AF_NETLINK, SOCK_RAW, 0),
                             try_call(SYS_socket, AF_UNIX, SOCK_STREAM, 0),
                             try_call(SYS_socket, AF_UNIX, SOCK_STREAM, 9) != EINVAL, try_call(SYS_getsid, 0));
        }) == fmt::format("{} 0 0 true {}", EINVAL, EPERM));
}

#ifdef __x86_64__
TEST_CASE("multiplexers: what can be told is, and of the rest the strictest holds", "[process][seccomp]") {
  constexpr std::uint32_t kSocketcall = 102;
  constexpr std::uint32_t kIpc = 117;
  constexpr std::uint32_t kEinval = SECCOMP_RET_ERRNO | EINVAL;
  const auto on_x86 = [](const CompiledFilter& filter, std::uint32_t number, std::array<std::uint64_t, 6> arguments) {
    return answer(filter, AUDIT_ARCH_I386, number, arguments);
  };
  auto wanted = profile(Action::log, podman_socket_rules());
  wanted.architectures = {config::SeccompArch::x86};
  wanted.syscalls.push_back({.names = {"bind", "semget"}, .action = Action::allow});
  auto filter = compiled(wanted);
  // socket's own number is seen with its arguments, what socketcall makes of it is not.
  CHECK(on_x86(filter, 359, {16, 3, 9}) == kEinval);
  CHECK(on_x86(filter, 359, {16, 3, 0}) == SECCOMP_RET_ALLOW);
  CHECK(on_x86(filter, kSocketcall, {1, 0x1000, 0}) == kEinval);
  CHECK(on_x86(filter, kSocketcall, {2, 0x1000, 9}) == SECCOMP_RET_ALLOW);
  CHECK(on_x86(filter, kSocketcall, {3, 0x1000, 9}) == SECCOMP_RET_LOG);
  CHECK(on_x86(filter, kIpc, {2}) == SECCOMP_RET_ALLOW);
  CHECK(on_x86(filter, kIpc, {0x10002}) == SECCOMP_RET_ALLOW);
  CHECK(on_x86(filter, kIpc, {3}) == SECCOMP_RET_LOG);
  REQUIRE(filter.warnings.size() == 1);
  CHECK(filter.warnings[0].contains("'socket'"));
  CHECK(filter.warnings[0].contains("socketcall(2)"));

  // The profile's own word on the multiplexer holds, as in the engines' profiles.
  wanted.syscalls.push_back({.names = {"socketcall"}, .action = Action::allow});
  filter = compiled(wanted);
  CHECK(on_x86(filter, kSocketcall, {1}) == SECCOMP_RET_ALLOW);
  CHECK(on_x86(filter, 359, {16, 3, 9}) == kEinval);
  CHECK(filter.warnings.empty());

  // Among conditional rules alone the strictest action is the default action here.
  wanted = profile(Action::kill_process, podman_socket_rules());
  wanted.architectures = {config::SeccompArch::x86};
  CHECK(on_x86(compiled(wanted), kSocketcall, {1}) == SECCOMP_RET_KILL_PROCESS);
  wanted.syscalls.push_back({.names = {"socket"}, .action = Action::allow});
  // A rule without conditions decides, behind the others and before them.
  CHECK(on_x86(compiled(wanted), kSocketcall, {1}) == SECCOMP_RET_ALLOW);
  CHECK(on_x86(compiled(wanted), 359, {16, 3, 9}) == SECCOMP_RET_ALLOW);
  CHECK(compiled(wanted).warnings.empty());
  std::ranges::rotate(wanted.syscalls, wanted.syscalls.end() - 1);
  CHECK(on_x86(compiled(wanted), kSocketcall, {1}) == SECCOMP_RET_ALLOW);
  CHECK(compiled(wanted).warnings.empty());
}

TEST_CASE("32-bit arguments: a negative number is one of 32 bits", "[process][seccomp]") {
  using enum config::SeccompOperator;
  const auto says = [](config::SeccompArg condition, std::uint64_t argument) {
    auto wanted = profile(
        Action::allow, {{.names = {"getpgid"}, .action = Action::errno_return, .errno_ret = {}, .args = {condition}}});
    wanted.architectures = {config::SeccompArch::x86};
    return answer(compiled(wanted), AUDIT_ARCH_I386, 132, {argument}) != SECCOMP_RET_ALLOW;
  };
  CHECK(says({0, ~0ULL, 0, eq}, 0xffffffff));
  CHECK_FALSE(says({0, ~0ULL, 0, ne}, 0xffffffff));
  CHECK(says({0, ~0ULL, 0, ne}, 5));
  CHECK(says({0, ~0ULL - 15, ~0ULL - 15, masked_eq}, 0xfffffff3));
  CHECK(says({0, 0x100000000, 0, lt}, 0xffffffff));
  CHECK_FALSE(says({0, 0x100000000, 0, ge}, 0xffffffff));
  CHECK_FALSE(says({0, 0x100000005, 0, eq}, 5));
  CHECK_FALSE(says({0, ~0ULL, 0x100000005, masked_eq}, 5));
}
#endif

TEST_CASE("multiplexed calls that have numbers of their own", "[process][seccomp]") {
  const std::array<std::uint32_t, 8> architectures = {AUDIT_ARCH_I386, AUDIT_ARCH_S390,  AUDIT_ARCH_S390X,
                                                      AUDIT_ARCH_PPC,  AUDIT_ARCH_PPC64, AUDIT_ARCH_PPC64LE,
                                                      AUDIT_ARCH_MIPS, AUDIT_ARCH_MIPSEL};
  for (auto architecture : architectures) {
    const bool is_mips = architecture == AUDIT_ARCH_MIPS || architecture == AUDIT_ARCH_MIPSEL;
    std::map<std::string, std::uint32_t> numbers;
    for (std::uint32_t number = is_mips ? 4000 : 0; number < (is_mips ? 4500 : 500); ++number)
      if (char* name = ::seccomp_syscall_resolve_num_arch(architecture, static_cast<int>(number))) {
        numbers[name] = number;
        ::free(name);
      }
    REQUIRE(numbers.size() > 300);
    int multiplexed = 0;
    for (const auto& [name, number] : numbers) {
      const CallNumbers call = find_call(name, architecture);
      INFO(fmt::format("{:#x} {}", architecture, name));
      REQUIRE(call.direct == number);
      if (!call.multiplexed) continue;
      ++multiplexed;
      CHECK(call.multiplexed->number == numbers.at(call.multiplexed->mask == 0xffff ? "ipc" : "socketcall"));
    }
    CHECK(multiplexed >= 26);
    const CallNumbers semop = find_call("semop", architecture);
    REQUIRE(semop.multiplexed);
    CHECK_FALSE(semop.direct);
    CHECK(semop.multiplexed->call == 1);
  }
  for (std::uint32_t architecture : {AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64}) {
    const CallNumbers send = find_call("send", architecture);
    CHECK(send.known);
    CHECK_FALSE(send.direct);
    CHECK_FALSE(send.multiplexed);
  }
}

TEST_CASE("an architecture that libseccomp cannot do is named", "[process][seccomp]") {
  auto wanted = profile(Action::allow);
  wanted.architectures = {config::SeccompArch::m68k};
  const auto filter = compile(plan::make_seccomp(wanted, {})->value());
  REQUIRE_FALSE(filter);
  CHECK(filter.error().pointer() == "/linux/seccomp/architectures/0");
  CHECK(filter.error().what().ends_with(" does not know architecture SCMP_ARCH_M68K"));
}

TEST_CASE("an unknown call is left out, or an error where the plan says so", "[process][seccomp]") {
  const auto wanted = profile(Action::allow, {{.names = {"getsid"}, .action = Action::errno_return},
                                              {.names = {"getpgid", "no_such_call"}, .action = Action::errno_return}});
  CHECK(compiled(wanted).unknown == std::vector<std::string>{"no_such_call"});
  auto plan = plan::make_seccomp(wanted, {})->value();
  plan.unknown_call_is_error = true;
  const auto refused = compile(plan);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().pointer() == "/linux/seccomp/syscalls/1/names/1");
  CHECK(refused.error().what().starts_with("unknown system call 'no_such_call'"));
  plan.rules.back().calls = plan.rules.back().calls.first(1);
  CHECK(compile(plan));
}

TEST_CASE("a rule said twice is no fault", "[process][seccomp]") {
  const auto filter = compiled(profile(Action::allow, {{.names = {"getsid", "getsid"}, .action = Action::errno_return},
                                                       {.names = {"getsid"}, .action = Action::errno_return}}));
  CHECK(answer(filter, plan::native_architecture(), SYS_getsid) == (SECCOMP_RET_ERRNO | EPERM));
}

TEST_CASE("of rules for one call that contradict each other the first holds, as in libseccomp", "[process][seccomp]") {
  const auto filter = compiled(profile(Action::allow, {{.names = {"getsid"}, .action = Action::errno_return},
                                                       {.names = {"getsid"}, .action = Action::kill}}));
  CHECK(answer(filter, plan::native_architecture(), SYS_getsid) == (SECCOMP_RET_ERRNO | EPERM));
}

TEST_CASE("the default action with conditions is an exception to later conditional rules", "[process][seccomp]") {
  using enum config::SeccompOperator;
  const std::uint32_t native = plan::native_architecture();
  auto wanted =
      profile(Action::errno_return,
              {{.names = {"getpgid"}, .action = Action::errno_return, .errno_ret = {}, .args = {{0, 1, 0, eq}}},
               {.names = {"getpgid"}, .action = Action::allow, .errno_ret = {}, .args = {{0, 3, 0, le}}},
               {.names = {"openat2"}, .action = Action::allow}});
  auto filter = compiled(wanted);
  CHECK(answer(filter, native, SYS_getpgid, {1}) == (SECCOMP_RET_ERRNO | EPERM));
  CHECK(answer(filter, native, SYS_getpgid, {2}) == SECCOMP_RET_ALLOW);
  CHECK(answer(filter, native, SYS_getpgid, {4}) == (SECCOMP_RET_ERRNO | EPERM));
  // As in the other runtimes, an unconditional rule leaves no exception.
  wanted.syscalls.push_back({.names = {"getpgid"}, .action = Action::log});
  filter = compiled(wanted);
  CHECK(answer(filter, native, SYS_getpgid, {1}) == SECCOMP_RET_LOG);
}

TEST_CASE("a filter without privilege is refused", "[process][seccomp]") {
  const auto filter = compiled(profile(Action::allow, {{.names = {"getsid"}, .action = Action::errno_return}}));
  CAISSON_NEEDS_ROOT();
  CHECK(in_child([&]() -> std::string {
          if (::setuid(65534) != 0) return "setuid";
          return test::text_of(load(filter.program, filter.flags));
        }).contains("Permission denied"));
}

TEST_CASE("a notifying rule yields a listener that answers", "[process][seccomp]") {
  auto wanted = profile(Action::allow, {{.names = {"getsid"}, .action = Action::notify}});
  wanted.listener_path = "/run/agent";
  const CompiledFilter filter = compiled(wanted);
  std::array<int, 2> ends;
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
  // The listener is passed to this side, which answers the child's getsid(2).
  std::thread agent([&] {
    char byte;
    iovec data{&byte, 1};
    std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(ends[0], &message, MSG_CMSG_CLOEXEC) < 1 || !CMSG_FIRSTHDR(&message)) return;
    int raw = -1;
    std::memcpy(&raw, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(raw));
    const FileDescriptor listener(raw);
    pollfd event{listener.get(), POLLIN, 0};
    if (::poll(&event, 1, 5000) != 1) return;
    seccomp_notif call{};
    if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) return;
    seccomp_notif_resp reply{};
    reply.id = call.id;
    reply.val = 4711;
    ::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &reply);
  });
  const std::string said = in_child([&]() -> std::string {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    auto listener = load(filter.program, filter.flags);
    if (!listener) return listener.error().message();
    if (!*listener) return "no listener";
    if ((::fcntl((*listener)->get(), F_GETFD) & FD_CLOEXEC) == 0) return "not close-on-exec";
    char byte = 'x';
    iovec data{&byte, 1};
    std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = (*listener)->get();
    std::memcpy(CMSG_DATA(header), &number, sizeof(number));
    if (::sendmsg(ends[1], &message, 0) != 1) return "sendmsg";
    listener->reset();
    return std::to_string(::syscall(SYS_getsid, 0));
  });
  ::shutdown(ends[0], SHUT_RDWR);
  agent.join();
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK(said == "4711");
}

TEST_CASE("libseccomp says its version", "[process][seccomp]") { CHECK(seccomp_library_version().starts_with("2.")); }

}  // namespace caisson::process
