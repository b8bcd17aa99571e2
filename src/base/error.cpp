// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <cstring>

namespace caisson {

Error::Error(ErrorKind kind, std::string what, int sys_errno)
    : kind_(kind), sys_errno_(sys_errno), what_(std::move(what)) {}

Error Error::with(std::string frame) && {
  if (!frame.empty()) frames_.push_back(std::move(frame));
  return std::move(*this);
}

Error Error::at(std::string pointer) && {
  if (pointer_.empty()) pointer_ = std::move(pointer);
  return std::move(*this);
}

Error Error::moved_to(std::string pointer) && {
  pointer_ = std::move(pointer);
  return std::move(*this);
}

std::string Error::message() const {
  std::string text;
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) text.append(*frame).append(": ");
  text += what_;
  if (sys_errno_ != 0) text.append(": ").append(strerrordesc_np(sys_errno_) ? strerrordesc_np(sys_errno_) : "error");
  if (!pointer_.empty()) text.append(" [config: ").append(pointer_).append("]");
  // One line, whatever a config or a hook put into it.
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text;
}

}  // namespace caisson
