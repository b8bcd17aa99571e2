// SPDX-License-Identifier: Apache-2.0
#include "integration/support/mounts.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <sstream>

#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

/// A directory of the host with one file "inside" in it.
std::string host_dir(const World& world, const std::string& name, const std::string& text = "from the host\n") {
  const std::string dir = world.dir() + "/" + name;
  make_dirs(dir);
  spit(dir + "/inside", text);
  return dir;
}

/// Whether the file system of the directory can be mounted with ids of its own: tmpfs since Linux 6.3.
bool maps_ids(const std::string& dir) {
  constexpr long kTmpfs = 0x01021994;
  struct statfs info {};
  utsname system{};
  if (::statfs(dir.c_str(), &info) != 0 || info.f_type != kTmpfs || ::uname(&system) != 0) return true;
  int major = 0, minor = 0;
  std::istringstream release(system.release);
  release >> major;
  release.ignore(1);
  release >> minor;
  return std::pair(major, minor) >= std::pair(6, 3);
}

}  // namespace

TEST_CASE("the usual file systems are there with their options", "[mounts]") {
  World world;
  const Json report = world.report(world.bundle(), {"--stat", "/dev/shm", "--stat", "/dev/pts/ptmx"});
  CHECK(mount_at(report, "/proc").str("/type") == "proc");
  CHECK(mount_at(report, "/dev").str("/type") == "tmpfs");
  CHECK(has_option(mount_at(report, "/dev").str("/options"), "nosuid"));
  CHECK(has_option(mount_at(report, "/dev").str("/super"), "size=65536k"));
  CHECK(has_option(mount_at(report, "/dev").str("/super"), "mode=755"));
  CHECK(mount_at(report, "/dev/pts").str("/type") == "devpts");
  CHECK(has_option(mount_at(report, "/dev/pts").str("/super"), "ptmxmode=666"));
  CHECK(mount_at(report, "/dev/mqueue").str("/type") == "mqueue");
  CHECK(mount_at(report, "/sys").str("/type") == "sysfs");
  CHECK(has_option(mount_at(report, "/sys").str("/options"), "ro"));
  CHECK(report.num("/stat/~1dev~1shm/mode") == 01777);
}

TEST_CASE("flags of a mount, each on and off", "[mounts]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.mount("/on", "tmpfs", "tmpfs", {"ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"});
  bundle.mount("/off", "tmpfs", "tmpfs", {"ro", "nosuid", "nodev", "noexec", "rw", "suid", "dev", "exec", "relatime"});
  bundle.mount("/sync", "tmpfs", "tmpfs", {"sync", "dirsync", "strictatime", "size=64k", "mode=711"});
  const Json report = world.report(bundle, {"--try-create", "/on/x", "--try-create", "/off/x", "--stat", "/sync"});
  for (const char* option : {"ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"}) {
    INFO(option << " of " << mount_at(report, "/on").str("/options"));
    CHECK(has_option(mount_at(report, "/on").str("/options"), option));
  }
  CHECK(mount_at(report, "/off").str("/options") == "rw,relatime");
  CHECK(report.str("/create/~1on~1x") == "EROFS");
  CHECK(report.str("/create/~1off~1x") == "ok");
  CHECK(mount_at(report, "/sync").str("/options") == "rw");  // strictatime is the absence of both others
  CHECK(has_option(mount_at(report, "/sync").str("/super"), "sync"));
  CHECK(has_option(mount_at(report, "/sync").str("/super"), "dirsync"));
  CHECK(report.num("/stat/~1sync/mode") == 0711);
}

