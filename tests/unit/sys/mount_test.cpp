// SPDX-License-Identifier: Apache-2.0
#include "sys/mount.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include <catch2/catch.hpp>

#include "sys/file.hpp"

namespace sys = caisson::sys;
using caisson::FdView;
using caisson::FileDescriptor;
using caisson::Status;

namespace {

// Runs `body` in a child with a private mount namespace and gives its text.
template <class F>
std::string in_namespace(F body) {
  std::array<int, 2> ends;
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string text = "no mount namespace";
    if (::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) text = body();
    (void)!::write(ends[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t n; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(n));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return text;
}

template <class T>
std::string text_of(const caisson::Result<T>& result) {
  return result ? "ok" : result.error().message();
}

}  // namespace

#define CAISSON_NEEDS_ROOT()     \
  if (::geteuid() != 0) {        \
    WARN("skipped: needs root"); \
    return;                      \
  }

TEST_CASE("a file system from context to place", "[sys][mount]") {
  CAISSON_NEEDS_ROOT();
  const std::string text = in_namespace([]() -> std::string {
    auto run = []() -> caisson::Result<std::string> {
      FileDescriptor context = CAISSON_TRY(sys::open_filesystem("tmpfs"));
      CAISSON_TRY(sys::set_option(context, "size", "64k"));
      CAISSON_TRY(sys::set_option(context, "ro"));
      CAISSON_TRY(sys::create_filesystem(context));
      FileDescriptor tree = CAISSON_TRY(sys::mount_filesystem(context, MOUNT_ATTR_NOEXEC));
      FileDescriptor place = CAISSON_TRY(sys::open_directory(FdView::cwd(), "/tmp"));
      CAISSON_TRY(sys::move_mount(tree, place));
      CAISSON_TRY(sys::set_attributes(tree, {.set = MOUNT_ATTR_NODEV, .clear = MOUNT_ATTR_NOEXEC}));
      FileDescriptor again = CAISSON_TRY(sys::pick_filesystem(tree));
      CAISSON_TRY(sys::set_option(again, "rw"));
      CAISSON_TRY(sys::reconfigure_filesystem(again));
      std::string out = ::mkdir("/tmp/x", 0755) == 0 ? "writable" : "read-only";
      FileDescriptor copy = CAISSON_TRY(sys::open_tree(tree, "", sys::TreeCopy::single));
      CAISSON_TRY(sys::unmount("/tmp", MNT_DETACH));
      CAISSON_TRY(sys::move_mount(copy, FdView::cwd(), "/tmp"));
      out += ::access("/tmp/x", F_OK) == 0 ? ", copied" : ", lost";
      return out;
    }();
    return run ? *run : run.error().message();
  });
  CHECK(text == "writable, copied");
}

TEST_CASE("refusals say what the kernel has against it", "[sys][mount]") {
  CAISSON_NEEDS_ROOT();
  const std::string text = in_namespace([]() -> std::string {
    auto context = sys::open_filesystem("tmpfs");
    if (!context) return context.error().message();
    std::string out = text_of(sys::set_option(*context, "size", "banana")) + "\n";
    out += text_of(sys::set_option(*context, "nonsense")) + "\n";
    out += text_of(sys::open_filesystem("nosuchfs")) + "\n";
    out += text_of(sys::open_tree(FdView::cwd(), "/absent", sys::TreeCopy::recursive)) + "\n";
    out += text_of(sys::set_attributes("/usr/bin", {.set = MOUNT_ATTR_RDONLY, .recursive = true})) + "\n";
    out += text_of(sys::unmount("/usr/bin", 0)) + "\n";
    out += text_of(sys::classic_mount("", "/tmp", "tmpfs", 0, "size=banana")) + "\n";
    return out + text_of(sys::pivot_root("/usr", "/usr"));
  });
  CHECK(text ==
        "tmpfs: Bad value for 'size': fsconfig(size=banana): Invalid argument\n"
        "tmpfs: Unknown parameter 'nonsense': fsconfig(nonsense): Invalid argument\n"
        "fsopen('nosuchfs'): No such device\n"
        "open_tree('/absent'): No such file or directory\n"
        "mount_setattr('/usr/bin', set=0x1, clear=0x0, propagation=0x0, recursive): Invalid argument\n"
        "umount2('/usr/bin'): Invalid argument\n"
        "mount('none', type 'tmpfs', data 'size=banana'): Invalid argument\n"
        "pivot_root(/usr, /usr): Device or resource busy");
}

TEST_CASE("an option value longer than the kernel takes fails", "[sys][mount]") {
  CAISSON_NEEDS_ROOT();
  const std::string text = in_namespace([]() -> std::string {
    auto context = sys::open_filesystem("tmpfs");
    if (!context) return context.error().message();
    return text_of(sys::set_option(*context, "source", std::string(sys::kOptionLimit, 'x'))) + "," +
           (sys::set_option(*context, "source", std::string(sys::kOptionLimit + 1, 'x')) ? "taken" : "refused");
  });
  CHECK(text == "ok,refused");
}
