// SPDX-License-Identifier: Apache-2.0
#include "process/console.hpp"

#include <signal.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "in_child.hpp"
#include "sys/tty.hpp"

namespace caisson::process {

namespace {

using test::in_child;

/// Runs `body` with an own mount namespace in which `directory` is the root and has a devpts.
template <class F>
std::string with_devpts(const std::string& directory, F body) {
  return in_child([&]() -> std::string {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return "unshare";
    const std::string pts = directory + "/dev/pts";
    ::mkdir((directory + "/dev").c_str(), 0755);
    ::mkdir(pts.c_str(), 0755);
    if (::mount("devpts", pts.c_str(), "devpts", 0, "newinstance,ptmxmode=0666,mode=0620") != 0) return "mount";
    if (::chroot(directory.c_str()) != 0 || ::chdir("/") != 0) return "chroot";
    return body();
  });
}

plan::IdentityPlan terminal_plan() {
  plan::IdentityPlan plan;
  plan.pointer = "/process";
  plan.uid = 1234;
  plan.terminal = true;
  plan.console_rows = 33;
  plan.console_columns = 99;
  return plan;
}

}  // namespace

TEST_CASE("a console has its size and its owner and becomes the terminal", "[process][console]") {
  CAISSON_NEEDS_ROOT();
  const test::TemporaryDirectory directory;
  CHECK(with_devpts(directory.path(), []() -> std::string {
          ::signal(SIGHUP, SIG_IGN);  // for the moment when the master is closed
          auto console = open_console(terminal_plan());
          if (!console) return console.error().message();
          struct stat status {};
          ::fstat(console->slave.get(), &status);
          const auto size = sys::window_size(console->slave);
          std::string text = fmt::format("{} {}x{} {} ", console->name, size->rows, size->columns, status.st_uid);
          if (auto done = take_console(console->slave); !done) return done.error().message();
          console->slave.reset();
          if (::tcgetpgrp(0) != ::getpgrp() || ::getsid(0) != ::getpid()) return "not the session's terminal";
          if (::write(1, "x\n", 2) != 2) return "write";
          std::array<char, 8> buffer{};
          const ssize_t size_read = ::read(console->master.get(), buffer.data(), buffer.size());
          text += fmt::format("{} {}", size_read, ::isatty(2));
          return text;
        }) == "/dev/pts/0 33x99 1234 3 1");
}

TEST_CASE("a console needs a devpts and nothing in its place", "[process][console]") {
  CAISSON_NEEDS_ROOT();
  const test::TemporaryDirectory directory;
  ::mkdir((directory / "dev").c_str(), 0755);
  ::mkdir((directory / "dev/pts").c_str(), 0755);
  const auto open_in = [&] {
    return in_child([&]() -> std::string {
      if (::chroot(directory.path().c_str()) != 0 || ::chdir("/") != 0) return "chroot";
      return test::text_of(open_console(terminal_plan()));
    });
  };
  ::mknod((directory / "dev/pts/ptmx").c_str(), S_IFCHR | 0666, makedev(5, 2));
  CHECK(open_in() == "/dev/pts is not a devpts [config: /process/terminal]");
  // A file mounted over the multiplexer.
  ::unlink((directory / "dev/pts/ptmx").c_str());
  CHECK(with_devpts(directory.path(), []() -> std::string {
          ::mkdir("/other", 0755);
          test::write_text("/other/file", "");
          if (::mount("/other/file", "/dev/pts/ptmx", nullptr, MS_BIND, nullptr) != 0) return "mount";
          return test::text_of(open_console(terminal_plan()));
        }).contains("Invalid cross-device link"));
}

TEST_CASE("raw mode ends with its owner, and newlines may be kept", "[sys][tty]") {
  CAISSON_NEEDS_ROOT();
  const test::TemporaryDirectory directory;
  CHECK(with_devpts(directory.path(), []() -> std::string {
          auto console = open_console(terminal_plan());
          if (!console) return console.error().message();
          const auto flags = [&] {
            termios mode{};
            ::tcgetattr(console->slave.get(), &mode);
            return std::pair(mode.c_lflag & ICANON, mode.c_oflag & ONLCR);
          };
          const auto before = flags();
          {
            auto raw = sys::RawMode::enter(console->slave);
            if (!raw || flags() == before || (flags().first & ICANON) != 0) return "not raw";
          }
          if (flags() != before) return "not restored";
          if (auto done = sys::keep_newlines(console->master); !done) return done.error().message();
          return flags().second == 0 ? "" : "still ONLCR";
        }) == "");
}

}  // namespace caisson::process
