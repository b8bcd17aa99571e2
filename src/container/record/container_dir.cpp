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
#include "sys/lock.hpp"

namespace caisson::container {

namespace {

constexpr std::size_t kPage = 4096;

/// What errno is in the error of a damaged record: "Structure needs cleaning".
constexpr int kDamaged = EUCLEAN;

/// How long a command waits for another one that changes the same container.
constexpr int kLockTimeoutMs = 10'000;

/// Whether errno says that something else than a file of ours is there.
bool is_no_file(int error) { return error == 0 || error == ELOOP || error == ENXIO || error == EISDIR; }

/// " (process 12 holds it)", when that can be known.
std::string holder_of(FdView file) {
  const auto pid = sys::lock_holder(file);
  return pid ? fmt::format(" (process {} holds it)", *pid) : std::string();
}

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

Status Entry::check_present() const {
  struct stat now {};
  if (::fstat(dir_.get(), &now) != 0) return fail_errno("fstat('{}')", path_);
  // Deleted by whoever held the lock before us.
  if (now.st_nlink == 0) return fail(ErrorKind::destroyed, "container does not exist");
  return {};
}

Status Entry::lock() const {
  if (!CAISSON_TRY(sys::lock_within(dir_, sys::Lock::exclusive, kLockTimeoutMs), "lock '{}'", path_))
    return fail(ErrorKind::wrong_state, "timed out after {} s waiting for the lock of container {}{}",
                kLockTimeoutMs / 1000, id_, holder_of(dir_));
  return check_present();
}

Result<bool> Entry::try_lock() const {
  if (!CAISSON_TRY(sys::try_lock(dir_, sys::Lock::exclusive), "lock '{}'", path_)) return false;
  CAISSON_TRY(check_present());
  return true;
}

void Entry::unlock() const { ::flock(dir_.get(), LOCK_UN); }

bool Entry::locked_by_other() const {
  if (::flock(dir_.get(), LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
  ::flock(dir_.get(), LOCK_UN);
  return false;
}

bool is_damage(const Error& error) { return error.sys_errno() == kDamaged; }

std::unexpected<Error> Entry::damaged(const std::string& why) const {
  return std::unexpected(
      Error(ErrorKind::system,
            fmt::format("the record of container {} is damaged ({}): delete --force removes what can "
                        "be found without it",
                        id_, why),
            kDamaged));
}

/// The record is the first that is written and the last that is removed.
bool Entry::has_traces() const {
  for (const char* name : {kConfigFile, kStartSocket})
    if (::faccessat(dir_.get(), name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) return true;
  return false;
}

Result<State> Entry::load_state() const {
  auto text = sys::read_own_file(dir_, kStateFile);
  const bool missing = !text && text.error().sys_errno() == ENOENT;
  if (missing || (text && text->empty())) {
    if (has_traces()) return damaged(fmt::format("'{}/{}' is {}", path_, kStateFile, missing ? "missing" : "empty"));
    // Made, and its creator killed before the first word: nothing else was made yet.
    return fail(ErrorKind::destroyed, "container does not exist");
  }
  if (!text && is_no_file(text.error().sys_errno()))
    return damaged(fmt::format("{}/{}: {}", path_, kStateFile, text.error().what()));
  auto state = read_state(CAISSON_TRY(std::move(text), "{}", path_));
  if (!state) return damaged(fmt::format("{}/{}: {}", path_, kStateFile, state.error().message()));
  if (state->id != id_) return damaged(fmt::format("'{}/{}' is that of container '{}'", path_, kStateFile, state->id));
  return state;
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
  if (!CAISSON_TRY(sys::lock_within(config, sys::Lock::exclusive, kLockTimeoutMs), "lock '{}/{}'", path_, kConfigFile))
    return fail(ErrorKind::wrong_state, "timed out after {} s waiting for the lock of '{}/{}'{}", kLockTimeoutMs / 1000,
                path_, kConfigFile, holder_of(config));
  return config;
}

Result<bool> Entry::init_becomes(const State& state) const {
  if (!state.runs_at_once) return false;
  return init_holds_config();
}

Result<bool> Entry::init_holds_config() const {
  const FileDescriptor config(::openat(dir_.get(), kConfigFile, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (!config && sys::is_exhausted(errno)) return fail_errno("open('{}/{}')", path_, kConfigFile);
  return config && ::flock(config.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Status Entry::wait_for_init() const {
  const FileDescriptor config = CAISSON_TRY(sys::open_if_exists(dir_, kConfigFile, O_RDONLY | O_NONBLOCK));
  if (!config || CAISSON_TRY(sys::lock_within(config, sys::Lock::exclusive, kLockTimeoutMs))) return {};
  return fail(ErrorKind::wrong_state, "timed out after {} s waiting for the end of the container's unrecorded init",
              kLockTimeoutMs / 1000);
}

Result<bool> Entry::remove() {
  // It is gone, and perhaps another container has its name by now.
  if (auto present = check_present(); !present && present.error().kind() == ErrorKind::destroyed) return false;
  // The record goes last but for the directory: a removal cut short leaves a container that can be deleted again.
  for (const char* name : {kStartSocket, kConfigFile, kStateFile})
    CAISSON_TRY(remove_tree(dir_, name), "remove '{}/{}'", path_, name);
  if (::unlinkat(root_.get(), id_.c_str(), AT_REMOVEDIR) == 0) return true;
  if (errno == ENOENT) return false;
  // Something else is in it, or the file system could not do it just now.
  CAISSON_TRY(remove_tree(root_, id_.c_str()), "remove '{}'", path_);
  return true;
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
  // A file system without locks, for instance (ENOLCK): nothing of the container is left then.
  if (auto locked = entry.lock(); !locked) {
    (void)entry.remove();
    return std::unexpected(std::move(locked).error());
  }
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

namespace {

/// Whether an item of the root is a directory. Some file systems do not say so in readdir(3).
Result<bool> is_directory(DIR* list, const dirent& item) {
  if (item.d_type != DT_UNKNOWN) return item.d_type == DT_DIR;
  struct stat info {};
  if (::fstatat(::dirfd(list), item.d_name, &info, AT_SYMLINK_NOFOLLOW) == 0) return S_ISDIR(info.st_mode);
  if (errno == ENOENT) return false;  // removed at this moment
  return fail_errno("fstatat('{}')", item.d_name);
}

}  // namespace

Result<std::vector<std::string>> Store::ids(bool missing_is_empty) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(root_.c_str()), ::closedir);
  if (!list && errno == ENOENT && missing_is_empty) return std::vector<std::string>();
  if (!list) return fail_errno("open('{}')", root_);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;  // readdir(3) tells its end and its failure apart by it alone
    const dirent* item = ::readdir(list.get());
    if (item == nullptr && errno != 0) return fail_errno("readdir('{}')", root_);
    if (item == nullptr) break;
    if (check_id(item->d_name) && CAISSON_TRY(is_directory(list.get(), *item), "'{}'", root_))
      names.emplace_back(item->d_name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace caisson::container