TEST_CASE("bind mounts: directories, files, relative sources, read-only", "[mounts][bind]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string dir = host_dir(world, "data");
  make_dirs(bundle.dir + "/near");
  spit(bundle.dir + "/near/inside", "beside the config\n");
  bundle.mount("/dir", "bind", dir, {"bind"});
  bundle.mount("/deep/er/file", "none", dir + "/inside", {"bind", "ro"});
  bundle.mount("/near", "", "near", {"rbind", "ro", "nosuid"});
  const Json report =
      world.report(bundle, {"--read", "/dir/inside", "--read", "/deep/er/file", "--read", "/near/inside",
                            "--try-create", "/dir/x", "--try-write", "/deep/er/file", "--stat", "/deep/er"});
  CHECK(report.str("/read/~1dir~1inside") == "from the host\n");
  CHECK(report.str("/read/~1deep~1er~1file") == "from the host\n");
  CHECK(report.str("/read/~1near~1inside") == "beside the config\n");
  CHECK(report.str("/create/~1dir~1x") == "ok");
  CHECK(report.str("/write/~1deep~1er~1file") == "EROFS");
  CHECK(report.num("/stat/~1deep~1er/mode") == 0755);
  struct stat info {};
  REQUIRE(::stat((bundle.rootfs + "/deep/er/file").c_str(), &info) == 0);
  CHECK(S_ISREG(info.st_mode));
}

TEST_CASE("rbind takes what is mounted below, bind does not", "[mounts][bind]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string dir = host_dir(world, "data");
  make_dirs(dir + "/sub");
  REQUIRE(::mount("tmpfs", (dir + "/sub").c_str(), "tmpfs", 0, nullptr) == 0);
  spit(dir + "/sub/deep", "deep\n");
  bundle.mount("/flat", "bind", dir, {"bind"}).mount("/full", "bind", dir, {"rbind"});
  bundle.mount("/ro", "bind", dir, {"rbind", "ro"}).mount("/rro", "bind", dir, {"rbind", "rro"});
  const Json report = world.report(bundle, {"--list", "/flat/sub", "--list", "/full/sub", "--try-create", "/ro/x",
                                            "--try-create", "/ro/sub/x", "--try-create", "/rro/sub/x"});
  CHECK(report.size("/list/~1flat~1sub") == 0);
  CHECK(report.size("/list/~1full~1sub") == 1);
  CHECK(report.str("/create/~1ro~1x") == "EROFS");
  CHECK(report.str("/create/~1ro~1sub~1x") == "ok");  // ro is of the top mount alone
  CHECK(report.str("/create/~1rro~1sub~1x") == "EROFS");
  ::umount2((dir + "/sub").c_str(), MNT_DETACH);
}

