// SPDX-License-Identifier: Apache-2.0
#include "plan/mount_options.hpp"
#include "plan/mount_id_map.hpp"

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

TEST_CASE("options of fstab that are for programs alone", "[plan][mounts]") {
  const auto flags =
      read({"bind", "x-systemd.automount", "x-gvfs-show", "X-mount.mkdir", "_netdev", "nofail", "noauto", "auto"});
  CHECK(flags.data.empty());
  CHECK(flags.bind);
}

TEST_CASE("a mapping in the option itself, as podman writes it", "[plan][mounts][idmap]") {
  const auto flags = read({"bind", "ridmap=uids=0-1-10;gids=@5-0-1"});
  CHECK(flags.map == plan::MapScope::recursive);
  CHECK(flags.map_value == "uids=0-1-10;gids=@5-0-1");
  CHECK(flags.map_pointer == "/mounts/2/options/1");
  CHECK(read({"idmap=uids=0-1-10", "idmap"}).map_value.empty());
  auto result = plan::read_options({"bind", "idmap="}, "/mounts/2");
  REQUIRE_FALSE(result);
  CHECK(result.error().pointer() == "/mounts/2/options/1");
}

TEST_CASE("values of idmap=, absolute and relative to the container", "[plan][mounts][idmap]") {
  caisson::config::Linux os;
  os.uid_mappings = {{0, 100000, 1000}, {1000, 500, 1}, {1001, 200000, 10}};
  os.gid_mappings = {{0, 300000, 65536}};
  const std::string same = "0 0 4294967295\n";
  struct {
    const char* value;
    std::string uids, gids;
  } const table[] = {
      {"uids=0-1-10;gids=5-6-1", "0 1 10\n", "5 6 1\n"},
      {"gids=@7-8-9;uids=0-1-10#10-11-10", "0 1 10\n10 11 10\n", "7 300008 9\n"},
      {"uids=@1000-0-1#20-30-1", "1000 100000 1\n20 30 1\n", same},
      {"uids=@0-999-4", "0 100999 1\n1 500 1\n2 200000 2\n", same},
      {"gids=0-0-4294967295", same, same},
  };
  for (const auto& row : table) {
    INFO(row.value);
    const auto texts = plan::read_id_map(row.value, os, "/p");
    REQUIRE(texts);
    CHECK(texts->uids == row.uids);
    CHECK(texts->gids == row.gids);
  }
  for (const char* value : {"", "x", "uids=", "uids=1", "uids=1-2", "uids=1-2-0", "uids=1-2-3-4", "uids=a-2-3",
                            "uids=1-2-3#", "uids=1-2-3;uids=4-5-6", "uids=@0-1011-1", "uids=@0-1005-100",
                            "uids=4294967295-0-1", "uids=0-4294967290-10", "uids=1-2-3;x=1-2-3"}) {
    INFO(value);
    const auto texts = plan::read_id_map(value, os, "/mounts/2/options/1");
    REQUIRE_FALSE(texts);
    CHECK(texts.error().pointer() == "/mounts/2/options/1");
  }
  // Without a user namespace the container's ids are the host's.
  CHECK(plan::read_id_map("uids=@7-8-9", {}, "/p")->uids == "7 8 9\n");
}

TEST_CASE("the names are sorted and told once", "[plan][mounts]") {
  const auto names = plan::mount_option_names();
  CHECK(std::ranges::is_sorted(names));
  CHECK(std::ranges::adjacent_find(names) == names.end());
  for (const char* name : {"bind", "rbind", "ro", "rro", "rnosymfollow", "idmap", "ridmap", "tmpcopyup", "rslave",
                           "iversion", "nolazytime", "loud", "remount"})
    CHECK(std::ranges::find(names, name) != names.end());
}
