// SPDX-License-Identifier: Apache-2.0
#include "program.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/fd.hpp"
#include "cli/app.hpp"

using caisson::FileDescriptor;

namespace {

/// Keeps what is written to a standard descriptor.
class Capture {
 public:
  explicit Capture(int fd) : fd_(fd), saved_(::dup(fd)), kept_(::memfd_create("capture", MFD_CLOEXEC)) {
    std::fflush(nullptr);
    ::dup2(kept_.get(), fd_);
  }
  ~Capture() { ::dup2(saved_.get(), fd_); }
  Capture(const Capture&) = delete;

  std::string text() const {
    std::string whole;
    char chunk[4096];
    off_t at = 0;
    for (ssize_t got = 0; (got = ::pread(kept_.get(), chunk, sizeof chunk, at)) > 0; at += got)
      whole.append(chunk, static_cast<std::size_t>(got));
    return whole;
  }

 private:
  int fd_;
  FileDescriptor saved_;
  FileDescriptor kept_;
};

}  // namespace

Outcome call(std::vector<std::string> words) {
  std::string name = "caisson";
  std::vector<char*> argv{name.data()};
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  Outcome outcome;
  Capture out(STDOUT_FILENO);
  Capture err(STDERR_FILENO);
  outcome.code = caisson::cli::run(static_cast<int>(argv.size()) - 1, argv.data());
  outcome.out = out.text();
  outcome.err = err.text();
  return outcome;
}

TemporaryDirectory::TemporaryDirectory() {
  char name[] = "/tmp/caisson-unit-cli-XXXXXX";
  path_ = ::mkdtemp(name);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void TemporaryDirectory::write(const std::string& name, const std::string& text) const {
  std::FILE* file = std::fopen(path(name).c_str(), "we");
  std::fwrite(text.data(), 1, text.size(), file);
  std::fclose(file);
}

std::string read_text(const std::string& path) {
  std::string text;
  if (std::FILE* file = std::fopen(path.c_str(), "re")) {
    char chunk[4096];
    for (std::size_t got = 0; (got = std::fread(chunk, 1, sizeof chunk, file)) > 0;) text.append(chunk, got);
    std::fclose(file);
  }
  return text;
}