TEST_CASE("a bind mount keeps the locked flags of its source", "[mounts][bind]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string dir = host_dir(world, "data");
  REQUIRE(::mount("tmpfs", dir.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0);
  bundle.mount("/as-it-is", "bind", dir, {"bind"});
  const Json report = world.report(bundle);
  for (const char* option : {"nosuid", "nodev", "noexec"})
    CHECK(has_option(mount_at(report, "/as-it-is").str("/options"), option));
  ::umount2(dir.c_str(), MNT_DETACH);
}

TEST_CASE("a source that the host has mounted read-only is not opened by rw", "[mounts][bind]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string real = host_dir(world, "real");
  const std::string closed = world.dir() + "/closed";
  make_dirs(closed);
  REQUIRE(::chmod(real.c_str(), 0777) == 0);
  REQUIRE(::mount(real.c_str(), closed.c_str(), nullptr, MS_BIND, nullptr) == 0);
  REQUIRE(::mount(nullptr, closed.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, nullptr) == 0);
  bundle.mount("/rw", "bind", closed, {"rbind", "rprivate", "rw"});
  bundle.mount("/rrw", "bind", closed, {"bind", "rrw", "suid"});
  bool locked = false;
  SECTION("root's container") {}
  SECTION("with a user namespace") {
    const char* maps = R"([{"containerID":0,"hostID":100000,"size":65536}])";
    bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
    REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
  }
  SECTION("a user's container, to whom the flags are locked") {
    locked = true;
    const char* maps = R"([{"containerID":0,"hostID":4242,"size":1}])";
    bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
    bundle.remove("/linux/cgroupsPath").remove("/linux/resources");
    make_dirs(world.dir() + "/run");
    ::umount2(closed.c_str(), MNT_DETACH);
    world.give_to(4242);
    REQUIRE(::mount(real.c_str(), closed.c_str(), nullptr, MS_BIND, nullptr) == 0);
    REQUIRE(::mount(nullptr, closed.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, nullptr) == 0);
  }
  How how;
  if (locked) {
    how.uid = 4242;
    how.env = {"XDG_RUNTIME_DIR=" + world.dir() + "/run"};
    how.global_root = false;
  }
  bundle.probe({"--try-create", "/rw/x", "--try-create", "/rrw/x"});
  const std::string log = world.dir() + "/run.log";
  bundle.write();
  const Ran ran = world.call({"--debug", "--log", log, "run", "--bundle", bundle.dir, bundle.id}, how);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const Json report(ran.out);
  CHECK(report.str("/create/~1rw~1x") == "EROFS");
  CHECK(report.str("/create/~1rrw~1x") == "EROFS");
  CHECK(has_option(mount_at(report, "/rrw").str("/options"), "nosuid") == locked);
  CHECK(contains(slurp(log), "'suid' has no effect, 'nosuid' of the source is locked") == locked);
  ::umount2(closed.c_str(), MNT_DETACH);
  world.nothing_left();
}

TEST_CASE("mounts happen in the order of the list", "[mounts]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string dir = host_dir(world, "data");
  bundle.mount("/a", "tmpfs", "tmpfs", {}).mount("/a/b/c", "bind", dir, {"bind"});
  const Json report = world.report(bundle, {"--list", "/a/b/c"});
  CHECK(report.strings("/list/~1a~1b~1c") == std::vector<std::string>{"inside"});
}

TEST_CASE("propagation of a mount and of the root", "[mounts][propagation]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.mount("/private", "tmpfs", "tmpfs", {"private"}).mount("/shared", "tmpfs", "tmpfs", {"shared"});
  bundle.mount("/slave", "tmpfs", "tmpfs", {"shared", "slave"}).mount("/unbindable", "tmpfs", "tmpfs", {"unbindable"});
  SECTION("of mounts") {
    const Json report = world.report(bundle);
    CHECK(mount_at(report, "/private").str("/propagation").empty());
    CHECK(contains(mount_at(report, "/shared").str("/propagation"), "shared:"));
    CHECK(mount_at(report, "/unbindable").str("/propagation") == "unbindable");
  }
  SECTION("rootfsPropagation shared") {
    bundle.set("/linux/rootfsPropagation", "\"shared\"");
    CHECK(contains(mount_at(world.report(bundle), "/").str("/propagation"), "shared:"));
  }
  SECTION("rootfsPropagation unbindable") {
    bundle.set("/linux/rootfsPropagation", "\"unbindable\"");
    CHECK(contains(mount_at(world.report(bundle), "/").str("/propagation"), "unbindable"));
  }
  SECTION("rootfsPropagation private") {
    bundle.set("/linux/rootfsPropagation", "\"private\"");
    CHECK(mount_at(world.report(bundle), "/").str("/propagation").empty());
  }
}

TEST_CASE("rslave: what the host mounts later appears in the container, and not the other way",
          "[mounts][propagation]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string dir = host_dir(world, "data");
  REQUIRE(::mount(dir.c_str(), dir.c_str(), nullptr, MS_BIND, nullptr) == 0);
  REQUIRE(::mount(nullptr, dir.c_str(), nullptr, MS_SHARED, nullptr) == 0);
  make_dirs(dir + "/later");
  bundle.mount("/data", "bind", dir, {"rbind", "rslave"}).probe({"--quiet", "--hold"});
  world.started(bundle);
  REQUIRE(::mount("tmpfs", (dir + "/later").c_str(), "tmpfs", 0, nullptr) == 0);
  spit(dir + "/later/here", "x\n");
  CHECK(world.exec_report(bundle, {}, {"--list", "/data/later"}).size("/list/~1data~1later") == 1);
  CHECK(world.remove(bundle, true).code == 0);
  ::umount2((dir + "/later").c_str(), MNT_DETACH);
  ::umount2(dir.c_str(), MNT_DETACH);
  world.nothing_left();
}

TEST_CASE("tmpcopyup fills the tmpfs with what was there", "[mounts]") {
  World world;
  Bundle bundle = world.bundle();
  make_dirs(bundle.rootfs + "/etc/deep");
  spit(bundle.rootfs + "/etc/deep/file", "kept\n", 0640);
  REQUIRE(::symlink("deep/file", (bundle.rootfs + "/etc/link").c_str()) == 0);
  bundle.mount("/etc", "tmpfs", "tmpfs", {"tmpcopyup"});
  const Json report =
      world.report(bundle, {"--read", "/etc/link", "--stat", "/etc/deep/file", "--try-create", "/etc/new"});
  CHECK(mount_at(report, "/etc").str("/type") == "tmpfs");
  CHECK(report.str("/read/~1etc~1link") == "kept\n");
  CHECK(report.num("/stat/~1etc~1deep~1file/mode") == 0640);
  CHECK(report.str("/create/~1etc~1new") == "ok");
}

TEST_CASE("an idmapped bind mount shifts the owners", "[mounts][idmap]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string dir = host_dir(world, "data");
  if (!maps_ids(dir)) CAISSON_SKIP("this file system maps no ids: tmpfs does since Linux 6.3");
  REQUIRE(::chown((dir + "/inside").c_str(), 1000, 1000) == 0);
  SECTION("by the mount's own maps") {
    bundle.mount("/data", "bind", dir, {"bind", "idmap"});
    const char* maps = R"([{"containerID":1000,"hostID":5000,"size":10}])";
    bundle.set("/mounts/6/uidMappings", maps).set("/mounts/6/gidMappings", maps);
    const Json report = world.report(bundle, {"--stat", "/data/inside"});
    CHECK(report.num("/stat/~1data~1inside/uid") == 5000);
    CHECK(report.num("/stat/~1data~1inside/gid") == 5000);
  }
  SECTION("by the container's user namespace") {
    const char* maps = R"([{"containerID":0,"hostID":100000,"size":65536}])";
    bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
    REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
    bundle.mount("/data", "bind", dir, {"bind", "idmap"});
    CHECK(world.report(bundle, {"--stat", "/data/inside"}).num("/stat/~1data~1inside/uid") == 1000);
  }
  world.nothing_left();
}

TEST_CASE("bind sources that only the host's root may reach, in a user namespace", "[mounts][bind][user]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string dir = host_dir(world, "closed/data");
  REQUIRE(::chmod((world.dir() + "/closed").c_str(), 0700) == 0);
  const char* maps = R"([{"containerID":0,"hostID":100000,"size":65536}])";
  bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
  REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
  bundle.mount("/data", "bind", dir, {"bind", "ro"});
  CHECK(world.report(bundle, {"--read", "/data/inside"}).str("/read/~1data~1inside") == "from the host\n");
  world.nothing_left();
}

TEST_CASE("root.readonly", "[mounts][rootfs]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/root/readonly", "true");
  const Json report = world.report(bundle, {"--try-create", "/x", "--try-create", "/dev/shm/x"});
  CHECK(report.str("/create/~1x") == "EROFS");
  CHECK(report.str("/create/~1dev~1shm~1x") == "ok");
  CHECK(has_option(mount_at(report, "/").str("/options"), "ro"));
}

