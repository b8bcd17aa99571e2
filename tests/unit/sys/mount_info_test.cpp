// SPDX-License-Identifier: Apache-2.0
#include "sys/mount_info.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "sys/file.hpp"

using namespace caisson;

TEST_CASE("a mount is found in mountinfo by its id", "[sys][mounts]") {
  const char* text =
      "21 1 0:19 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
      "22 21 0:20 /a\\040b /x ro,nosuid,nodev,noexec - tmpfs none rw\n"
      "23 21 0:21 / /y rw,noatime,nodiratime shared:2 master:1 - fuse.sshfs u@h:/ rw\n";
  CHECK(sys::find_mount(text, 21) == sys::MountInfo{"ext4", 0});
  CHECK(sys::find_mount(text, 22) == sys::MountInfo{"tmpfs", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                                                 MOUNT_ATTR_NOEXEC | MOUNT_ATTR_STRICTATIME});
  CHECK(sys::find_mount(text, 23) == sys::MountInfo{"fuse.sshfs", MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODIRATIME});
  CHECK_FALSE(sys::find_mount(text, 2));
  CHECK_FALSE(sys::find_mount("22 21 0:20 / /x ro - \n22", 22));
}

TEST_CASE("the mount of /proc is procfs, and its root is a mount's root", "[sys][mounts]") {
  const auto proc = sys::open_at(FdView::cwd(), "/proc", O_PATH);
  REQUIRE(proc);
  const auto mount = sys::mount_of(*proc, ::getpid());
  REQUIRE(mount);
  CHECK(mount->type == "proc");
  CHECK(sys::is_mount_root(*proc).value_or(false));
  const auto below = sys::open_at(FdView::cwd(), "/proc/sys", O_PATH);
  REQUIRE(below);
  const auto same = sys::mount_of(*below, ::getpid());
  REQUIRE(same);
  CHECK(*same == *mount);
  CHECK_FALSE(sys::is_mount_root(*below).value_or(true));
}
