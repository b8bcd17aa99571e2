// SPDX-License-Identifier: Apache-2.0
#include "integration/support/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>

namespace caisson::testing {

Terminal::Terminal(int master) : master_(master) {}

Terminal::Terminal(const World& world, const std::vector<std::string>& args, unsigned short rows,
                   unsigned short columns, const std::string& output) {
  winsize size{rows, columns, 0, 0};
  std::vector<std::string> all{Places::get().caisson, "--root", world.root()};
  all.insert(all.end(), args.begin(), args.end());
  const std::string mark = "CAISSON_TEST=" + world.mark();
  pid_ = ::forkpty(&master_, nullptr, nullptr, &size);
  REQUIRE(pid_ >= 0);
  if (pid_ != 0) return;
  std::vector<char*> argv;
  for (const auto& arg : all) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* const envp[] = {path, const_cast<char*>(mark.c_str()), nullptr};
  if (!output.empty()) ::dup2(::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), 1);
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
  ::execve(argv[0], argv.data(), envp);
  ::_exit(122);
}

Terminal::~Terminal() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(master_);
}

void Terminal::type(const std::string& text) const {
  REQUIRE(::write(master_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

bool Terminal::appears(const std::string& text, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds * patience());
  for (;;) {
    if (const auto at = seen_.find(text, matched_); at != std::string::npos) {
      matched_ = at + text.size();
      return true;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd wait{master_, POLLIN, 0};
    if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) != 1) return false;
    char buffer[4096];
    const ssize_t got = ::read(master_, buffer, sizeof buffer);
    if (got <= 0) return false;
    seen_.append(buffer, static_cast<std::size_t>(got));
  }
}

void Terminal::resize(unsigned short rows, unsigned short columns) const {
  winsize size{rows, columns, 0, 0};
  REQUIRE(::ioctl(master_, TIOCSWINSZ, &size) == 0);
}

int Terminal::wait(double seconds) {
  // The other side may need its output read to come to an end.
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds * patience());
  while (std::chrono::steady_clock::now() < end) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      appears("\x01 the end is never typed", 0.05);
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    pollfd wait{master_, POLLIN, 0};
    char buffer[4096];
    if (::poll(&wait, 1, 20) == 1) {
      const ssize_t got = ::read(master_, buffer, sizeof buffer);
      if (got > 0)
        seen_.append(buffer, static_cast<std::size_t>(got));
      else
        ::usleep(5000);
    }
  }
  return -1;
}

Listener::Listener(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(socket_, 4) == 0);
}

Listener::~Listener() { ::close(socket_); }

Delivery Listener::receive(double seconds) const {
  Delivery delivery;
  pollfd wait{socket_, POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(seconds * patience() * 1000)) != 1) return delivery;
  const int peer = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
  char text[4096];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec data{text, sizeof text};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(peer, &message, MSG_CMSG_CLOEXEC);
  if (got > 0) delivery.text.assign(text, static_cast<std::size_t>(got));
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    delivery.descriptors += static_cast<int>((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(&delivery.fd, CMSG_DATA(header), sizeof(int));
  }
  if (message.msg_flags & MSG_CTRUNC) delivery.descriptors = 99;
  ::close(peer);
  return delivery;
}

}  // namespace caisson::testing
