// SPDX-License-Identifier: Apache-2.0
#include "cgroup/cgroup_dir.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <functional>
#include <utility>

#include "sys/file.hpp"
#include "sys/filtered.hpp"

namespace caisson::cgroup {

Result<std::vector<std::string>> subdirectories(FdView dir) {
  std::vector<std::string> names;
  struct stat status {};
  if (::fstat(dir.get(), &status) < 0) return fail_errno("fstat of a cgroup");
  // kernfs counts a link for each child, so the usual leaf need not be listed with its hundred files.
  if (status.st_nlink == 2) return names;
  if (::lseek(dir.get(), 0, SEEK_SET) < 0) return fail_errno("lseek of a cgroup");
  alignas(dirent64) char buffer[16384];
  for (;;) {
    const ssize_t size = ::getdents64(dir.get(), buffer, sizeof buffer);
    if (size < 0) return fail_errno("getdents64 of a cgroup");
    if (size == 0) return names;
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
    }
  }
}

namespace {

/// Calls `enter` for the cgroup `path` and each beneath it, and `leave` (with the parent and the name) when all below a
/// child has been seen. One descriptor at a time and no path: a container may nest cgroups deeper than both allow.
Status walk(const std::string& path, const std::function<Status(FdView)>& enter,
            const std::function<Status(FdView, const std::string&)>& leave) {
  struct Level {
    std::vector<std::string> children;
    std::size_t next = 0;
  };
  FileDescriptor here = CAISSON_TRY(sys::open_at(FdView::cwd(), path, O_RDONLY | O_DIRECTORY));
  CAISSON_TRY(enter(here));
  std::vector<Level> levels;
  levels.push_back({CAISSON_TRY(subdirectories(here))});
  while (!levels.empty()) {
    auto& level = levels.back();
    if (level.next < level.children.size()) {
      auto child = sys::open_at(here, level.children[level.next++], O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (!child && is_gone(child.error())) continue;
      here = CAISSON_TRY(std::move(child));
      if (auto entered = enter(here); !entered && !is_gone(entered.error())) return entered;
      auto children = subdirectories(here);
      levels.push_back({children ? std::move(*children) : std::vector<std::string>()});
      continue;
    }
    levels.pop_back();
    if (levels.empty()) break;
    here = CAISSON_TRY(sys::open_at(here, "..", O_RDONLY | O_DIRECTORY));
    const auto& parent = levels.back();
    CAISSON_TRY(leave(here, parent.children[parent.next - 1]));
  }
  return {};
}

void add_pids(std::string_view text, std::vector<pid_t>& pids) {
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(at, end, pid);
    // 0 stands for a process that the reader's PID namespace does not have.
    if (parsed.ec == std::errc() && pid > 0) pids.push_back(pid);
    at = parsed.ptr + 1;
  }
}

/// Whether a thread is a process: pidfd_open(2) takes no others. Behind a filter: proc_pid_status(5).
bool is_leader(pid_t thread) {
  if (FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, thread, 0)))) return true;
  if (!sys::may_be_filtered(errno)) return false;
  const auto status = sys::read_file(FdView::cwd(), fmt::format("/proc/{}/status", thread));
  return status && status->contains(fmt::format("\nTgid:\t{}\n", thread));
}

void add_leaders(std::string_view text, std::vector<pid_t>& pids) {
  std::vector<pid_t> threads;
  add_pids(text, threads);
  std::ranges::copy_if(threads, std::back_inserter(pids), is_leader);
}

}  // namespace

int milliseconds_until(Deadline end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, INT_MAX));
}

bool is_denied(const Error& error) {
  return error.sys_errno() == EACCES || error.sys_errno() == EPERM || error.sys_errno() == EROFS;
}

bool is_gone(const Error& error) { return error.sys_errno() == ENOENT || error.sys_errno() == ENODEV; }

