// SPDX-License-Identifier: Apache-2.0
#include "sys/socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "sys/interrupt.hpp"

namespace caisson::sys {

namespace {

constexpr mode_t kOwnerOnly = 0600;

/// "/proc/self/fd/N/name": fits a socket address whatever the directory's path is.
Result<sockaddr_un> address_at(FdView dir, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto end =
      fmt::format_to_n(address.sun_path, sizeof address.sun_path - 1, "/proc/self/fd/{}/{}", dir.get(), name);
  if (end.size > sizeof address.sun_path - 1) return fail(ErrorKind::system, "socket name '{}' is too long", name);
  return address;
}

Result<FileDescriptor> connect_to(const sockaddr_un& address, int type, std::string_view shown,
                                  socklen_t size = sizeof(sockaddr_un)) {
  FileDescriptor socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket(AF_UNIX)");
  // A listener that accepts no more, and a peer that does not read, hold us no longer than this. socket(7).
  constexpr timeval kTimeout{.tv_sec = 10, .tv_usec = 0};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kTimeout, sizeof kTimeout) != 0)
    return fail_errno("setsockopt(SO_SNDTIMEO)");
  while (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    if (errno == EAGAIN && (type & SOCK_NONBLOCK) == 0)
      return fail(ErrorKind::system, "timed out after {} s waiting for '{}' to accept a connection", kTimeout.tv_sec,
                  shown);
    if (errno != EINTR) return fail_errno("connect('{}')", shown);
    CAISSON_TRY(go_on_unless_interrupted());
  }
  return socket;
}

}  // namespace

Result<std::pair<FileDescriptor, FileDescriptor>> packet_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return fail_errno("socketpair(SEQPACKET)");
  return std::pair(FileDescriptor(ends[0]), FileDescriptor(ends[1]));
}

Status send_packet(FdView socket, std::string_view bytes, const std::vector<FdView>& descriptors) {
  if (bytes.size() > kLargestPacket) return fail(ErrorKind::system, "packet of {} bytes", bytes.size());
  if (descriptors.size() > kMostDescriptors)
    return fail(ErrorKind::system, "{} descriptors in one packet", descriptors.size());
  iovec data{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(kMostDescriptors * sizeof(int))];
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
      const int fd = descriptors[i].get();
      std::memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof fd);
    }
  }
  while (::sendmsg(socket.get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno == EAGAIN) return fail(ErrorKind::system, "timed out waiting for the other side of a socket to read");
    if (errno != EINTR) return fail_errno("sendmsg({} bytes, {} descriptors)", bytes.size(), descriptors.size());
    CAISSON_TRY(go_on_unless_interrupted());
  }
  return {};
}

namespace {

/// Size of what came, 0 at the end of the stream. By recvmsg(2) alone: a seccomp filter may be on already.
Result<std::size_t> receive_message(FdView socket, msghdr& message, int flags) {
  ssize_t size = 0;
  while ((size = ::recvmsg(socket.get(), &message, flags)) < 0) {
    if (errno == EINTR) {
      CAISSON_TRY(go_on_unless_interrupted());
      continue;
    }
    // The peer died with a packet of ours unread.
    if (errno == ECONNRESET) return 0;
    return fail_errno("recvmsg");
  }
  return static_cast<std::size_t>(size);
}

}  // namespace

Result<ReceivedPacket> receive_packet(FdView socket) {
  ReceivedPacket packet;
  // Its size first: room for the largest would be sixteen pages of stack, and more below them, for a few bytes.
  msghdr look{};
  const std::size_t size = CAISSON_TRY(receive_message(socket, look, MSG_PEEK | MSG_TRUNC));
  packet.bytes.resize(size);
  iovec data{packet.bytes.data(), size};
  alignas(cmsghdr) char control[CMSG_SPACE(kMostDescriptors * sizeof(int))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (size > 0) packet.bytes.resize(CAISSON_TRY(receive_message(socket, message, MSG_CMSG_CLOEXEC)));
  packet.end = packet.bytes.empty();
  if (packet.end) return packet;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      packet.descriptors.emplace_back(fd);
    }
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return fail(ErrorKind::system, "recvmsg: packet cut short");
  return packet;
}

Result<FileDescriptor> listen_at(FdView dir, const std::string& name, int type, int backlog) {
  const sockaddr_un address = CAISSON_TRY(address_at(dir, name));
  FileDescriptor socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket(AF_UNIX)");
  // The mode of the name, less the umask: never wider than this, not even for a moment. Then less nothing.
  if (::fchmod(socket.get(), kOwnerOnly) != 0) return fail_errno("fchmod(socket)");
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("bind('{}')", name);
  if (::fchmodat(dir.get(), name.c_str(), kOwnerOnly, 0) != 0) return fail_errno("fchmodat('{}')", name);
  if (::listen(socket.get(), backlog) != 0) return fail_errno("listen('{}')", name);
  return socket;
}

Result<FileDescriptor> connect_at(FdView dir, const std::string& name, int type) {
  const sockaddr_un address = CAISSON_TRY(address_at(dir, name));
  return connect_to(address, type, name);
}

Result<FileDescriptor> connect_path(const std::string& path, int type) {
  sockaddr_un address{};
  if (path.size() < sizeof address.sun_path) {
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    return connect_to(address, type, path);
  }
  const auto slash = path.rfind('/');
  const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
  FileDescriptor dir(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return fail_errno("open('{}')", parent);
  return CAISSON_TRY(connect_at(dir, path.substr(slash + 1), type), "connect to '{}'", path);
}

Result<FileDescriptor> connect_abstract(std::string_view name, int type) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() > sizeof address.sun_path) return fail(ErrorKind::system, "socket name '{}' is too long", name);
  std::memcpy(address.sun_path, name.data(), name.size());
  address.sun_path[0] = '\0';
  return connect_to(address, type, name, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size()));
}

Result<FileDescriptor> receive_at(FdView dir, const std::string& name) {
  const sockaddr_un address = CAISSON_TRY(address_at(dir, name));
  if (::unlinkat(dir.get(), name.c_str(), 0) != 0 && errno != ENOENT) return fail_errno("unlinkat('{}')", name);
  FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket(AF_UNIX)");
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("bind('{}')", name);
  return socket;
}

Result<uid_t> peer_user(FdView socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return fail_errno("SO_PEERCRED");
  return peer.uid;
}

Result<FileDescriptor> accept_connection(FdView listener) {
  for (;;) {
    FileDescriptor connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) return connection;
    if (errno != EINTR && errno != ECONNABORTED) return fail_errno("accept4");
  }
}

}  // namespace caisson::sys
