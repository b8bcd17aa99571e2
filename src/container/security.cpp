// SPDX-License-Identifier: Apache-2.0
#include "container/security.hpp"

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

namespace caisson::container {

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

Status load_apparmor_profile(const std::string& file, const std::string& text, const ApparmorPlaces& places) {
  const std::string path = places.profiles + "/" + file;
  constexpr const char* kFailure = "Error loading docker apparmor profile";
  const FileDescriptor made(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!made && errno != EEXIST) return std::unexpected(fail_errno("open('{}')", path).error().with(kFailure));
  if (made) CAISSON_TRY(sys::write_all(made, text, path), "{}", kFailure);
  const std::string fault = CAISSON_TRY(run_parser(places, file), "{}", kFailure);
  if (fault.empty()) return {};
  if (made) ::unlink(path.c_str());
  return fail(ErrorKind::system, "{}: {}", kFailure, fault);
}

bool selinux_is_enforcing() {
  const auto text = sys::read_file(FdView::cwd(), "/sys/fs/selinux/enforce");
  return text && text->starts_with('1');
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
  for (const char* kept : {"/", "/usr"})
    if (std::strcmp(real.get(), kept) == 0)
      return fail(ErrorKind::config, "relabelling of {} is not allowed", real.get());
  return relabel_below(FdView::cwd(), real.get(), label, real.get());
}

}  // namespace caisson::container
