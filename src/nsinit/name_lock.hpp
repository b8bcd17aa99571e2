// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace caisson::nsinit {

/// Nobody else looks for, makes or removes the container of this id meanwhile, among those who ask for this lock: for
/// fronts that choose between making a container and joining it. A file <root>/<id>.lock while it is held.
class NameLock {
 public:
  /// Waits for whoever holds it. Makes the root when it is not there.
  static Result<NameLock> take(const std::string& root, const std::string& id);
  NameLock(NameLock&&) noexcept = default;
  NameLock& operator=(NameLock&&) noexcept = default;
  ~NameLock() { free(); }
  void free();

 private:
  NameLock(FileDescriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  FileDescriptor file_;
  std::string path_;
};

}  // namespace caisson::nsinit
