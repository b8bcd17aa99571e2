// SPDX-License-Identifier: Apache-2.0
#include "nsinit/name_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "container/record/container_dir.hpp"
#include "sys/file.hpp"

namespace caisson::nsinit {

Result<NameLock> NameLock::take(const std::string& root, const std::string& id) {
  CAISSON_TRY(container::check_id(id));
  CAISSON_TRY(sys::make_directories(root, container::kRootMode));
  const std::string path = root + "/" + id + ".lock";
  for (;;) {
    FileDescriptor file = CAISSON_TRY(sys::open_at(FdView::cwd(), path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    CAISSON_TRY(sys::lock(file, sys::Lock::exclusive, true));
    // Whoever held it before us has removed it: others lock a new one by now.
    if (CAISSON_TRY(sys::stat_of(file, path)).st_nlink != 0) return NameLock(std::move(file), path);
  }
}

void NameLock::free() {
  if (!file_) return;
  // While it is held: those who wait see that it is gone.
  ::unlink(path_.c_str());
  file_.reset();
}

}  // namespace caisson::nsinit
