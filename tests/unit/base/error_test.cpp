// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <catch2/catch.hpp>

using namespace caisson;

namespace {

Status fail_inside() {
  errno = ENOENT;
  return fail_errno("openat2('{}')", "/x");
}

Result<int> pass_on(bool good) {
  if (!good) CAISSON_TRY(fail_inside(), "mount '{}'", "/tmp");
  return 7;
}

}  // namespace

TEST_CASE("an error says context, what, why and where in one line", "[base][error]") {
  const auto failure = pass_on(false);
  REQUIRE_FALSE(failure);
  CHECK(failure.error().kind() == ErrorKind::system);
  CHECK(failure.error().sys_errno() == ENOENT);
  const auto error = Error(failure.error()).with("create c1").at("/mounts/0").at("/mounts");
  CHECK(error.message() == "create c1: mount '/tmp': openat2('/x'): No such file or directory [config: /mounts/0]");
  CHECK(Error(ErrorKind::config, "two\nlines").message() == "two lines");
}

TEST_CASE("an error's message never carries control characters", "[base][error]") {
  const auto error = Error(ErrorKind::config,
                           "'\x1b]0;title\a' \x7f \xc2\x9b"
                           "2J caf\xc3\xa9 \x9b")
                         .with("hook\r\x08")
                         .at("/a\tb");
  CHECK(error.message() == R"(hook \u0008: '\u001b]0;title\u0007' \u007f \u009b2J caf)"
                           "\xc3\xa9"
                           R"( \x9b [config: /a\tb])");
}

TEST_CASE("a value passes through CAISSON_TRY", "[base][error]") {
  const auto twice = []() -> Result<int> { return 2 * CAISSON_TRY(pass_on(true)); };
  CHECK(twice() == 14);
}
