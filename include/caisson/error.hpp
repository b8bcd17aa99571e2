// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "caisson/version.hpp"

namespace caisson::v1 {

/// What a program may branch on. Everything else about a failure is text.
enum class ErrorCode {
  IdInUse,             ///< the id belongs to another container
  InvalidIdFormat,     ///< an id outside [A-Za-z0-9_+.-]+, or longer than a file name
  ContainerDestroyed,  ///< the container does not exist, or its process has ended
  ContainerPaused,     ///< the call needs a container that is not paused
  ConfigInvalid,       ///< the config, or an argument, is invalid or asks for what cannot be had here
  SystemError,         ///< the kernel or the host refused, or the container's state does not allow the call
};

/// "IdInUse", ...
std::string_view to_string(ErrorCode code);

/// A failed call. It has left nothing of its own behind unless the call says so.
class Error {
 public:
  Error(ErrorCode code, std::string message, std::string pointer = {}, int system_errno = 0)
      : code_(code), message_(std::move(message)), pointer_(std::move(pointer)), system_errno_(system_errno) {}

  ErrorCode code() const { return code_; }
  /// One line: what failed, why, and where in the config.
  const std::string& message() const { return message_; }
  /// The config value at fault, "/process/args/0" (RFC 6901); empty when it is none.
  const std::string& pointer() const { return pointer_; }
  /// errno of the system call that failed; 0 when it was none.
  int system_errno() const { return system_errno_; }

 private:
  ErrorCode code_;
  std::string message_;
  std::string pointer_;
  int system_errno_;
};

/// A value, or why there is none. No call of the library throws.
template <class T>
using Result = std::expected<T, Error>;

}  // namespace caisson::v1