TEST_CASE("root.path may be absolute, relative, or reach out of the bundle", "[mounts][rootfs]") {
  World world;
  Bundle bundle = world.bundle();
  for (const std::string& path : {bundle.rootfs, std::string("./rootfs"), "../" + bundle.id + "/rootfs"}) {
    bundle.config.set_string("/root/path", path);
    CHECK(world.report(bundle).num("/pid") == 1);
  }
}

TEST_CASE("nothing of the host's tree is left in the container", "[mounts][rootfs][security]") {
  World world;
  const Json report = world.report(world.bundle(), {"--list", "/"});
  CHECK(report.size("/mounts") == 7);  // the root and the config's six
  CHECK(report.strings("/list/~1") == std::vector<std::string>{"dev", "probe", "proc", "sys"});
}

TEST_CASE("nothing is mounted in the caller's namespace", "[mounts][security]") {
  World world;
  const std::string before = slurp("/proc/self/mountinfo");
  Bundle bundle = world.bundle();
  bundle.mount("/data", "bind", host_dir(world, "data"), {"rbind", "shared"}).probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK(slurp("/proc/self/mountinfo") == before);
  CHECK(world.remove(bundle, true).code == 0);
  CHECK(slurp("/proc/self/mountinfo") == before);
}

TEST_CASE("maskedPaths hide files and directories, readonlyPaths protect", "[mounts][masks]") {
  World world;
  Bundle bundle = world.bundle();
  make_dirs(bundle.rootfs + "/secret/deep");
  make_dirs(bundle.rootfs + "/fixed/deep");
  spit(bundle.rootfs + "/secret/deep/file", "hidden\n");
  spit(bundle.rootfs + "/password", "hidden\n");
  bundle.set("/linux/maskedPaths",
             R"(["/secret","/password","/proc/loadavg","/does/not/exist","/secret","/proc/scsi"])");
  bundle.set("/linux/readonlyPaths", R"(["/fixed","/proc/sys","/nor/this"])");
  const Json report = world.report(
      bundle, {"--list", "/secret", "--read", "/password", "--try-create", "/secret/x", "--stat", "/proc/loadavg",
               "--try-create", "/fixed/deep/x", "--try-write", "/proc/sys/kernel/domainname", "--try-create", "/free"});
  CHECK(report.size("/list/~1secret") == 0);
  CHECK(report.str("/read/~1password").empty());
  CHECK(report.str("/create/~1secret~1x") == "EROFS");
  CHECK(report.str("/stat/~1proc~1loadavg/rdev") == "1:3");
  CHECK(report.str("/create/~1fixed~1deep~1x") == "EROFS");
  CHECK(report.str("/write/~1proc~1sys~1kernel~1domainname") == "EROFS");
  CHECK(report.str("/create/~1free") == "ok");
}

