// SPDX-License-Identifier: Apache-2.0
#include "nsinit/name_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "container/record/container_dir.hpp"
#include "sys/file.hpp"
#include "sys/lock.hpp"

namespace caisson::nsinit {

namespace {

/// How long the start of another container from the same directory may take.
constexpr int kLockTimeoutMs = 30'000;

}  // namespace

Result<NameLock> NameLock::take(const std::string& root, const std::string& id) {
  CAISSON_TRY(container::check_id(id));
  CAISSON_TRY(sys::make_directories(root, container::kRootMode));
  NameLock lock(root + "/" + id + ".lock");
  const std::string& path = lock.path_;
  for (;;) {
    FileDescriptor file = CAISSON_TRY(sys::open_at(FdView::cwd(), path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    auto held = sys::lock_within(file, sys::Lock::exclusive, kLockTimeoutMs);
    if (!held && held.error().sys_errno() != 0) ::unlink(path.c_str());  // no locks here: it is of no use to anybody
    if (!CAISSON_TRY(std::move(held), "lock '{}'", path))
      return fail(ErrorKind::wrong_state, "timed out after {} s waiting for the lock '{}', held by another nsinit",
                  kLockTimeoutMs / 1000, path);
    lock.file_ = std::move(file);
    // Whoever held it before us has removed it: others lock a new one by now.
    if (CAISSON_TRY(sys::stat_of(lock.file_, path)).st_nlink != 0) return lock;
    lock.file_.reset();
  }
}

void NameLock::free() {
  if (!file_) return;
  // While it is held: those who wait see that it is gone.
  ::unlink(path_.c_str());
  file_.reset();
  interruptible_.reset();
}

}  // namespace caisson::nsinit
