// SPDX-License-Identifier: Apache-2.0
#include "sys/file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

namespace sys = caisson::sys;
using caisson::FdView;
using caisson::FileDescriptor;

namespace {

// A directory of the test's own, opened, and removed at the end.
struct Place {
  Place() {
    std::string name = "/tmp/caisson-sys-XXXXXX";
    REQUIRE(::mkdtemp(name.data()));
    path = name;
    fd = FileDescriptor(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Place() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  void put(const std::string& name, const std::string& text) const { std::ofstream(path + "/" + name) << text; }
  std::size_t entries() const {
    std::error_code ignored;
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path, ignored), {}));
  }
  std::string path;
  FileDescriptor fd;
};

bool close_on_exec(FdView fd) { return (::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0; }

}  // namespace

TEST_CASE("every descriptor is close-on-exec", "[sys][file]") {
  Place place;
  place.put("f", "text");
  auto plain = sys::open_at(place.fd, "f", O_RDONLY);
  auto in_root = sys::open_at(place.fd, "/f", O_PATH, 0, RESOLVE_IN_ROOT);
  auto memory = sys::memfd("test", "x", false);
  REQUIRE(plain);
  REQUIRE(in_root);
  REQUIRE(memory);
  CHECK(close_on_exec(*plain));
  CHECK(close_on_exec(*in_root));
  CHECK(close_on_exec(*memory));
}

TEST_CASE("opening what is not there", "[sys][file]") {
  Place place;
  auto missing = sys::open_at(place.fd, "absent", O_RDONLY);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().sys_errno() == ENOENT);
  CHECK(missing.error().message() == "open('absent'): No such file or directory");

  place.put("f", "");
  auto optional = sys::open_if_exists(place.fd, "absent", O_RDONLY);
  REQUIRE(optional);
  CHECK_FALSE(*optional);
  auto through_file = sys::open_if_exists(place.fd, "f/x", O_RDONLY);
  REQUIRE(through_file);
  CHECK_FALSE(*through_file);
  CHECK(sys::try_open(place.fd, "f", O_RDONLY | O_DIRECTORY, 0, 0) == -ENOTDIR);
}

TEST_CASE("RESOLVE_IN_ROOT keeps symlinks inside", "[sys][file]") {
  Place place;
  place.put("passwd", "ours");
  REQUIRE(::symlinkat("/passwd", place.fd.get(), "absolute") == 0);
  REQUIRE(::symlinkat("../../../../passwd", place.fd.get(), "upwards") == 0);
  for (const char* name : {"absolute", "upwards"}) {
    auto fd = sys::open_at(place.fd, name, O_RDONLY, 0, RESOLVE_IN_ROOT);
    REQUIRE(fd);
    CHECK(sys::read_all(*fd, name).value() == "ours");
  }
  CHECK(sys::open_at(place.fd, "absolute", O_RDONLY, 0, RESOLVE_NO_SYMLINKS).error().sys_errno() == ELOOP);
}

TEST_CASE("whole files", "[sys][file]") {
  Place place;
  const std::string big(100000, 'b');
  place.put("big", big);
  CHECK(sys::read_file(place.fd, "big").value() == big);
  place.put("empty", "");
  CHECK(sys::read_file(place.fd, "empty").value().empty());
  CHECK(sys::read_file(FdView::cwd(), "/proc/self/stat").value().size() > 10);
  CHECK(sys::read_file(place.fd, ".").error().sys_errno() == EISDIR);
}

TEST_CASE("writing never creates and never truncates", "[sys][file]") {
  Place place;
  CHECK(sys::write_file(place.fd, "absent", "x").error().sys_errno() == ENOENT);
  place.put("f", "12345");
  REQUIRE(sys::write_file(place.fd, "f", "ab"));
  CHECK(sys::read_file(place.fd, "f").value() == "ab345");
  auto refused = sys::write_file(FdView::cwd(), "/proc/self/oom_score_adj", "banana");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message() == "write 'banana' to '/proc/self/oom_score_adj': Invalid argument");
}

