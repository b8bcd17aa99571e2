// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <optional>
#include <utility>

#include "base/error.hpp"

namespace caisson::sys {

/// Room for many descriptors in this process: as long as it lives, the soft limit of open files (RLIMIT_NOFILE) may be
/// the hard one. Processes cloned meanwhile inherit that and call set_descriptor_limit() themselves.
class DescriptorRoom {
 public:
  /// Raises the soft limit when `count` descriptors and what the runtime needs itself do not fit below it. Where the
  /// hard limit does not allow more, nothing is changed, and opening too many is EMFILE.
  static Result<DescriptorRoom> make(std::size_t count);
  DescriptorRoom(DescriptorRoom&& other) noexcept : soft_(std::exchange(other.soft_, std::nullopt)) {}
  DescriptorRoom& operator=(DescriptorRoom&&) = delete;
  ~DescriptorRoom();

  /// The soft limit before; empty when it has not been changed.
  std::optional<rlim_t> soft_before() const { return soft_; }

 private:
  DescriptorRoom() = default;
  std::optional<rlim_t> soft_;
};

/// Sets the soft limit of open files of this process.
Status set_descriptor_limit(rlim_t soft);

}  // namespace caisson::sys