TEST_CASE("symbolic links in mount destinations stay in the rootfs", "[mounts][security]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string outside = host_dir(world, "outside");
  const std::string data = host_dir(world, "data");
  REQUIRE(::symlink(outside.c_str(), (bundle.rootfs + "/absolute").c_str()) == 0);
  REQUIRE(::symlink("../../../../../../../../..", (bundle.rootfs + "/up").c_str()) == 0);
  REQUIRE(::symlink("/nowhere/yet", (bundle.rootfs + "/dangling").c_str()) == 0);
  bundle.mount("/absolute", "bind", data, {"bind"});
  bundle.mount("/up/tmp/new", "bind", data, {"bind"});
  bundle.mount("/dangling/in", "bind", data, {"bind"});
  const Json report = world.report(bundle, {"--list", "/tmp/new", "--list", "/nowhere/yet/in"});
  CHECK(report.size("/list/~1tmp~1new") == 1);
  CHECK(report.size("/list/~1nowhere~1yet~1in") == 1);
  CHECK(names_in(outside) == std::vector<std::string>{"inside"});
  CHECK_FALSE(exists("/nowhere"));
  CHECK_FALSE(exists("/tmp/new"));
  world.nothing_left();
}

TEST_CASE("--no-pivot and a rootfs without pivot_root", "[mounts][rootfs]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/rootfsPropagation", "\"rslave\"").probe({"--list", "/"});
  const Ran ran = world.run(bundle, {"--no-pivot"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(Json(ran.out).strings("/list/~1") == std::vector<std::string>{"dev", "probe", "proc", "sys"});
  world.nothing_left();
}

TEST_CASE("an overlay file system as a mount", "[mounts]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string lower = host_dir(world, "lower");
  make_dirs(world.dir() + "/upper");
  make_dirs(world.dir() + "/work");
  bundle.mount("/both", "overlay", "overlay",
               {"lowerdir=" + lower, "upperdir=" + world.dir() + "/upper", "workdir=" + world.dir() + "/work"});
  const Json report = world.report(bundle, {"--read", "/both/inside", "--try-create", "/both/x"});
  CHECK(report.str("/read/~1both~1inside") == "from the host\n");
  CHECK(report.str("/create/~1both~1x") == "ok");
}

TEST_CASE("faults in mounts are named and leave nothing", "[mounts][errors]") {
  World world;
  Bundle bundle = world.bundle();
  std::string what, where = "/mounts/6";
  SECTION("no source") {
    bundle.mount("/data", "bind", world.dir() + "/not-there", {"bind"});
    what = "not-there";
  }
  SECTION("an unknown file system") {
    bundle.mount("/data", "dreamfs", "none", {});
    what = "dreamfs";
  }
  SECTION("an option the file system does not know") {
    bundle.mount("/data", "tmpfs", "tmpfs", {"size=banana"});
    what = "size";
  }
  SECTION("data options with a bind") {
    bundle.mount("/data", "bind", world.dir(), {"bind", "mode=700"});
    what = "bind mounts cannot have any filesystem-specific options applied";
  }
  SECTION("idmap of what is no bind") {
    bundle.mount("/data", "tmpfs", "tmpfs", {"idmap"});
    bundle.set("/mounts/6/uidMappings", R"([{"containerID":0,"hostID":5000,"size":10}])");
    bundle.set("/mounts/6/gidMappings", R"([{"containerID":0,"hostID":5000,"size":10}])");
    what = "id-mapped mounts are only supported for bind-mounts";
  }
  SECTION("a file where a directory is to be") {
    spit(bundle.rootfs + "/data", "");
    bundle.mount("/data/below", "tmpfs", "tmpfs", {});
    what = "/data/below";
  }
  SECTION("an unknown root propagation") {
    bundle.set("/linux/rootfsPropagation", "\"wild\"");
    what = "wild";
    where = "/linux/rootfsPropagation";
  }
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, what));
  CHECK(contains(ran.err, where));
  world.nothing_left();
}