Result<std::string> read_value(const std::string& dir, std::string_view file) {
  const std::string path = (dir + '/').append(file);
  const FileDescriptor fd = CAISSON_TRY(sys::open_at(FdView::cwd(), path, O_RDONLY));
  char buffer[2048];
  const ssize_t size = ::read(fd.get(), buffer, sizeof buffer);
  if (size < 0) return fail_errno("read '{}'", path);
  std::string text(buffer, static_cast<std::size_t>(size));
  // kernfs gives as much as there is room for, so less than that was all.
  if (text.size() == sizeof buffer) text += CAISSON_TRY(sys::read_all(fd, path));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Status write_value(const std::string& dir, std::string_view file, std::string_view value) {
  return sys::write_file(FdView::cwd(), (dir + '/').append(file), value);
}

Result<bool> make_directory(const std::string& path, const std::string& mountpoint, std::vector<std::string>& parents,
                            const std::function<Status(const std::vector<std::string>&)>& tell) {
  constexpr mode_t kMode = 0755;
  const auto missing = [&] {
    std::vector<std::string> all = parents;
    for (auto slash = path.find('/', mountpoint.size() + 1); slash != path.npos; slash = path.find('/', slash + 1))
      if (::access(path.substr(0, slash).c_str(), F_OK) != 0) all.push_back(path.substr(0, slash));
    return all;
  };
  // Another runtime may remove a parent as empty between our making it and using it: once more then.
  for (int attempt = 0; attempt < 8; ++attempt) {
    if (::mkdir(path.c_str(), kMode) == 0) return true;
    if (errno == EEXIST) return false;
    if (errno != ENOENT) break;
    if (tell) CAISSON_TRY(tell(missing()));
    for (auto slash = path.find('/', mountpoint.size() + 1); slash != path.npos; slash = path.find('/', slash + 1)) {
      std::string parent = path.substr(0, slash);
      if (::mkdir(parent.c_str(), kMode) == 0) {
        parents.push_back(std::move(parent));
      } else if (errno != EEXIST && errno != ENOENT) {
        return fail_errno("mkdir('{}')", parent);
      }
    }
  }
  return fail_errno("mkdir('{}')", path);
}

Result<std::vector<pid_t>> pids_below(const std::string& path) {
  std::vector<pid_t> pids;
  bool top = true, threaded = false;
  auto walked = walk(
      path,
      [&](FdView dir) -> Status {
        auto text = sys::read_file(dir, "cgroup.procs");
        const bool is_top = std::exchange(top, false);
        if (text || text.error().sys_errno() != EOPNOTSUPP) {
          add_pids(CAISSON_TRY(std::move(text)), pids);
          return {};
        }
        // The processes of a threaded cgroup stand in the domain above it, which is seen already unless we began here.
        threaded = threaded || is_top;
        if (threaded) add_leaders(CAISSON_TRY(sys::read_file(dir, "cgroup.threads")), pids);
        return {};
      },
      [](FdView, const std::string&) -> Status { return {}; });
  if (!walked && !is_gone(walked.error())) return std::unexpected(std::move(walked.error()));
  std::ranges::sort(pids);
  pids.erase(std::ranges::unique(pids).begin(), pids.end());
  return pids;
}

Status for_each_below(const std::string& path, const std::function<Status(FdView)>& see) {
  auto walked = walk(path, see, [](FdView, const std::string&) -> Status { return {}; });
  return !walked && is_gone(walked.error()) ? Status() : walked;
}

Result<bool> remove_tree(const std::string& path) {
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return true;
  if (errno != EBUSY && errno != ENOTEMPTY) return fail_errno("rmdir('{}')", path);
  auto walked = walk(
      path, [](FdView) -> Status { return {}; },
      [](FdView parent, const std::string& name) -> Status {
        if (::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT || errno == EBUSY) return {};
        return fail_errno("rmdir('{}')", name);
      });
  if (!walked && !is_gone(walked.error())) return std::unexpected(std::move(walked.error()).with(path));
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return true;
  if (errno == EBUSY || errno == ENOTEMPTY) return false;
  return fail_errno("rmdir('{}')", path);
}

std::string_view flat_value(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ')
      return line.substr(key.size() + 1);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
  return {};
}

Result<bool> wait_for_event(const std::string& path, std::string_view key, bool value, Deadline end) {
  FileDescriptor events = CAISSON_TRY(sys::open_at(FdView::cwd(), path + "/cgroup.events", O_RDONLY));
  for (;;) {
    char text[256];
    const ssize_t size = ::pread(events.get(), text, sizeof text, 0);
    if (size < 0) return fail_errno("read '{}/cgroup.events'", path);
    if (flat_value({text, static_cast<std::size_t>(size)}, key) == (value ? "1" : "0")) return true;
    const int left = milliseconds_until(end);
    if (left == 0) return false;
    // kernfs says by POLLPRI that the text has changed since it was last read through this descriptor.
    pollfd wanted{.fd = events.get(), .events = POLLPRI, .revents = 0};
    if (::poll(&wanted, 1, left) < 0 && errno != EINTR) return fail_errno("poll of '{}/cgroup.events'", path);
  }
}

}  // namespace caisson::cgroup
