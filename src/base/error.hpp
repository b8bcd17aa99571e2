// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <cerrno>
#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace caisson {

/// What a caller may branch on. Everything else about a failure is text.
enum class ErrorKind {
  system,       ///< the kernel or the host refused; errno() says why when it is known
  config,       ///< the config asks for something invalid or that cannot be honoured here
  invalid_id,   ///< a container id outside [A-Za-z0-9_+.-]+
  id_in_use,    ///< the id belongs to another container
  destroyed,    ///< the container does not exist, or its process has ended
  paused,       ///< the operation needs a container that is not paused
  wrong_state,  ///< any other state in which the operation is not allowed
};

/// A failure: what failed, why (errno), where in the config, and what we were doing.
///
/// One pointer wide: results travel through every call of the start path, and only a failed one is to cost more than
/// an integer.
class Error {
 public:
  Error(ErrorKind kind, std::string what, int sys_errno = 0);
  Error(const Error& other);
  Error(Error&& other) noexcept : parts_(std::exchange(other.parts_, nullptr)) {}
  Error& operator=(Error other) noexcept {
    std::swap(parts_, other.parts_);
    return *this;
  }
  ~Error() {
    if (parts_ != nullptr) destroy();
  }

  /// Adds one frame of context; the frame added last is printed first.
  Error with(std::string frame) &&;
  /// Names the config value at fault (RFC 6901). The innermost caller wins.
  Error at(std::string pointer) &&;
  /// Names another place instead: that of the same value in the file the user wrote.
  Error moved_to(std::string pointer) &&;

  ErrorKind kind() const { return parts_->kind; }
  int sys_errno() const { return parts_->sys_errno; }
  const std::string& what() const { return parts_->what; }
  const std::string& pointer() const { return parts_->pointer; }
  /// Context, innermost first.
  const std::vector<std::string>& frames() const { return parts_->frames; }

  /// One line:
  /// "create c1: mount '/tmp': tmpfs: Bad value for 'size': fsconfig(size=x): Invalid argument [config: /mounts/0]"
  std::string message() const;

 private:
  struct Parts {
    ErrorKind kind;
    int sys_errno;
    std::string what;
    std::string pointer;
    std::vector<std::string> frames;
  };
  void destroy() noexcept;

  Parts* parts_;  ///< none once it was moved from
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

namespace detail {
// The code of a failure stands here once, not at each place that may fail.
[[gnu::cold]] std::unexpected<Error> make_failure(ErrorKind kind, int sys_errno, fmt::string_view text,
                                                  fmt::format_args args);
[[gnu::cold]] std::unexpected<Error> add_frame(Error&& error, fmt::string_view text, fmt::format_args args);
inline std::unexpected<Error> propagate(Error&& error) { return std::unexpected(std::move(error)); }
template <class... A>
[[gnu::cold]] std::unexpected<Error> propagate(Error&& error, fmt::format_string<A...> text, A&&... args) {
  return add_frame(std::move(error), text, fmt::make_format_args(args...));
}
template <class T>
T take(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
}  // namespace detail

/// A failure that is not a syscall's.
template <class... A>
[[nodiscard, gnu::cold]] std::unexpected<Error> fail(ErrorKind kind, fmt::format_string<A...> text, A&&... args) {
  return detail::make_failure(kind, 0, text, fmt::make_format_args(args...));
}

/// A failed syscall. errno is saved before the text is formatted, so nothing can overwrite it.
template <class... A>
[[nodiscard, gnu::cold]] std::unexpected<Error> fail_errno(fmt::format_string<A...> text, A&&... args) {
  return detail::make_failure(ErrorKind::system, errno, text, fmt::make_format_args(args...));
}

/// A fault of the config value that `pointer` (RFC 6901) names.
template <class... A>
[[nodiscard, gnu::cold]] std::unexpected<Error> fail_config(std::string pointer, fmt::format_string<A...> text,
                                                            A&&... args) {
  auto failure = detail::make_failure(ErrorKind::config, 0, text, fmt::make_format_args(args...));
  return std::unexpected(std::move(failure).error().at(std::move(pointer)));
}

}  // namespace caisson

/// Value of `expr`, or return its error from the enclosing function, with optional fmt context.
#define CAISSON_TRY(expr, ...) CAISSON_TRY_AS(CAISSON_JOIN(caisson_try_, __COUNTER__), expr __VA_OPT__(, ) __VA_ARGS__)

// A name of its own for each, so that one may stand inside another.
#define CAISSON_JOIN_NOW(a, b) a##b
#define CAISSON_JOIN(a, b) CAISSON_JOIN_NOW(a, b)
#define CAISSON_TRY_AS(name, expr, ...)                                                        \
  __extension__({                                                                              \
    auto name = (expr);                                                                        \
    if (!name) [[unlikely]]                                                                    \
      return ::caisson::detail::propagate(std::move(name).error() __VA_OPT__(, ) __VA_ARGS__); \
    ::caisson::detail::take(std::move(name));                                                  \
  })
