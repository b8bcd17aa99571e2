// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "integration/support/world.hpp"

namespace caisson::testing {

/// The user's side of a pseudo terminal: what is typed and what appears.
class Terminal {
 public:
  /// Takes the master.
  explicit Terminal(int master);
  /// caisson --root <root> ARGS on a new terminal of this size, in a session of its own. Its standard output is the
  /// file `output`, where there is one.
  Terminal(const World& world, const std::vector<std::string>& args, unsigned short rows = 24,
           unsigned short columns = 80, const std::string& output = {});
  ~Terminal();
  Terminal(const Terminal&) = delete;

  void type(const std::string& text) const;
  /// Reads on until `text` has appeared since the last match; false when it does not come in time or the other side
  /// closes.
  bool appears(const std::string& text, double seconds = 10);
  void resize(unsigned short rows, unsigned short columns) const;
  /// Exit code of the program on it; -1 when it does not end in time.
  int wait(double seconds = 15);
  pid_t pid() const { return pid_; }
  int master() const { return master_; }
  /// Everything that has appeared.
  const std::string& seen() const { return seen_; }

 private:
  int master_;
  pid_t pid_ = -1;
  std::string seen_;
  std::size_t matched_ = 0;
};

/// What arrived at a listening socket: one message with one descriptor.
struct Delivery {
  int fd = -1;
  int descriptors = 0;
  std::string text;
};

/// Listens as an engine does for --console-socket and --pidfd-socket.
class Listener {
 public:
  explicit Listener(const std::string& path);
  ~Listener();
  Listener(const Listener&) = delete;
  /// Accepts one connection and reads one message, with room for exactly one descriptor.
  Delivery receive(double seconds = 10) const;

 private:
  int socket_;
};

}  // namespace caisson::testing
