// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/fd.hpp"

using namespace caisson;

namespace {

/// A file in memory as the log, put back to standard error afterwards.
class Capture {
 public:
  Capture(log::Format format, log::Level least) : file_(::memfd_create("log", MFD_CLOEXEC)) {
    log::adopt(file_.get(), format, least);
  }
  ~Capture() { log::adopt(STDERR_FILENO, log::Format::text, log::Level::warning); }
  std::string text() const {
    char buffer[4096];
    const auto got = ::pread(file_.get(), buffer, sizeof buffer, 0);
    return std::string(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
  }

 private:
  FileDescriptor file_;
};

/// The text with each time of the form 2026-01-02T15:04:05Z replaced by T.
std::string without_time(std::string text) {
  const std::string_view form = "0000-00-00T00:00:00Z";
  for (std::size_t i = 0; i + form.size() <= text.size(); ++i) {
    bool same = true;
    for (std::size_t j = 0; j < form.size() && same; ++j)
      same = form[j] == '0' ? text[i + j] >= '0' && text[i + j] <= '9' : text[i + j] == form[j];
    if (same) text.replace(i, form.size(), "T");
  }
  return text;
}

}  // namespace

TEST_CASE("JSON records are one object a line", "[base][log]") {
  const Capture capture(log::Format::json, log::Level::debug);
  log::debug("a {}", 1);
  log::warn("say \"{}\"", "b\n");
  log::error("c");
  CHECK(without_time(capture.text()) ==
        "{\"level\":\"debug\",\"msg\":\"a 1\",\"time\":\"T\"}\n"
        "{\"level\":\"warning\",\"msg\":\"say \\\"b\\n\\\"\",\"time\":\"T\"}\n"
        "{\"level\":\"error\",\"msg\":\"c\",\"time\":\"T\"}\n");
}

TEST_CASE("text records and the least level", "[base][log]") {
  const Capture capture(log::Format::text, log::Level::info);
  log::debug("dropped");
  log::info("kept");
  CHECK(without_time(capture.text()) == "time=\"T\" level=info msg=\"kept\"\n");
  CHECK(log::level() == log::Level::info);
  CHECK(log::format() == log::Format::text);
  CHECK(log::is_file());
}

TEST_CASE("errno survives a record", "[base][log]") {
  const Capture capture(log::Format::text, log::Level::debug);
  errno = EBUSY;
  log::info("x");
  CHECK(errno == EBUSY);
}

TEST_CASE("the log file is appended to, private to its owner's writing", "[base][log]") {
  char directory[] = "/tmp/caisson-log-XXXXXX";
  REQUIRE(::mkdtemp(directory));
  const auto path = std::string(directory) + "/log";
  const auto mask = ::umask(022);
  for (int round = 0; round < 2; ++round) {
    REQUIRE(log::open(path, log::Format::json, log::Level::info));
    log::info("round {}", round);
    const int fd = log::descriptor();
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    log::adopt(STDERR_FILENO, log::Format::text, log::Level::warning);
    ::close(fd);
  }
  ::umask(mask);
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0644);
  CHECK(facts.st_size > 80);
  const auto missing = log::open(std::string(directory) + "/none/log", log::Format::json, log::Level::info);
  ::unlink(path.c_str());
  ::rmdir(directory);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message().starts_with("open log '"));
  CHECK_FALSE(log::is_file());
}
