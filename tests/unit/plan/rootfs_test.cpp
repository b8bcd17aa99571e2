// SPDX-License-Identifier: Apache-2.0
#include "plan/rootfs.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "plan/rootfs_mounts.hpp"

namespace plan = caisson::plan;
namespace config = caisson::config;

namespace {

constexpr std::uint64_t kAll = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

struct Case {
  config::Spec spec;
  plan::HostFacts facts;
  plan::NamespacePlan namespaces;
  plan::RootfsOptions options{.bundle = "/bundle"};

  Case() {
    spec.root = config::Root{.path = "rootfs"};
    spec.linux.emplace();
    namespaces.create = kAll;
  }
  Case& mount(config::Mount mount) {
    spec.mounts.push_back(std::move(mount));
    return *this;
  }
  Case& user_namespace() {
    namespaces.create |= CLONE_NEWUSER;
    namespaces.uid_map = namespaces.gid_map = "0 100000 65536\n";
    return *this;
  }
  caisson::Result<plan::RootfsPlan> make() const { return plan::make_rootfs(spec, facts, namespaces, options); }
  plan::RootfsPlan made() const {
    auto result = make();
    if (!result) FAIL(result.error().message());
    return *result;
  }
  std::string refused() const {
    auto result = make();
    REQUIRE_FALSE(result);
    return result.error().message();
  }
  // The lines of describe() that begin with `word`.
  std::string lines(const std::string& word) const {
    std::string out;
    const std::string text = plan::describe(made());
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      if (text.compare(at, word.size(), word) == 0) out += text.substr(at, end - at + 1);
      at = end + 1;
    }
    return out;
  }
};

}  // namespace

TEST_CASE("paths are cleaned without looking", "[plan][rootfs]") {
  CHECK(plan::clean_path("/a/../b//c/./") == "/b/c");
  CHECK(plan::clean_path("a/b") == "/a/b");
  CHECK(plan::clean_path("/../../x") == "/x");
  CHECK(plan::clean_path("/") == "/");
  CHECK(plan::clean_path("") == "/");
  CHECK(plan::is_within("/proc/sys", "/proc"));
  CHECK_FALSE(plan::is_within("/process", "/proc"));
  CHECK(plan::is_within("/x", "/"));
}

