// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::sys {

/// Two connected SOCK_SEQPACKET ends: packets keep their borders, a closed end reads as end of stream.
Result<std::pair<FileDescriptor, FileDescriptor>> packet_pair();

/// Bytes in one packet; what is larger travels in a descriptor.
inline constexpr std::size_t kLargestPacket = 64 * 1024;

/// Descriptors beside one packet: SCM_MAX_FD of the kernel.
inline constexpr std::size_t kMostDescriptors = 253;

/// One packet and the descriptors beside it (SCM_RIGHTS), whole. EINTR is retried; SIGPIPE is never raised.
Status send_packet(FdView socket, std::string_view bytes, const std::vector<FdView>& descriptors = {});

struct ReceivedPacket {
  std::string bytes;
  std::vector<FileDescriptor> descriptors;  ///< close-on-exec
  bool end = false;                         ///< the peer closed its end: nothing was received
};
/// Waits for one packet. An error when it was cut short.
Result<ReceivedPacket> receive_packet(FdView socket);

/// Unix sockets by directory descriptor and name: no path of more than 108 bytes is ever needed. A name that is
/// listened at has mode 0600, whatever the umask. A connection that is not accepted fails after ten seconds, and so
/// does a send that is not read.
Result<FileDescriptor> listen_at(FdView dir, const std::string& name, int type, int backlog);
Result<FileDescriptor> connect_at(FdView dir, const std::string& name, int type);
/// Connects to a path of any length.
Result<FileDescriptor> connect_path(const std::string& path, int type);
/// Connects to a name of the abstract namespace, said with a leading '@': unix(7).
Result<FileDescriptor> connect_abstract(std::string_view name, int type);
/// A socket that receives datagrams at a name. An old socket there is replaced.
Result<FileDescriptor> receive_at(FdView dir, const std::string& name);
/// The user on the other side, as our user namespace numbers it. SO_PEERCRED of unix(7).
Result<uid_t> peer_user(FdView socket);
/// Next connection, close-on-exec.
Result<FileDescriptor> accept_connection(FdView listener);

}  // namespace caisson::sys