TEST_CASE("sysctl: namespaced ones are set, others refused", "[sysctl]") {
  World world;
  Bundle bundle = world.bundle();
  SECTION("set") {
    bundle.set("/linux/sysctl",
               R"({"net.ipv4.ip_forward":"1","kernel.msgmax":"12345","net/ipv4/ping_group_range":"0 100",
      "fs.mqueue.msg_max":"20","kernel.shm_rmid_forced":"1"})");
    bundle.set("/linux/readonlyPaths", R"(["/proc/sys"])");
    const Json report =
        world.report(bundle, {"--sysctl", "net.ipv4.ip_forward", "--sysctl", "kernel.msgmax", "--sysctl",
                              "net.ipv4.ping_group_range", "--sysctl", "fs.mqueue.msg_max"});
    CHECK(report.str("/sysctl/net.ipv4.ip_forward") == "1");
    CHECK(report.str("/sysctl/kernel.msgmax") == "12345");
    CHECK(report.str("/sysctl/net.ipv4.ping_group_range") == "0\t100");
    CHECK(report.str("/sysctl/fs.mqueue.msg_max") == "20");
  }
  SECTION("of the host's network") {
    bundle.without_namespace("network").set("/linux/sysctl", R"({"net.ipv4.ip_forward":"1"})");
    const Ran ran = world.run(bundle);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "not allowed in host network namespace"));
  }
  SECTION("of no namespace") {
    bundle.set("/linux/sysctl", R"({"vm.swappiness":"1"})");
    const Ran ran = world.run(bundle);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "is not in a separate kernel namespace"));
  }
  SECTION("hostname") {
    bundle.set("/linux/sysctl", R"({"kernel.hostname":"x"})");
    CHECK(world.run(bundle).code == 1);
  }
  SECTION("one that does not exist") {
    bundle.set("/linux/sysctl", R"({"net.ipv4.nothing":"x"})");
    const Ran ran = world.run(bundle);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "net.ipv4.nothing"));
  }
  world.nothing_left();
}