TEST_CASE("the usual bundle, as text", "[plan][rootfs]") {
  Case c;
  c.mount({"/proc", "proc", "proc", {}, {}, {}})
      .mount({"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}, {}, {}})
      .mount({"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}, {}, {}});
  c.spec.root->readonly = true;
  c.spec.linux->masked_paths = {"/proc/kcore", "/proc//kcore", "/sys/firmware"};
  c.spec.linux->readonly_paths = {"/proc/sys"};
  CHECK(
      plan::describe(c.made()) ==
      "rootfs /bundle/rootfs\n"
      "propagation host=rslave tree=rprivate root=\n"
      "mount /proc: new proc 'proc' ordinary-directory  [/mounts/0]\n"
      "mount /dev: new tmpfs 'tmpfs' mode=755 size=65536k +nosuid -noatime +strictatime ordinary-directory  [/mounts/1]\n"
      "mount /sys: new sysfs 'sysfs' +ro +nosuid +nodev +noexec ordinary-directory  [/mounts/2]\n"
      "device /dev/null: c 1:3 0666 0:0\n"
      "device /dev/zero: c 1:5 0666 0:0\n"
      "device /dev/full: c 1:7 0666 0:0\n"
      "device /dev/random: c 1:8 0666 0:0\n"
      "device /dev/urandom: c 1:9 0666 0:0\n"
      "device /dev/tty: c 5:0 0666 0:0\n"
      "link /dev/fd -> /proc/self/fd\n"
      "link /dev/stdin -> /proc/self/fd/0\n"
      "link /dev/stdout -> /proc/self/fd/1\n"
      "link /dev/stderr -> /proc/self/fd/2\n"
      "link /dev/ptmx -> pts/ptmx replace\n"
      "link /dev/core -> /proc/kcore if there\n"
      "readonly /\n"
      "readonly /proc/sys  [/linux/readonlyPaths/0]\n"
      "mask /proc/kcore  [/linux/maskedPaths/0]\n"
      "mask /sys/firmware  [/linux/maskedPaths/2]\n");
  CHECK(c.made().private_dev);
}

TEST_CASE("where the rootfs is", "[plan][rootfs]") {
  Case c;
  CHECK(c.made().rootfs == "/bundle/rootfs");
  c.spec.root->path = "/srv/x";
  CHECK(c.made().rootfs == "/srv/x");
  c.spec.root->path = "/srv/..";
  CHECK(c.refused().find("/root/path") != std::string::npos);
  c.spec.root.reset();
  CHECK(c.refused().find("[config: /root]") != std::string::npos);
}

TEST_CASE("rw and rrw of a bind take back an earlier ro and clear nothing of the source", "[plan][rootfs]") {
  struct {
    std::vector<std::string> options;
    const char* text;
  } const table[] = {
      {{"bind", "rw"}, ""},
      {{"rbind", "rrw"}, ""},
      {{"bind", "ro", "rw"}, ""},
      {{"rbind", "ro", "rrw"}, ""},
      {{"bind", "rw", "ro"}, " +ro"},
      {{"rbind", "rrw", "rro"}, " +rro"},
      {{"rbind", "rro", "rw"}, " +rro"},
      {{"bind", "rw", "suid", "dev", "exec"}, " -nosuid -nodev -noexec"},
  };
  for (const auto& row : table) {
    const std::string kind = row.options.front();
    CHECK(Case().mount({"/x", "", "/s", row.options, {}, {}}).lines("mount") ==
          "mount /x: " + kind + " '/s'" + row.text + "  [/mounts/0]\n");
  }
}

TEST_CASE("destinations that are refused", "[plan][rootfs]") {
  struct {
    config::Mount mount;
    const char* text;
  } const table[] = {
      {{"/", "tmpfs", "tmpfs", {}, {}, {}}, "mountpoint '/' is on the top of rootfs"},
      {{"/a/..", "tmpfs", "tmpfs", {}, {}, {}}, "mountpoint '/' is on the top of rootfs"},
      {{"/proc", "tmpfs", "tmpfs", {}, {}, {}}, "'/proc' cannot be mounted because it is not of type proc"},
      {{"/proc/self/attr", "", "/x", {"bind"}, {}, {}},
       "'/proc/self/attr' cannot be mounted because it is inside /proc"},
      {{"/x/../proc/net/dev", "", "/x", {"bind"}, {}, {}},
       "'/proc/net/dev' cannot be mounted because it is inside /proc"},
      {{"/x", "", "", {"bind"}, {}, {}}, "bind mount source is empty"},
      {{"/x", "", "/y", {"bind", "size=1"}, {}, {}}, "bind mounts cannot have any filesystem-specific options applied"},
      {{"/x", "", "/y", {"rbind", "sync"}, {}, {}}, "mount option 'sync' cannot be applied to a bind mount"},
      {{"/x", "", "/y", {"ro"}, {}, {}}, "mount has neither a type nor the option bind"},
      {{"/x", "ext4", "/y", {"idmap"}, {}, {}}, "id-mapped mounts are only supported for bind-mounts"},
      {{"/x", "proc", "/y", {"tmpcopyup"}, {}, {}}, "tmpcopyup is only supported for tmpfs mounts"},
      {{"/x", "", "/y", {"bind", "idmap"}, {}, {}}, "needs a container with a user namespace"},
      {{"/x", "", "/y", {"bind"}, {{0, 1, 1}}, {}}, "need both uidMappings and gidMappings"},
  };
  for (const auto& row : table) {
    const std::string text = Case().mount(row.mount).refused();
    INFO(text);
    CHECK(text.find(row.text) != std::string::npos);
    CHECK(text.find("[config: /mounts/0") != std::string::npos);
  }
}

TEST_CASE("a destination that begins with the host's path of the rootfs", "[plan][rootfs]") {
  Case c;
  c.mount({"/bundle/rootfs/data", "tmpfs", "tmpfs", {}, {}, {}}).mount({"/bundle/rootfs2", "tmpfs", "t", {}, {}, {}});
  CHECK(c.lines("mount") ==
        "mount /data: new tmpfs 'tmpfs' inherit-mode  [/mounts/0]\n"
        "mount /bundle/rootfs2: new tmpfs 't' inherit-mode  [/mounts/1]\n");
  for (const char* top : {"/bundle/rootfs", "/bundle//./rootfs/"})
    CHECK(Case().mount({top, "tmpfs", "tmpfs", {}, {}, {}}).refused().find("is on the top of rootfs") !=
          std::string::npos);
  CHECK(Case().mount({"/bundle/rootfs/proc/self", "", "/x", {"bind"}, {}, {}}).refused().find("inside /proc") !=
        std::string::npos);
}

TEST_CASE("single files of /proc may be covered", "[plan][rootfs]") {
  Case c;
  c.mount({"/proc/cpuinfo", "", "/var/lib/lxcfs/proc/cpuinfo", {"bind"}, {}, {}});
  CHECK(c.lines("mount") == "mount /proc/cpuinfo: bind '/var/lib/lxcfs/proc/cpuinfo'  [/mounts/0]\n");
}

TEST_CASE("a tmpfs that is to be read-only, and /dev, become so late", "[plan][rootfs]") {
  Case c;
  c.mount({"/run", "tmpfs", "tmpfs", {"ro", "nosuid"}, {}, {}}).mount({"/dev", "devtmpfs", "dev", {"ro"}, {}, {}});
  CHECK(c.lines("mount") ==
        "mount /run: new tmpfs 'tmpfs' inherit-mode +nosuid  [/mounts/0]\n"
        "mount /dev: new devtmpfs 'dev' ordinary-directory  [/mounts/1]\n");
  CHECK(c.lines("late-readonly") == "late-readonly /run  [/mounts/0]\nlate-readonly /dev  [/mounts/1]\n");
}

TEST_CASE("a read-only file system of its own is told so itself", "[plan][rootfs]") {
  Case c;
  c.mount({"/data", "ext4", "/dev/sda1", {"ro", "sync", "lazytime"}, {}, {}});
  CHECK(c.lines("mount") == "mount /data: new ext4 '/dev/sda1' +sync +lazytime ro-superblock +ro  [/mounts/0]\n");
}

TEST_CASE("rootfsPropagation", "[plan][rootfs]") {
  const config::Mount bind{"/x", "", "src", {"rbind"}, {}, {}};
  const config::Mount shared{"/y", "", "/y", {"rbind", "rshared"}, {}, {}};
  struct {
    const char* name;
    const char* propagation;
    const char* bind;
    const char* bind_beside_shared;
  } const table[] = {
      {"", "host=rslave tree=rprivate root=", "", ""},
      {"rslave", "host=rslave tree=rslave+private root=", "", ""},
      {"private", "host=rprivate tree=rprivate root=", "", " rprivate"},
      {"shared", "host= tree=rprivate root=shared", " rslave", " rslave"},
      {"rshared", "host= tree=rprivate root=rshared", " rslave", " rslave"},
      {"runbindable", "host=rslave tree=rprivate root=runbindable", "", ""},
  };
  for (const auto& row : table) {
    INFO(row.name);
    Case c;
    c.spec.linux->rootfs_propagation = row.name;
    c.mount(bind);
    CHECK(c.lines("propagation") == std::string("propagation ") + row.propagation + "\n");
    CHECK(c.lines("mount /x") == std::string("mount /x: rbind '/bundle/src'") + row.bind + "  [/mounts/0]\n");
    c.mount(shared);
    CHECK(c.lines("mount /x") ==
          std::string("mount /x: rbind '/bundle/src'") + row.bind_beside_shared + "  [/mounts/0]\n");
  }
  Case c;
  c.spec.linux->rootfs_propagation = "ro";
  CHECK(c.refused() == "rootfsPropagation=ro is not supported [config: /linux/rootfsPropagation]");
  c.spec.linux->rootfs_propagation = "rprivate";
  c.options.no_pivot = true;
  CHECK(c.refused().find("rootfsPropagation of [r]private is not safe without pivot_root") != std::string::npos);
}

TEST_CASE("a user namespace gets its trees from the runtime", "[plan][rootfs]") {
  Case c;
  c.user_namespace().mount({"/x", "", "/src", {"bind", "ro"}, {}, {}});
  CHECK(c.lines("rootfs") == "rootfs /bundle/rootfs prepared\n");
  CHECK(c.lines("propagation") == "propagation host=rslave tree=rprivate root=\n");
  CHECK(c.lines("mount") == "mount /x: bind '/src' prepared +ro rslave  [/mounts/0]\n");
  CHECK(c.lines("device /dev/null") == "device /dev/null: c 1:3 0666 0:0 bind\n");

  c.facts.privileged = false;
  c.facts.euid = 1000;
  CHECK(c.lines("rootfs") == "rootfs /bundle/rootfs\n");
  CHECK(c.lines("mount") == "mount /x: bind '/src' +ro  [/mounts/0]\n");
}

TEST_CASE("id-mapped binds", "[plan][rootfs]") {
  Case c;
  c.mount({"/x", "", "/src", {"bind", "ridmap"}, {{0, 5, 10}, {20, 30, 1}}, {{0, 6, 10}}});
  CHECK(c.lines("mount") == "mount /x: bind '/src' prepared ridmap[0 5 10,20 30 1][0 6 10] rslave  [/mounts/0]\n");

  Case option;
  option.user_namespace().mount({"/x", "", "/src", {"bind", "idmap=uids=@1000-0-1;gids=5-6-7"}, {}, {}});
  option.spec.linux->uid_mappings = option.spec.linux->gid_mappings = {{0, 100000, 65536}};
  option.mount({"/t", "tmpfs", "tmpfs", {"idmap", "mode=755"}, {}, {}});
  CHECK(option.lines("mount") ==
        "mount /x: bind '/src' prepared idmap[1000 100000 1][5 6 7] rslave  [/mounts/0]\n"
        "mount /t: new tmpfs 'tmpfs' mode=755 prepared idmap[0 100000 65536][0 100000 65536]  [/mounts/1]\n");
  option.mount({"/y", "", "/src", {"bind", "idmap=uids=0-1-1"}, {{0, 1, 1}}, {{0, 1, 1}}});
  CHECK(option.refused().find("[config: /mounts/2/options/1]") != std::string::npos);

  Case own;
  own.user_namespace().mount({"/x", "", "/src", {"bind", "idmap"}, {}, {}});
  CHECK(own.lines("mount") ==
        "mount /x: bind '/src' prepared idmap[0 100000 65536][0 100000 65536] rslave  [/mounts/0]\n");
  own.facts.euid = 1000;
  CHECK(own.refused().find("id-mapped mounts are not supported for rootless containers") != std::string::npos);

  Case joined;
  joined.namespaces.join.push_back({CLONE_NEWUSER, "/proc/7/ns/user", "/linux/namespaces/0/path"});
  joined.mount({"/x", "", "/src", {"bind", "idmap"}, {}, {}});
  CHECK(joined.lines("mount") == "mount /x: bind '/src' prepared idmap=/proc/7/ns/user rslave  [/mounts/0]\n");
}

TEST_CASE("the caller's proc and sysfs stand in where the kernel may refuse new ones", "[plan][rootfs]") {
  const config::Mount proc{"/proc", "proc", "proc", {}, {}, {}};
  const config::Mount sys{"/sys", "sysfs", "sysfs", {"ro"}, {}, {}};
  const std::string fallbacks =
      "mount /proc: new proc 'proc' else-rbind '/proc' must-be-proc ordinary-directory  [/mounts/0]\n"
      "mount /sys: new sysfs 'sysfs' else-rbind '/sys' cover-cgroups +ro ordinary-directory  [/mounts/1]\n";
  CHECK(Case().mount(proc).mount(sys).lines("mount").find("else") == std::string::npos);
  CHECK(Case().user_namespace().mount(proc).mount(sys).lines("mount") == fallbacks);
  Case nested;
  nested.facts.in_user_namespace = true;
  CHECK(nested.mount(proc).mount(sys).lines("mount") == fallbacks);
  CHECK(nested.lines("mask").empty());
  nested.options.cgroups = {{{"memory"}, "/sys/fs/cgroup", "/sys/fs/cgroup/c1", true}};
  nested.mount({"/sys/fs/cgroup", "cgroup", "cgroup", {"ro"}, {}, {}});
  CHECK(nested.lines("mount /sys:").find("cover-cgroups") == std::string::npos);
}

TEST_CASE("file systems of joined namespaces are made before a user namespace is entered", "[plan][rootfs]") {
  struct {
    const char* type;
    std::uint64_t kind;
  } const table[] = {{"mqueue", CLONE_NEWIPC}, {"proc", CLONE_NEWPID}, {"sysfs", CLONE_NEWNET}};
  for (const auto& row : table) {
    INFO(row.type);
    Case c;
    c.mount({"/x", row.type, row.type, {}, {}, {}});
    c.namespaces.create &= ~row.kind;
    c.namespaces.join.push_back({row.kind, "/proc/7/ns/x", "/linux/namespaces/0/path"});
    CHECK(c.lines("mount").find("before-user-namespace") == std::string::npos);
    c.user_namespace();
    CHECK(c.lines("mount").find("before-user-namespace") != std::string::npos);
    // The caller's processes are not those of the joined namespace.
    if (row.kind == CLONE_NEWPID) CHECK(c.lines("mount").find("else") == std::string::npos);
    c.facts.privileged = false;
    CHECK(c.lines("mount").find("before-user-namespace") == std::string::npos);
  }
}

TEST_CASE("a source below the rootfs is found in the container", "[plan][rootfs]") {
  Case c;
  c.user_namespace()
      .mount({"/a", "tmpfs", "tmpfs", {}, {}, {}})
      .mount({"/b", "", "/bundle/rootfs/a/x", {"bind"}, {}, {}})
      .mount({"/c", "", "rootfs//y/../z", {"rbind", "idmap"}, {}, {}})
      .mount({"/d", "", "rootfs", {"rbind", "idmap"}, {}, {}});
  CHECK(c.lines("mount /b") == "mount /b: bind '/bundle/rootfs/a/x' inside=/a/x  [/mounts/1]\n");
  CHECK(c.lines("mount /c") ==
        "mount /c: rbind '/bundle/rootfs//y/../z' inside=/z prepared idmap[0 100000 65536][0 100000 65536] rslave  "
        "[/mounts/2]\n");
  CHECK(c.lines("mount /d") ==
        "mount /d: rbind '/bundle/rootfs' inside=/ prepared idmap[0 100000 65536][0 100000 65536] late rslave  "
        "[/mounts/3]\n");
}

TEST_CASE("the host's cgroups do not come along with its /sys", "[plan][rootfs]") {
  Case c;
  c.facts.euid = 1000;
  c.facts.privileged = false;
  c.user_namespace().mount({"/sys", "", "/sys", {"rbind", "ro"}, {}, {}});
  CHECK(c.lines("mask") == "mask /sys/fs/cgroup  [/mounts/0]\n");
  c.options.cgroups = {{{"memory"}, "/sys/fs/cgroup", "/sys/fs/cgroup/c1", true}};
  c.mount({"/sys/fs/cgroup", "cgroup", "cgroup", {"ro"}, {}, {}});
  CHECK(c.lines("mask").empty());
}

TEST_CASE("what a remount cannot say is refused", "[plan][rootfs]") {
  for (const char* option : {"iversion", "noiversion"})
    CHECK(Case().mount({"/tmp", "", "", {"remount", option}, {}, {}}).refused() ==
          std::string("mount option '") + option + "' cannot be changed by a remount [config: /mounts/0/options]");
}

TEST_CASE("cgroup mounts", "[plan][rootfs]") {
  Case c;
  c.mount({"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "ro"}, {}, {}});
  CHECK(c.lines("mount") ==
        "mount /sys/fs/cgroup: rbind '/sys/fs/cgroup' +rro +rnosuid +rnodev +rnoexec  [/mounts/0]\n");

  c.facts.cgroup_flavour = plan::CgroupFlavour::hybrid;
  c.options.cgroups = {{{"cpu", "cpuacct"}, "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/c1", false},
                       {{"name=systemd"}, "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/systemd/c1", false},
                       {{}, "/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified/c1", true}};
  CHECK(c.lines("cgroups") == "cgroups /sys/fs/cgroup: bind +ro +nosuid +nodev +noexec  [/mounts/0]\n");
  CHECK(c.lines("  cpu") == "  cpu,cpuacct: /sys/fs/cgroup/cpu,cpuacct/c1 link cpu link cpuacct\n");
  c.namespaces.create |= CLONE_NEWCGROUP;
  CHECK(c.lines("cgroups") == "cgroups /sys/fs/cgroup: fresh +ro +nosuid +nodev +noexec  [/mounts/0]\n");
  CHECK(c.lines("  systemd") == "  systemd: cgroup name=systemd\n");
  CHECK(c.lines("  unified") == "  unified: cgroup2\n");

  c.facts.cgroup_flavour = plan::CgroupFlavour::v2;
  c.options.cgroups = {{{"memory"}, "/sys/fs/cgroup", "/sys/fs/cgroup/c1", true}};
  CHECK(c.lines("mount") ==
        "mount /sys/fs/cgroup: new cgroup2 'cgroup' else-bind '/sys/fs/cgroup/c1' +ro +nosuid +nodev +noexec "
        "after-cgroups  [/mounts/0]\n");
  c.namespaces.create &= ~std::uint64_t{CLONE_NEWCGROUP};
  CHECK(c.lines("mount") ==
        "mount /sys/fs/cgroup: bind '/sys/fs/cgroup' +ro +nosuid +nodev +noexec after-cgroups  [/mounts/0]\n");
}

TEST_CASE("devices", "[plan][rootfs]") {
  Case c;
  c.spec.linux->devices = {
      {config::DeviceType::c, "/dev/null", 1, 3, 0600, 7, 8},
      {config::DeviceType::p, "/dev/pipe", {}, {}, {}, {}, {}},
      {config::DeviceType::b, "/x//disk", 8, 0, S_IFBLK | 0640, {}, {}},
  };
  CHECK(c.lines("device /dev/null") == "device /dev/null: c 1:3 0600 7:8  [/linux/devices/0]\n");
  CHECK(c.lines("device /dev/pipe") == "device /dev/pipe: p 0:0 0666 0:0  [/linux/devices/1]\n");
  CHECK(c.lines("device /x/disk") == "device /x/disk: b 8:0 0640 0:0  [/linux/devices/2]\n");
  CHECK_FALSE(c.made().private_dev);

  SECTION("nothing is made in a /dev of the host") {
    c.mount({"/dev", "", "/dev", {"rbind"}, {}, {}});
    CHECK(c.lines("device") == "device /x/disk: b 8:0 0640 0:0  [/linux/devices/2]\n");
    CHECK(c.lines("link").empty());
  }
  SECTION("a number is missing") {
    c.spec.linux->devices[2].minor.reset();
    CHECK(c.refused().find("[config: /linux/devices/2/minor]") != std::string::npos);
  }
  SECTION("/dev/ptmx is the link to the container's own, whatever the config adds") {
    c.spec.linux->devices = {{config::DeviceType::c, "/dev/ptmx", 5, 2, 0666, 0, 5}};
    CHECK(c.lines("device /dev/ptmx").empty());
    CHECK(c.lines("link /dev/ptmx") == "link /dev/ptmx -> pts/ptmx replace\n");
    c.spec.linux->devices[0].minor = 3;
    CHECK(c.refused().find("[config: /linux/devices/0/path]") != std::string::npos);
    c.spec.linux->devices.clear();
    c.mount({"/dev/ptmx", "", "/dev/ptmx", {"bind"}, {}, {}});
    CHECK(c.lines("link /dev/ptmx").empty());
  }
  SECTION("ids that are not mapped become ids of the host that the container has not") {
    c.user_namespace();
    c.spec.linux->uid_mappings = {{0, 100000, 65536}, {65536, 4294900000, 67295}};
    c.spec.linux->gid_mappings = {{0, 100000, 65536}};
    c.spec.linux->devices = {{config::DeviceType::c, "/dev/mine", 1, 3, 0600, 200000, 70000}};
    const plan::RootfsPlan made = c.made();
    CHECK(made.devices.back().host_uid == 4294899999);
    CHECK(made.devices.back().host_gid == 4294967294);
    CHECK(made.notes ==
          std::vector<std::string>{"device '/dev/mine': uid 200000 is not mapped, the container sees the overflow id",
                                   "device '/dev/mine': gid 70000 is not mapped, the container sees the overflow id"});
  }
  SECTION("the root is no device") {
    c.spec.linux->devices[2].path = "/x/..";
    CHECK(c.refused().find("[config: /linux/devices/2/path]") != std::string::npos);
  }
}

TEST_CASE("without a mount namespace nothing is mounted", "[plan][rootfs]") {
  Case c;
  c.namespaces.create = CLONE_NEWPID;
  CHECK(c.lines("rootfs") == "rootfs /bundle/rootfs chroot\n");
  c.spec.root->readonly = true;
  CHECK(c.refused().find("[config: /root/readonly]") != std::string::npos);
  c.mount({"/proc", "proc", "proc", {}, {}, {}});
  CHECK(c.refused().find("[config: /mounts]") != std::string::npos);
}

TEST_CASE("SELinux labels for mounts", "[plan][rootfs]") {
  Case c;
  c.spec.linux->mount_label = "a:b:c:s0";
  CHECK(c.refused().find("[config: /linux/mountLabel]") != std::string::npos);
  c.facts.selinux = true;
  c.mount({"/a", "tmpfs", "tmpfs", {"mode=1"}, {}, {}})
      .mount({"/proc", "proc", "proc", {}, {}, {}})
      .mount({"/q", "mqueue", "mqueue", {}, {}, {}});
  CHECK(c.lines("mount") ==
        "mount /a: new tmpfs 'tmpfs' mode=1 context=a:b:c:s0  [/mounts/0]\n"
        "mount /proc: new proc 'proc' ordinary-directory  [/mounts/1]\n"
        "mount /q: new mqueue 'mqueue' label=a:b:c:s0  [/mounts/2]\n");
}
