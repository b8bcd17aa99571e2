// SPDX-License-Identifier: Apache-2.0
#include "plan/users.hpp"

#include <catch2/catch.hpp>

using namespace caisson;
using plan::FoundUser;

namespace {

constexpr const char* kPasswd =
    "# a comment\n"
    "root:x:0:0:root:/root:/bin/sh\n"
    "\n"
    "daemon:x:2:3:daemon:/sbin:/bin/false\n"
    "second:x:2:9::/home/second:/bin/sh\n"
    "short:x:7\n"
    "broken:x:many:3::/:/bin/sh\n"
    "far:x:2147483648:0::/:/bin/sh\n"
    "1234:x:55:56::/numbers:/bin/sh\n";
constexpr const char* kGroup =
    "root:x:0:root\n"
    "adm:x:4:root, daemon\n"
    "daemon:x:3:\n"
    "wheel:x:10:daemon,root\n"
    "bad:x:ten:daemon\n";

FoundUser found(const char* wanted) {
  auto user = plan::find_user(wanted, kPasswd, kGroup, 0, 0);
  INFO((user ? std::string() : user.error().message()));
  REQUIRE(user);
  return *user;
}

std::string fault(const char* wanted) {
  auto user = plan::find_user(wanted, kPasswd, kGroup, 0, 0);
  REQUIRE_FALSE(user);
  return user.error().message();
}

}  // namespace

TEST_CASE("users are found by name and number in the container's files", "[plan][users]") {
  CHECK(found("") == FoundUser{0, 0, {0, 4, 10}, "/root"});
  CHECK(found("daemon") == FoundUser{2, 3, {4, 10}, "/sbin"});
  CHECK(found("2") == FoundUser{2, 3, {4, 10}, "/sbin"});
  CHECK(found("second") == FoundUser{2, 9, {}, "/home/second"});
  CHECK(found("99") == FoundUser{99, 0, {}, "/"});
  CHECK(found("short") == FoundUser{7, 0, {}, "/"});
  // A name of digits is a name first.
  CHECK(found("1234") == FoundUser{55, 56, {}, "/numbers"});
}

TEST_CASE("a group that is named is the only one", "[plan][users]") {
  CHECK(found("daemon:adm") == FoundUser{2, 4, {}, "/sbin"});
  CHECK(found("daemon:10") == FoundUser{2, 10, {}, "/sbin"});
  CHECK(found("99:77") == FoundUser{99, 77, {}, "/"});
  CHECK(found("99:wheel") == FoundUser{99, 10, {}, "/"});
  CHECK(found("daemon:") == FoundUser{2, 3, {4, 10}, "/sbin"});
}

TEST_CASE("users that are not there and ids that cannot be", "[plan][users]") {
  CHECK(fault("nobody") == "Unable to find user nobody");
  CHECK(fault("broken") == "Unable to find user broken");
  CHECK(fault("daemon:staff") == "Unable to find group staff");
  CHECK(fault("daemon:bad") == "Unable to find group bad");
  for (const char* wanted : {"far", "2147483648", "-1", "99:2147483648", "99:-1", "99999999999999999999"}) {
    INFO(wanted);
    CHECK(fault(wanted) == "Uids and gids must be in range 0-2147483647");
  }
}

TEST_CASE("without files, numbers alone are users", "[plan][users]") {
  const auto own = plan::find_user("", "", "", 1000, 1001);
  REQUIRE(own);
  CHECK(*own == FoundUser{1000, 1001, {}, "/"});
  CHECK(plan::find_user("5:6", "", "", 0, 0).value() == FoundUser{5, 6, {}, "/"});
  CHECK_FALSE(plan::find_user("root", "", "", 0, 0));
}
