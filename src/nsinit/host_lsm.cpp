// SPDX-License-Identifier: Apache-2.0
#include "nsinit/host_lsm.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <vector>

#include "base/text.hpp"
#include "sys/file.hpp"

namespace caisson::nsinit {

namespace {

/// Longest part of the parser's words that an error repeats.
constexpr std::size_t kLongestWords = 500;

/// Runs `parser -r -W file` in `dir`. Value: its output when it failed.
Result<std::string> run_parser(const ApparmorPlaces& places, const std::string& file) {
  const FileDescriptor output = CAISSON_TRY(sys::memfd("output", "", false));
  std::vector<std::string> words{places.parser, "-r", "-W", places.profiles + "/" + file};
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const std::unique_ptr<posix_spawn_file_actions_t, int (*)(posix_spawn_file_actions_t*)> owner(
      &actions, ::posix_spawn_file_actions_destroy);
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO})
    ::posix_spawn_file_actions_adddup2(&actions, output.get(), stream);
  pid_t child = -1;
  if (const int failed = ::posix_spawn(&child, places.parser.c_str(), &actions, nullptr, arguments.data(), environ);
      failed != 0)
    return std::unexpected(Error(ErrorKind::system, fmt::format("'{}'", places.parser), failed));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return fail_errno("waitpid({})", places.parser);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::string();
  ::lseek(output.get(), 0, SEEK_SET);
  std::string said(text::trim(CAISSON_TRY(sys::read_all(output, "output"))));
  if (said.size() > kLongestWords) said.resize(kLongestWords);
  return WIFEXITED(status) ? fmt::format("exit status {} ({})", WEXITSTATUS(status), said)
                           : fmt::format("signal {} ({})", WTERMSIG(status), said);
}

Status set_label(FdView file, const std::string& label, const std::string& path) {
  // By /proc, because a symlink can be opened with O_PATH alone.
  if (::setxattr(sys::proc_path(file).c_str(), "security.selinux", label.c_str(), label.size() + 1, 0) == 0) return {};
  return fail_errno("setxattr('{}', security.selinux)", path);
}

Status relabel_below(FdView parent, const std::string& name, const std::string& label, const std::string& path) {
  const FileDescriptor file(::openat(parent.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!file) return fail_errno("open('{}')", path);
  CAISSON_TRY(set_label(file, label, path));
  if (!S_ISDIR(CAISSON_TRY(sys::stat_of(file, path)).st_mode)) return {};
  const int list = ::openat(file.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (list < 0) return fail_errno("open('{}')", path);
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(list), ::closedir);
  if (!dir) return fail_errno("fdopendir('{}')", path);
  while (const dirent* entry = ::readdir(dir.get())) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    CAISSON_TRY(relabel_below(file, entry->d_name, label, path + "/" + entry->d_name));
  }
  return {};
}

}  // namespace

bool apparmor_profile_is_loaded(const std::string& name, const ApparmorPlaces& places) {
  const auto text = sys::read_file(FdView::cwd(), places.loaded);
  if (!text) return false;
  for (const auto line : text::split(*text, '\n'))
    if (line.starts_with(name + " (")) return true;
  return false;
}

std::string why_no_apparmor(const std::string& profile, const ApparmorPlaces& places) {
  if (apparmor_profile_is_loaded(profile, places)) return {};
  if (::access(places.module.c_str(), F_OK) != 0)
    return fmt::format("this host's AppArmor cannot be spoken to, for '{}' is not there", places.module);
  if (const char* container = ::getenv("container"); container != nullptr && *container != '\0')
    return fmt::format("AppArmor is not ours in a container, as $container ('{}') says this is", container);
  if (::access(places.parser.c_str(), F_OK) != 0)
    return fmt::format("the kernel does not know the profile '{}', and there is no '{}' to load one", profile,
                       places.parser);
  return {};
}

namespace {

/// Makes the file with all of its text or, when there is one, leaves that: true when it was made.
Result<bool> make_profile(const std::string& dir, const std::string& file, const std::string& text) {
  CAISSON_TRY(sys::make_directories(dir, 0755));
  const std::string path = dir + "/" + file;
  // Without a name until it is whole: whoever finds half of it would take it for the administrator's.
  const FileDescriptor made = CAISSON_TRY(sys::open_at(FdView::cwd(), dir, O_WRONLY | O_TMPFILE, 0644));
  CAISSON_TRY(sys::write_all(made, text, path));
  if (::linkat(AT_FDCWD, sys::proc_path(made).c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) return true;
  if (errno == EEXIST) return false;
  return fail_errno("link('{}')", path);
}

}  // namespace

Status load_apparmor_profile(const std::string& file, const std::string& text, const ApparmorPlaces& places) {
  constexpr const char* kFailure = "Error loading docker apparmor profile";
  const bool made = CAISSON_TRY(make_profile(places.profiles, file, text), "{}", kFailure);
  const std::string fault = CAISSON_TRY(run_parser(places, file), "{}", kFailure);
  if (fault.empty()) return {};
  if (made) ::unlink((places.profiles + "/" + file).c_str());
  return fail(ErrorKind::system, "{}: {}", kFailure, fault);
}

bool selinux_is_enforcing() {
  const auto text = sys::read_file(FdView::cwd(), "/sys/fs/selinux/enforce");
  return text && text->starts_with('1');
}

SelinuxLabels selinux_container_labels(const std::string& etc) {
  // "KEY = VALUE" or "KEY=\"VALUE\"" on a line of its own: selinux_config(5), lxc_contexts.
  const auto value_of = [](const std::string& path, std::string_view key) -> std::string {
    const auto lines = sys::read_file(FdView::cwd(), path);
    if (!lines) return {};
    for (const auto line : text::split(*lines, '\n')) {
      const auto equals = line.find('=');
      if (equals == line.npos || text::trim(line.substr(0, equals)) != key) continue;
      auto value = text::trim(line.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      return std::string(value);
    }
    return {};
  };
  const std::string policy = value_of(etc + "/config", "SELINUXTYPE");
  const std::string file = etc + "/" + policy + "/contexts/lxc_contexts";
  const auto without_level = [](const std::string& label) {
    const auto parts = text::split(label, ':');
    return parts.size() < 3 ? std::string() : fmt::format("{}:{}:{}", parts[0], parts[1], parts[2]);
  };
  return {without_level(value_of(file, "process")), without_level(value_of(file, "file"))};
}

std::string selinux_label_of(const std::string& path) {
  char label[4096] = "";
  const ssize_t size = ::getxattr(path.c_str(), "security.selinux", label, sizeof label - 1);
  // The kernel counts a 0 at the end.
  return size <= 0 ? std::string() : std::string(label);
}

Result<std::string> random_level() {
  constexpr unsigned kCategories = 1024;
  for (;;) {
    std::uint16_t pair[2];
    if (::getrandom(pair, sizeof pair, 0) != sizeof pair) return fail_errno("getrandom");
    const unsigned a = pair[0] % kCategories, b = pair[1] % kCategories;
    if (a != b) return fmt::format("s0:c{},c{}", std::min(a, b), std::max(a, b));
  }
}

Status relabel(const std::string& path, const std::string& label) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  if (!real) return fail_errno("'{}'", path);
  const std::string_view resolved = real.get();
  if (resolved == "/" || resolved == "/usr" || resolved.starts_with("/usr/"))
    return fail(ErrorKind::config, "relabelling of {} is not allowed", resolved);
  return relabel_below(FdView::cwd(), real.get(), label, real.get());
}

}  // namespace caisson::nsinit
