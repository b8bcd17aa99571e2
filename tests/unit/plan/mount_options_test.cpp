// SPDX-License-Identifier: Apache-2.0
#include "plan/mount_options.hpp"

#include <sys/mount.h>

#include <algorithm>

#include <catch2/catch.hpp>

namespace plan = caisson::plan;

namespace {

plan::MountOptions read(const std::vector<std::string>& options) {
  auto result = plan::read_options(options, "/mounts/2");
  REQUIRE(result);
  return *result;
}

struct Attribute {
  const char* name;
  plan::MountAttributes attributes;
};

}  // namespace

TEST_CASE("later mount options win", "[plan][mounts]") {
  const auto flags = read({"ro", "nosuid", "rw", "size=64k"});
  CHECK(flags.attributes == plan::MountAttributes{.set = MOUNT_ATTR_NOSUID, .clear = MOUNT_ATTR_RDONLY});
  CHECK(flags.data == std::vector<std::string>{"size=64k"});
  CHECK_FALSE(flags.bind);

  CHECK(read({"rw", "ro"}).attributes == plan::MountAttributes{.set = MOUNT_ATTR_RDONLY});
  CHECK(read({"sync", "async"}).superblock_set == 0);
  CHECK(read({"sync", "async"}).superblock_clear == MS_SYNCHRONOUS);
}

TEST_CASE("each attribute option", "[plan][mounts]") {
  const Attribute table[] = {
      {"defaults", {}},
      {"ro", {MOUNT_ATTR_RDONLY, 0}},
      {"rw", {0, MOUNT_ATTR_RDONLY}},
      {"nosuid", {MOUNT_ATTR_NOSUID, 0}},
      {"suid", {0, MOUNT_ATTR_NOSUID}},
      {"nodev", {MOUNT_ATTR_NODEV, 0}},
      {"dev", {0, MOUNT_ATTR_NODEV}},
      {"noexec", {MOUNT_ATTR_NOEXEC, 0}},
      {"exec", {0, MOUNT_ATTR_NOEXEC}},
      {"nodiratime", {MOUNT_ATTR_NODIRATIME, 0}},
      {"diratime", {0, MOUNT_ATTR_NODIRATIME}},
      {"nosymfollow", {MOUNT_ATTR_NOSYMFOLLOW, 0}},
      {"symfollow", {0, MOUNT_ATTR_NOSYMFOLLOW}},
      // mount_setattr(2) takes an access time only together with the whole mask to clear.
      {"noatime", {MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME}},
      {"atime", {0, MOUNT_ATTR__ATIME}},
      {"relatime", {0, MOUNT_ATTR__ATIME}},
      {"norelatime", {0, MOUNT_ATTR__ATIME}},
      {"strictatime", {MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME}},
      {"nostrictatime", {0, MOUNT_ATTR__ATIME}},
  };
  for (const auto& row : table) {
    INFO(row.name);
    CHECK(read({row.name}).attributes == row.attributes);
    CHECK(read({row.name}).recursive.empty());
    if (std::string(row.name) == "defaults") continue;
    const auto recursive = read({std::string("r") + row.name});
    CHECK(recursive.recursive == row.attributes);
    CHECK(recursive.attributes.empty());
  }
}

TEST_CASE("the last access time option decides alone", "[plan][mounts]") {
  CHECK(read({"noatime", "strictatime"}).attributes ==
        plan::MountAttributes{MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME});
  CHECK(read({"rnoatime", "rrelatime"}).recursive == plan::MountAttributes{0, MOUNT_ATTR__ATIME});
}

TEST_CASE("propagation options keep their order", "[plan][mounts]") {
  const auto flags = read({"rprivate", "shared", "slave", "runbindable"});
  CHECK(flags.propagation == std::vector<plan::Propagation>{
                                 {MS_PRIVATE, true}, {MS_SHARED, false}, {MS_SLAVE, false}, {MS_UNBINDABLE, true}});
  CHECK(plan::name_of({MS_SHARED, true}) == "rshared");
  CHECK(plan::name_of({}).empty());
  CHECK(plan::propagation_of("unbindable") == plan::Propagation{MS_UNBINDABLE, false});
  CHECK(plan::propagation_of("ro").kind == 0);
}

TEST_CASE("bind, maps and extensions", "[plan][mounts]") {
  CHECK(read({"bind"}).bind);
  CHECK_FALSE(read({"bind"}).bind_recursive);
  CHECK(read({"rbind"}).bind);
  CHECK(read({"rbind"}).bind_recursive);
  CHECK(read({"idmap"}).map == plan::MapScope::top);
  CHECK(read({"ridmap"}).map == plan::MapScope::recursive);
  CHECK(read({"tmpcopyup"}).copy_up);
  CHECK(read({"copy-symlink"}).copy_symlink);
  CHECK(read({"src-nofollow"}).source_nofollow);
  CHECK(read({"dest-nofollow"}).dest_nofollow);
  CHECK(read({"remount"}).remount);
}

TEST_CASE("what the table does not know is for the file system, one option each", "[plan][mounts]") {
  CHECK(read({"mode=755,size=1m", "", "acl"}).data == std::vector<std::string>{"mode=755", "size=1m", "acl"});
  CHECK(read({R"(context="a:b:s0:c1,c2",uid=1)"}).data ==
        std::vector<std::string>{R"(context="a:b:s0:c1,c2")", "uid=1"});
  CHECK(read({R"(lowerdir=/a\,b:/c)"}).data == std::vector<std::string>{R"(lowerdir=/a\,b:/c)"});
}

TEST_CASE("a mapping in the option itself is refused by name", "[plan][mounts]") {
  auto result = plan::read_options({"bind", "idmap=uids=0-1-10"}, "/mounts/2");
  REQUIRE_FALSE(result);
  CHECK(result.error().pointer() == "/mounts/2/options/1");
}

TEST_CASE("the names are sorted and told once", "[plan][mounts]") {
  const auto names = plan::mount_option_names();
  CHECK(std::ranges::is_sorted(names));
  CHECK(std::ranges::adjacent_find(names) == names.end());
  for (const char* name : {"bind", "rbind", "ro", "rro", "rnosymfollow", "idmap", "ridmap", "tmpcopyup", "rslave",
                           "iversion", "nolazytime", "loud", "remount"})
    CHECK(std::ranges::find(names, name) != names.end());
}
