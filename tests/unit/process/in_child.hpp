// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace caisson::test {

/// Runs `body` in a forked child and says what it returned: a text, "" when all was well. A child that a signal ends
/// makes "signal N". Effects on the process stay in the child.
template <class F>
std::string in_child(F body) {
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "pipe2";
  const pid_t child = ::fork();
  if (child == 0) {
    // An exception must not carry the child into the rest of the tests.
    const std::string text = [&]() noexcept -> std::string { return body(); }();
    if (::write(ends[1], text.data(), text.size()) < 0) ::_exit(1);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t size; (size = ::read(ends[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(size));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return text;
}

/// "" or the error's text.
template <class T>
std::string text_of(const Result<T>& result) {
  return result ? std::string() : result.error().message();
}

/// What `step` failed with, or else what `look` sees afterwards.
template <class T, class F>
std::string then(const Result<T>& step, F look) {
  return step ? std::string(look()) : step.error().message();
}

/// A value of /proc/self/status, "0022" for "Umask".
inline std::string status_of(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name + ":"))
      return line.substr(std::min(line.find_first_not_of(" \t", name.size() + 1), line.size()));
  return {};
}

inline std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void write_text(const std::string& path, const std::string& text, mode_t mode = 0644) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), mode);
}

/// A directory that goes when the test ends.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = "/tmp/caisson-unit-XXXXXX";
    if (::mkdtemp(name.data())) path_ = name;
    ::chmod(name.c_str(), 0755);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    if (path_.empty()) return;
    const std::string command = "rm -rf --one-file-system '" + path_ + "'";
    if (std::system(command.c_str()) != 0) WARN("could not remove " << path_);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace caisson::test

/// Leaves a test that needs root, with its reason.
#define CAISSON_NEEDS_ROOT()     \
  if (::geteuid() != 0) {        \
    WARN("skipped: needs root"); \
    return;                      \
  }
