// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "sys/interrupt.hpp"

namespace caisson::nsinit {

/// Nobody else looks for, makes or removes the container of this id meanwhile, among those who ask for this lock: for
/// fronts that choose between making a container and joining it. A file <root>/<id>.lock while it is held; so
/// that it is removed, signals that end programs only interrupt waits meanwhile: see sys::Interruptible.
class NameLock {
 public:
  /// Waits up to half a minute for another process that holds it. Makes the root when it is not there.
  static Result<NameLock> take(const std::string& root, const std::string& id);
  NameLock(NameLock&&) noexcept = default;
  NameLock& operator=(NameLock&&) noexcept = default;
  ~NameLock() { free(); }
  void free();

 private:
  explicit NameLock(std::string path)
      : interruptible_(std::make_unique<sys::Interruptible>()), path_(std::move(path)) {}
  std::unique_ptr<sys::Interruptible> interruptible_;
  FileDescriptor file_;
  std::string path_;
};

}  // namespace caisson::nsinit