TEST_CASE("a file is replaced at once or not at all", "[sys][file]") {
  Place place;
  REQUIRE(sys::replace_file(place.fd, "state.json", "one", 0600));
  REQUIRE(sys::replace_file(place.fd, "state.json", "two", 0600));
  CHECK(sys::read_file(place.fd, "state.json").value() == "two");
  CHECK(place.entries() == 1);

  REQUIRE(sys::make_directory(place.fd, "dir", 0755).value());
  auto refused = sys::replace_file(place.fd, "dir", "x", 0600);
  REQUIRE_FALSE(refused);
  CHECK(place.entries() == 2);
}

TEST_CASE("directories", "[sys][file]") {
  Place place;
  CHECK(sys::make_directory(place.fd, "d", 0755).value());
  CHECK_FALSE(sys::make_directory(place.fd, "d", 0755).value());
  CHECK(sys::make_directory(place.fd, "a/b", 0755).error().sys_errno() == ENOENT);
  REQUIRE(sys::make_directories(place.path + "/a/b/c", 0755));
  REQUIRE(sys::make_directories(place.path + "/a/b/c", 0755));
  CHECK(sys::open_directory(place.fd, "a/b/c"));
  place.put("f", "");
  CHECK_FALSE(sys::make_directories(place.path + "/f/x", 0755));
  REQUIRE(sys::remove_file(place.fd, "f"));
  REQUIRE(sys::remove_file(place.fd, "f"));
  CHECK_FALSE(sys::remove_file(place.fd, "d"));
}

TEST_CASE("a sealed memfd cannot be changed", "[sys][file]") {
  auto sealed = sys::memfd("config", "text", true);
  REQUIRE(sealed);
  CHECK(sys::read_all(*sealed, "memfd").value() == "text");
  CHECK(::write(sealed->get(), "x", 1) == -1);
  CHECK(::ftruncate(sealed->get(), 0) == -1);
  CHECK(::fcntl(sealed->get(), F_ADD_SEALS, F_SEAL_WRITE) == -1);
  auto open = sys::memfd("scratch", "text", false);
  REQUIRE(open);
  CHECK(::ftruncate(open->get(), 0) == 0);
}

TEST_CASE("a file of ours that is none is refused, and nothing waits for it", "[sys][file]") {
  Place place;
  place.put("state", "text");
  CHECK(sys::read_own_file(place.fd, "state").value() == "text");
  place.put("empty", "");
  CHECK(sys::read_own_file(place.fd, "empty").value().empty());
  place.put("long", std::string(100'000, 'x'));
  CHECK(sys::read_own_file(place.fd, "long").value().size() == 100'000);
  REQUIRE(::mkfifo((place.path + "/fifo").c_str(), 0600) == 0);
  REQUIRE(::symlink("state", (place.path + "/link").c_str()) == 0);
  REQUIRE(sys::make_directory(place.fd, "dir", 0755));
  place.put("sparse", "x");
  REQUIRE(::truncate((place.path + "/sparse").c_str(), 20LL << 30) == 0);
  for (const char* name : {"fifo", "link", "dir", "sparse", "/dev/zero", "/dev/null"}) {
    CAPTURE(name);
    CHECK_FALSE(sys::read_own_file(place.fd, name));
  }
}

TEST_CASE("a file is replaced through a name that cannot have been taken", "[sys][file]") {
  Place place;
  const std::string guess = place.path + "/.pid." + std::to_string(::getpid());
  REQUIRE(::mkfifo(guess.c_str(), 0600) == 0);
  REQUIRE(sys::replace_file(place.fd, "pid", "1", 0600));
  REQUIRE(sys::replace_file(place.fd, "pid", "2", 0600));
  CHECK(sys::read_own_file(place.fd, "pid").value() == "2");
  CHECK(place.entries() == 2);
  REQUIRE(sys::replace_file(place.fd, std::string(250, 'n'), "3", 0600));
}

TEST_CASE("what a descriptor is", "[sys][file]") {
  FileDescriptor proc = sys::open_directory(FdView::cwd(), "/proc").value();
  CHECK(sys::filesystem_magic(proc, "/proc").value() == PROC_SUPER_MAGIC);
  CHECK(S_ISDIR(sys::stat_of(proc, "/proc").value().st_mode));
  CHECK(sys::proc_path(proc) == "/proc/self/fd/" + std::to_string(proc.get()));
  CHECK_FALSE(sys::stat_of(FdView::of(-1), "nothing"));
}
