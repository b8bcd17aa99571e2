// SPDX-License-Identifier: Apache-2.0
#include "rootfs/root_dir.hpp"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <array>
#include <string_view>

#include "sys/file.hpp"

namespace caisson::rootfs {
namespace {

constexpr std::uint64_t kInRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
constexpr int kSymlinkLimit = 40;  // as the kernel's own, path_resolution(7)

// The target of a symlink; empty when `name` is none.
std::string read_link(FdView dir, const std::string& name) {
  std::array<char, PATH_MAX> target;
  ssize_t n = ::readlinkat(dir.get(), name.c_str(), target.data(), target.size());
  return n > 0 ? std::string(target.data(), static_cast<std::size_t>(n)) : std::string();
}

// Takes the first part off "a/b/c", and the slashes after it.
std::string take_part(std::string& path) {
  path.erase(0, std::min(path.find_first_not_of('/'), path.size()));
  std::size_t end = std::min(path.find('/'), path.size());
  std::string part = path.substr(0, end);
  path.erase(0, std::min(path.find_first_not_of('/', end), path.size()));
  return part;
}

// One walk along a path that is to be made. `done` is always resolved from the root anew, so that it may hold symlinks.
class Walk {
 public:
  Walk(FdView root, std::string path, Kind kind) : root_(root), rest_(std::move(path)), kind_(kind) {}

  Result<Place> run() {
    CAISSON_TRY(restart());
    for (std::string part = take_part(rest_); !part.empty(); part = take_part(rest_)) CAISSON_TRY(step(part));
    // The steps do not tell symlinks from directories; whoever must know looks at the place itself.
    place_.symlinked = true;
    return std::move(place_);
  }

 private:
  Status restart() {
    done_.clear();
    place_.fd = CAISSON_TRY(sys::open_at(root_, ".", O_PATH | O_DIRECTORY));
    return {};
  }

  Status step(const std::string& part) {
    const std::string path = done_ + "/" + part;
    int fd = sys::try_open(root_, path.c_str(), O_PATH, 0, kInRoot);
    if (fd == -ENOENT) {
      if (std::string target = read_link(place_.fd, part); !target.empty()) return follow(std::move(target));
      return make_part(part);
    }
    if (fd < 0) {
      errno = -fd;
      return fail_errno("openat2('{}')", path);
    }
    place_.fd.reset(fd);
    done_ = path;
    return {};
  }

  // A dangling symlink: what it points to is made instead, within the root.
  Status follow(std::string target) {
    if (++symlinks_ > kSymlinkLimit) {
      errno = ELOOP;
      return fail_errno("make '{}'", target);
    }
    const bool absolute = target.front() == '/';
    rest_ = rest_.empty() ? std::move(target) : std::move(target) + "/" + rest_;
    if (absolute) return restart();
    return {};
  }

  // In the directory that the descriptor holds, wherever it may have been moved; and what is opened then is the new
  // directory or file itself, no symlink that was put in its place.
  Status make_part(const std::string& part) {
    const bool file = rest_.empty() && kind_ == Kind::file;
    const int made = file ? ::mknodat(place_.fd.get(), part.c_str(), S_IFREG | 0644, 0)
                          : ::mkdirat(place_.fd.get(), part.c_str(), 0755);
    if (made < 0 && errno != EEXIST) return fail_errno("{}('{}/{}')", file ? "mknod" : "mkdir", done_, part);
    FileDescriptor fd = CAISSON_TRY(sys::open_at(place_.fd, part, O_PATH | O_NOFOLLOW | (file ? 0 : O_DIRECTORY), 0,
                                                 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
    place_.fd = std::move(fd);
    place_.existed = false;
    done_ += "/" + part;
    return {};
  }

  FdView root_;
  std::string rest_;
  std::string done_;
  Kind kind_;
  Place place_;
  int symlinks_ = 0;
};

}  // namespace

Result<FileDescriptor> RootDir::open(const std::string& path, std::uint64_t flags, std::uint64_t resolve) const {
  return sys::open_at(fd_, path, flags, 0, kInRoot | resolve);
}

Result<FileDescriptor> RootDir::open_if_exists(const std::string& path, std::uint64_t flags,
                                               std::uint64_t resolve) const {
  return sys::open_if_exists(fd_, path, flags, kInRoot | resolve);
}

Result<Place> RootDir::find(const std::string& path, bool follow) const {
  const std::uint64_t flags = O_PATH | (follow ? 0 : O_NOFOLLOW);
  // First without any symlink: nearly always so, and then the path says where the place is.
  Place place;
  int fd = sys::try_open(fd_, path.c_str(), flags, 0, kInRoot | RESOLVE_NO_SYMLINKS);
  if (fd == -ELOOP) {
    place.symlinked = true;
    fd = sys::try_open(fd_, path.c_str(), flags, 0, kInRoot);
  }
  if (fd == -ENOENT) return place;
  if (fd < 0) {
    errno = -fd;
    return fail_errno("openat2('{}')", path);
  }
  place.fd.reset(fd);
  return place;
}

Result<Place> RootDir::make(const std::string& path, Kind kind) const {
  // Nearly always only the last part is missing and no symlink is on the way.
  const std::size_t slash = path.rfind('/');
  const std::string parent_path = slash == 0 ? "/" : path.substr(0, slash);
  FileDescriptor parent(
      sys::try_open(fd_, parent_path.c_str(), O_PATH | O_DIRECTORY, 0, kInRoot | RESOLVE_NO_SYMLINKS));
  if (parent) {
    const char* name = path.c_str() + slash + 1;
    const bool file = kind == Kind::file;
    const int made = file ? ::mknodat(parent.get(), name, S_IFREG | 0644, 0) : ::mkdirat(parent.get(), name, 0755);
    if (made == 0) {
      constexpr std::uint64_t kNew = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
      const std::uint64_t flags = O_PATH | O_NOFOLLOW | (file ? 0 : O_DIRECTORY);
      return Place{CAISSON_TRY(sys::open_at(parent, name, flags, 0, kNew)), false, false};
    }
  }
  return Walk(fd_, path, kind).run();
}

Result<Place> RootDir::ordinary_directory(const std::string& path) const {
  constexpr std::uint64_t kPlain = kInRoot | RESOLVE_NO_SYMLINKS;
  constexpr std::uint64_t kFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
  int fd = sys::try_open(fd_, path.c_str(), kFlags, 0, kPlain);
  if (fd >= 0) return Place{.fd = FileDescriptor(fd)};
  if (fd != -ENOENT || path == "/") {
    errno = -fd;
    return fail_errno("openat2('{}')", path);
  }
  const std::size_t slash = path.rfind('/');
  const std::string name = path.substr(slash + 1);
  const Place parent = CAISSON_TRY(ordinary_directory(slash == 0 ? "/" : path.substr(0, slash)));
  const bool made = CAISSON_TRY(sys::make_directory(parent.fd, name, 0755));
  FileDescriptor directory =
      CAISSON_TRY(sys::open_at(parent.fd, name, kFlags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
  return Place{.fd = std::move(directory), .existed = !made};
}

}  // namespace caisson::rootfs
