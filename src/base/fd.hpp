// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace caisson {

/// Owns one descriptor and closes it. Every descriptor of the program is close-on-exec from its birth.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~FileDescriptor() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  /// Gives the descriptor away: the caller closes it.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

/// A descriptor that somebody else owns; what every syscall wrapper takes.
class FdView {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): a view is meant to be implicit
  FdView(const FileDescriptor& fd) : fd_(fd.get()) {}
  FdView(FileDescriptor&&) = delete;  // would dangle
  static constexpr FdView of(int fd) { return FdView(fd); }
  static constexpr FdView cwd() { return FdView(AT_FDCWD); }
  constexpr int get() const { return fd_; }

 private:
  constexpr explicit FdView(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace caisson
