// SPDX-License-Identifier: Apache-2.0
#include "container/record/container_dir.hpp"

#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "sys/file.hpp"

namespace caisson::container {

namespace {

constexpr std::size_t kPage = 4096;

/// Removes a file or a whole small tree below `dir`; what is not there is no error.
Status remove_tree(FdView dir, const char* name) {
  if (::unlinkat(dir.get(), name, 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return fail_errno("unlinkat('{}')", name);
  FileDescriptor sub(::openat(dir.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!sub) return fail_errno("openat('{}')", name);
  const int fd = ::fcntl(sub.get(), F_DUPFD_CLOEXEC, 3);
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(fd), ::closedir);
  if (!list) return fail_errno("fdopendir('{}')", name);
  while (const dirent* item = ::readdir(list.get())) {
    if (std::strcmp(item->d_name, ".") == 0 || std::strcmp(item->d_name, "..") == 0) continue;
    CAISSON_TRY(remove_tree(sub, item->d_name));
  }
  if (::unlinkat(dir.get(), name, AT_REMOVEDIR) != 0 && errno != ENOENT) return fail_errno("rmdir('{}')", name);
  return {};
}

}  // namespace

Status check_id(std::string_view id) {
  if (id.empty()) return fail(ErrorKind::invalid_id, "container id cannot be empty");
  const bool good = std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
           c == '.' || c == '-';
  });
  if (!good || id == "." || id == ".." || id.size() > NAME_MAX)
    return fail(ErrorKind::invalid_id, "invalid container ID format: '{}'", id);
  return {};
}

Status Entry::lock() const {
  CAISSON_TRY(sys::lock(dir_, sys::Lock::exclusive, true));
  struct stat now {};
  if (::fstat(dir_.get(), &now) != 0) return fail_errno("fstat('{}')", path_);
  // Deleted by whoever held the lock before us.
  if (now.st_nlink == 0) return fail(ErrorKind::destroyed, "container does not exist");
  return {};
}

void Entry::unlock() const { ::flock(dir_.get(), LOCK_UN); }

bool Entry::locked_by_other() const {
  if (::flock(dir_.get(), LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
  ::flock(dir_.get(), LOCK_UN);
  return false;
}

Result<State> Entry::load_state() const {
  auto text = sys::read_own_file(dir_, kStateFile);
  if (!text) {
    if (text.error().sys_errno() == ENOENT) return fail(ErrorKind::destroyed, "container does not exist");
    return std::unexpected(std::move(text).error());
  }
  // Made, and its creator killed before the first word: nothing else was made yet.
  if (text->empty()) return fail(ErrorKind::destroyed, "container does not exist");
  return CAISSON_TRY(read_state(*text), "read '{}/{}'", path_, kStateFile);
}

Status Entry::write_first_state(const State& state) const {
  const std::string text = write_state(state);
  // A file system shows what one page got by one write at once: others see none of it, as before, or all of it.
  if (text.size() > kPage) return sys::replace_file(dir_, kStateFile, text, 0600);
  const FileDescriptor file = CAISSON_TRY(sys::open_at(dir_, kStateFile, O_WRONLY | O_CREAT | O_EXCL, 0600));
  return sys::write_all(file, text, kStateFile);
}

Status Entry::replace_state(const State& state) const {
  return sys::replace_file(dir_, kStateFile, write_state(state), 0600);
}

Status Entry::replace_config(std::string_view text) const { return sys::replace_file(dir_, kConfigFile, text, 0600); }

Result<std::string> Entry::load_config() const { return sys::read_own_file(dir_, kConfigFile); }

Result<FileDescriptor> Entry::make_config() const {
  return sys::open_at(dir_, kConfigFile, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

Result<FileDescriptor> Entry::open_locked_config() const {
  FileDescriptor config = CAISSON_TRY(sys::open_at(dir_, kConfigFile, O_RDONLY));
  CAISSON_TRY(sys::lock(config, sys::Lock::exclusive, true));
  return config;
}

Result<bool> Entry::init_becomes(const State& state) const {
  if (!state.runs_at_once) return false;
  const FileDescriptor config(::openat(dir_.get(), kConfigFile, O_RDONLY | O_CLOEXEC));
  if (!config && sys::is_exhausted(errno)) return fail_errno("open('{}/{}')", path_, kConfigFile);
  return config && ::flock(config.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Status Entry::wait_for_init() const {
  const FileDescriptor config = CAISSON_TRY(sys::open_if_exists(dir_, kConfigFile, O_RDONLY | O_CLOEXEC));
  if (config) CAISSON_TRY(sys::lock(config, sys::Lock::exclusive, true));
  return {};
}

Status Entry::remove() {
  // The record goes last but for the directory: a removal cut short leaves a container that can be deleted again.
  for (const char* name : {kStartSocket, kConfigFile, kStateFile})
    if (::unlinkat(dir_.get(), name, 0) != 0 && errno != ENOENT) return fail_errno("unlinkat('{}/{}')", path_, name);
  if (::unlinkat(root_.get(), id_.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  if (errno != ENOTEMPTY && errno != EEXIST) return fail_errno("rmdir('{}')", path_);
  CAISSON_TRY(remove_tree(root_, id_.c_str()), "remove '{}'", path_);
  return {};
}

Result<Entry> Store::reserve(const std::string& id) const {
  CAISSON_TRY(check_id(id));
  FileDescriptor root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root && errno == ENOENT) {
    CAISSON_TRY(sys::make_directories(root_, kRootMode));
    root.reset(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  if (!root) return fail_errno("open('{}')", root_);
  if (::mkdirat(root.get(), id.c_str(), kRootMode) != 0) {
    if (errno == EEXIST) return fail(ErrorKind::id_in_use, "container with given ID already exists: '{}'", id);
    return fail_errno("mkdir('{}/{}')", root_, id);
  }
  FileDescriptor dir(::openat(root.get(), id.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir) {
    auto failure = fail_errno("open('{}/{}')", root_, id);
    ::unlinkat(root.get(), id.c_str(), AT_REMOVEDIR);
    return failure;
  }
  Entry entry(std::move(root), std::move(dir), id, root_ + "/" + id);
  CAISSON_TRY(entry.lock());
  return entry;
}

Result<FileDescriptor> Store::open_root() const {
  FileDescriptor root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root && errno != ENOENT) return fail_errno("open('{}')", root_);
  if (!root) return fail(ErrorKind::destroyed, "container does not exist");
  return root;
}

Result<Entry> Store::open_listed(FdView root, const std::string& id) const {
  FileDescriptor dir(::openat(root.get(), id.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir && errno != ENOENT) return fail_errno("open('{}/{}')", root_, id);
  if (!dir) return fail(ErrorKind::destroyed, "container does not exist");
  return Entry(FileDescriptor(), std::move(dir), id, root_ + "/" + id);
}

Result<Entry> Store::open(const std::string& id) const {
  CAISSON_TRY(check_id(id));
  FileDescriptor root = CAISSON_TRY(open_root());
  Entry entry = CAISSON_TRY(open_listed(root, id));
  entry.keep_root(std::move(root));
  return entry;
}

Result<std::vector<std::string>> Store::ids(bool missing_is_empty) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(root_.c_str()), ::closedir);
  if (!list && errno == ENOENT && missing_is_empty) return std::vector<std::string>();
  if (!list) return fail_errno("open('{}')", root_);
  std::vector<std::string> names;
  while (const dirent* item = ::readdir(list.get()))
    if (item->d_type == DT_DIR && check_id(item->d_name)) names.emplace_back(item->d_name);
  std::ranges::sort(names);
  return names;
}

}  // namespace caisson::container
