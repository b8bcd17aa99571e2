// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "nsinit/host_lsm.hpp"
#include "support/skip.hpp"

using namespace caisson;

namespace {

std::string label_of(const std::string& path) {
  char text[256] = "";
  const ssize_t size = ::lgetxattr(path.c_str(), "security.selinux", text, sizeof text - 1);
  return size <= 0 ? "" : std::string(text);
}

}  // namespace

TEST_CASE("relabel gives a label to a tree, and to nothing outside it", "[container][selinux]") {
  char pattern[] = "/tmp/caisson-relabel-XXXXXX";
  REQUIRE(::mkdtemp(pattern) != nullptr);
  const std::string dir = pattern;
  std::filesystem::create_directories(dir + "/tree/sub");
  REQUIRE(::mknod((dir + "/tree/sub/file").c_str(), S_IFREG | 0600, 0) == 0);
  REQUIRE(::mknod((dir + "/outside").c_str(), S_IFREG | 0600, 0) == 0);
  REQUIRE(::symlink("../outside", (dir + "/tree/link").c_str()) == 0);
  const std::string label = "system_u:object_r:svirt_sandbox_file_t:s0:c1,c2";
  const auto done = nsinit::relabel(dir + "/tree", label);
  const bool denied = !done && (done.error().sys_errno() == EPERM || done.error().sys_errno() == ENOTSUP);
  if (done) {
    for (const char* path : {"/tree", "/tree/sub", "/tree/sub/file", "/tree/link"}) {
      INFO(path);
      CHECK(label_of(dir + path) == label);
    }
    CHECK(label_of(dir + "/outside").empty());
  }
  std::filesystem::remove_all(dir);
  if (denied) CAISSON_SKIP("setting security.selinux is not permitted here");
  INFO((done ? std::string() : done.error().message()));
  CHECK(done);
  CHECK(nsinit::relabel("/usr/bin/..", label).error().message() == "relabelling of /usr is not allowed");
  CHECK(nsinit::relabel("/usr/share", label).error().message() == "relabelling of /usr/share is not allowed");
  CHECK(nsinit::relabel("/", label).error().message() == "relabelling of / is not allowed");
  CHECK_FALSE(nsinit::relabel("/nowhere", label));
}
