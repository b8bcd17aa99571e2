// SPDX-License-Identifier: Apache-2.0
#include "nsinit/regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "rootfs/root_dir.hpp"
#include "sys/file.hpp"

namespace caisson::nsinit {

namespace {

constexpr off_t kLargest = 16 << 20;

Result<std::string> read_regular(FileDescriptor file, const std::string& name) {
  const struct stat info = CAISSON_TRY(sys::stat_of(file, name));
  if (!S_ISREG(info.st_mode)) return fail(ErrorKind::config, "'{}' is not a regular file", name);
  if (info.st_size > kLargest) return fail(ErrorKind::config, "'{}' is larger than {} bytes", name, kLargest);
  return sys::read_all(file, name);
}

}  // namespace

Result<std::string> read_regular_file(FdView dir, const std::string& name) {
  return read_regular(CAISSON_TRY(sys::open_at(dir, name, O_RDONLY | O_NONBLOCK)), name);
}

Result<std::string> read_file_below(const std::string& rootfs, const std::string& path) {
  const rootfs::RootDir root(CAISSON_TRY(sys::open_directory(FdView::cwd(), rootfs)));
  auto file = root.open_if_exists(path, O_RDONLY | O_NONBLOCK);
  if (!file && file.error().sys_errno() != ELOOP) return std::unexpected(std::move(file).error());
  if (!file || !*file) return std::string();
  return read_regular(std::move(*file), path);
}

Status replace_file(FdView dir, const std::string& name, std::string_view text) {
  return sys::replace_file(dir, name, text, 0600);
}

}  // namespace caisson::nsinit
