// SPDX-License-Identifier: Apache-2.0
#include "selfexe/swap_image.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "support/skip.hpp"
#include "sys/file.hpp"

using namespace caisson;

namespace {

int variable = 1;

/// Another file with our own program in it.
FileDescriptor copy_of_self() {
  const FileDescriptor self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  struct stat info {};
  REQUIRE(::fstat(self.get(), &info) == 0);
  FileDescriptor copy(::memfd_create("other", MFD_CLOEXEC));
  for (off_t done = 0; done < info.st_size;)
    REQUIRE(::sendfile(copy.get(), self.get(), &done, static_cast<std::size_t>(info.st_size - done)) > 0);
  REQUIRE(::fchmod(copy.get(), 0555) == 0);
  const std::string path = sys::proc_path(copy);
  return FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

std::string link_of(const char* path) {
  char text[4096];
  const ssize_t size = ::readlink(path, text, sizeof text);
  return {text, static_cast<std::size_t>(size < 0 ? 0 : size)};
}

/// 0, or the number of what is wrong.
int go_on_in(FdView file) {
  const std::string before = link_of("/proc/self/exe");
  variable = 2;
  std::string heap(100, 'x');
  if (!selfexe::replace_own_image(file)) return 1;
  if (!link_of("/proc/self/exe").starts_with("/memfd:other")) return 2;
  const auto maps = sys::read_file(FdView::cwd(), "/proc/self/maps");
  if (!maps || maps->find(before) != std::string::npos) return 3;
  if (variable != 2 || heap != std::string(100, 'x')) return 4;
  variable = 3;
  const auto line = sys::read_file(FdView::cwd(), "/proc/self/cmdline");
  if (!line || *line != std::string("caisson\0init\0", 13)) return 5;
  const auto environment = sys::read_file(FdView::cwd(), "/proc/self/environ");
  if (!environment || !environment->empty()) return 6;
  selfexe::show_own_arguments();
  const auto shown = sys::read_file(FdView::cwd(), "/proc/self/cmdline");
  if (!shown || !shown->starts_with(program_invocation_name) || shown->find("caisson\0init") != std::string::npos)
    return 8;
  // The heap goes on growing where it was.
  std::string large(3'000'000, 'y');
  return large[2'999'999] == 'y' && variable == 3 ? 0 : 7;
}

}  // namespace

TEST_CASE("a process goes on in another file of its own program", "[sys]") {
  if (::geteuid() != 0) CAISSON_SKIP("root is needed");
  if (!selfexe::can_replace_image()) CAISSON_SKIP("the kernel has no PR_SET_MM_MAP");
  const FileDescriptor copy = copy_of_self();
  REQUIRE(copy);
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(go_on_in(copy));
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a file that is no program is refused, and the process goes on", "[sys]") {
  if (::geteuid() != 0) CAISSON_SKIP("root is needed");
  if (!selfexe::can_replace_image()) CAISSON_SKIP("the kernel has no PR_SET_MM_MAP");
  const pid_t pid = ::fork();
  if (pid == 0) {
    // No file at all: the first mapping fails, and nothing has changed.
    const std::string before = link_of("/proc/self/exe");
    const bool refused = !selfexe::replace_own_image(FdView::of(-1));
    ::_exit(refused && link_of("/proc/self/exe") == before ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
