// SPDX-License-Identifier: Apache-2.0
#include "cli/root.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

using namespace caisson;
using namespace caisson::cli;

namespace {

/// An environment variable for the time of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old, had_ = true;
    if (value)
      ::setenv(name, value, 1);
    else
      ::unsetenv(name);
  }
  ~Variable() {
    if (had_)
      ::setenv(name_, old_.c_str(), 1);
    else
      ::unsetenv(name_);
  }
  Variable(const Variable&) = delete;

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

bool in_first_user_namespace() {
  struct stat status {};
  return ::stat("/proc/self/ns/user", &status) == 0 && status.st_ino == 0xEFFFFFFD;
}

}  // namespace

TEST_CASE("the runtime root becomes absolute and plain", "[cli][root]") {
  struct Row {
    const char* given;
    const char* clean;
  };
  const Row rows[] = {{"/run/x", "/run/x"},   {"/run/x/", "/run/x"},     {"//run///x", "/run/x"},
                      {"/run/./x", "/run/x"}, {"/run/y/../x", "/run/x"}, {"/../run", "/run"},
                      {"/a/b/../../c", "/c"}, {"/run/x y", "/run/x y"}};
  for (const auto& row : rows) {
    INFO(row.given);
    CHECK(absolute_root(row.given) == std::string(row.clean));
  }
  char* const here = ::getcwd(nullptr, 0);
  REQUIRE(here);
  CHECK(absolute_root("x") == std::string(here) + "/x");
  CHECK(absolute_root("./x/.") == std::string(here) + "/x");
  std::free(here);
}

TEST_CASE("the root of all is no runtime root", "[cli][root]") {
  for (const char* given : {"/", "//", "/.", "/..", "/run/.."}) {
    INFO(given);
    const auto root = absolute_root(given);
    REQUIRE_FALSE(root);
    CHECK(root.error().message() == "--root '" + std::string(given) + "': / cannot be the runtime root");
  }
  CHECK_FALSE(absolute_root(""));
}

TEST_CASE("the default root", "[cli][root]") {
  {
    Variable none("XDG_RUNTIME_DIR", nullptr);
    CHECK(find_default_root().path == "/run/caisson");
    CHECK_FALSE(find_default_root().of_user);
  }
  {
    Variable empty("XDG_RUNTIME_DIR", "");
    CHECK(find_default_root().path == "/run/caisson");
  }
  Variable dir("XDG_RUNTIME_DIR", "/run/user/7");
  if (::geteuid() != 0) {
    CHECK(find_default_root().path == "/run/user/7/caisson");
    CHECK(find_default_root().of_user);
    return;
  }
  Variable root("USER", "root");
  CHECK(find_default_root().path == "/run/caisson");
  Variable somebody("USER", "somebody");
  CHECK(find_default_root().path == (in_first_user_namespace() ? "/run/caisson" : "/run/user/7/caisson"));
}

TEST_CASE("the user's own root is private and sticky", "[cli][root]") {
  char base[] = "/tmp/caisson-unit-root-XXXXXX";
  REQUIRE(::mkdtemp(base));
  const std::string path = std::string(base) + "/caisson";
  CHECK(make_user_root(path));
  struct stat status {};
  CHECK(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 01700);
  CHECK(make_user_root(path));
  const auto below_nothing = make_user_root(std::string(base) + "/no/such");
  ::rmdir(path.c_str());
  ::rmdir(base);
  REQUIRE_FALSE(below_nothing);
  CHECK(below_nothing.error().sys_errno() == ENOENT);
}
