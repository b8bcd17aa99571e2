// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <cstring>

#include "base/text.hpp"

namespace caisson {

Error::Error(ErrorKind kind, std::string what, int sys_errno)
    : parts_(new Parts{kind, sys_errno, std::move(what), {}, {}}) {}

Error::Error(const Error& other) : parts_(other.parts_ != nullptr ? new Parts(*other.parts_) : nullptr) {}

void Error::destroy() noexcept { delete parts_; }

Error Error::with(std::string frame) && {
  if (!frame.empty()) parts_->frames.push_back(std::move(frame));
  return std::move(*this);
}

Error Error::at(std::string pointer) && {
  if (parts_->pointer.empty()) parts_->pointer = std::move(pointer);
  return std::move(*this);
}

Error Error::moved_to(std::string pointer) && {
  parts_->pointer = std::move(pointer);
  return std::move(*this);
}

std::string Error::message() const {
  std::string line;
  for (auto frame = frames().rbegin(); frame != frames().rend(); ++frame) line.append(*frame).append(": ");
  line += what();
  if (sys_errno() != 0) line.append(": ").append(strerrordesc_np(sys_errno()) ? strerrordesc_np(sys_errno()) : "error");
  if (!pointer().empty()) line.append(" [config: ").append(pointer()).append("]");
  // One line of printable text, whatever a config, an image or a hook put into it.
  for (char& c : line)
    if (c == '\n' || c == '\r') c = ' ';
  return text::printable(line);
}

namespace detail {

std::unexpected<Error> make_failure(ErrorKind kind, int sys_errno, fmt::string_view text, fmt::format_args args) {
  return std::unexpected(Error(kind, fmt::vformat(text, args), sys_errno));
}

std::unexpected<Error> add_frame(Error&& error, fmt::string_view text, fmt::format_args args) {
  return std::unexpected(std::move(error).with(fmt::vformat(text, args)));
}

}  // namespace detail

}  // namespace caisson
