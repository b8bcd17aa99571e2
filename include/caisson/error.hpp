// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "caisson/version.hpp"

namespace caisson::v1 {

/// The causes of failure that a program may branch on. Everything else is in the message.
enum class ErrorCode {
  IdInUse,             ///< the id belongs to another container
  InvalidIdFormat,     ///< an id outside [A-Za-z0-9_+.-]+, or longer than a file name
  ContainerDestroyed,  ///< the container does not exist, or its process has ended
  ContainerPaused,     ///< the call needs a container that is not paused
  ConfigInvalid,       ///< the config or an argument is invalid, or asks for something this host does not support
  SystemError,         ///< a system call failed, or the container's status does not allow the call
};

/// The name of a code: "IdInUse", ...
std::string_view to_string(ErrorCode code);

/// A failed call. Unless a function says otherwise, everything it made has been removed.
class Error {
 public:
  Error(ErrorCode code, std::string message, std::string pointer = {}, int system_errno = 0)
      : code_(code), message_(std::move(message)), pointer_(std::move(pointer)), system_errno_(system_errno) {}

  ErrorCode code() const { return code_; }
  /// One line: what failed, why, and where in the config.
  const std::string& message() const { return message_; }
  /// JSON pointer (RFC 6901) of the config value that caused the failure, "/process/args/0". Empty if there is none.
  const std::string& pointer() const { return pointer_; }
  /// errno of the failed system call; 0 if none failed.
  int system_errno() const { return system_errno_; }

 private:
  ErrorCode code_;
  std::string message_;
  std::string pointer_;
  int system_errno_;
};

/// A value or an error. No function of the library throws.
template <class T>
using Result = std::expected<T, Error>;

}  // namespace caisson::v1
