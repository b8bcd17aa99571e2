// SPDX-License-Identifier: Apache-2.0
// What a container.json asks of AppArmor and SELinux, on hosts whose kernel has them.
#include <signal.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "integration/support/mounts.hpp"
#include "integration/support/nsinit.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

constexpr const char* kParser = "/sbin/apparmor_parser";
constexpr const char* kProfileFile = "/etc/apparmor.d/docker";
constexpr const char* kCurrent = "/proc/self/attr/current";
constexpr const char* kEnforce = "/sys/fs/selinux/enforce";
constexpr const char* kProcessLabel = "system_u:system_r:container_t";
constexpr const char* kFileLabel = "system_u:object_r:container_file_t";

bool has_apparmor() { return slurp("/sys/module/apparmor/parameters/enabled") == "Y\n"; }
bool has_parser() { return ::access(kParser, X_OK) == 0; }
bool is_loaded() { return contains(slurp("/sys/kernel/security/apparmor/profiles"), "docker-default ("); }

/// The kernel without the profile, and the host without its file, before and after.
class NoProfile {
 public:
  NoProfile() { clear(); }
  ~NoProfile() { clear(); }
  NoProfile(const NoProfile&) = delete;

 private:
  static void clear() {
    if (exists("/sys/kernel/security/apparmor/.remove") && is_loaded())
      spit("/sys/kernel/security/apparmor/.remove", "docker-default");
    ::unlink(kProfileFile);
  }
};

/// SELinux enforces as long as it lives.
class Enforcing {
 public:
  Enforcing() : before_(slurp(kEnforce)) { spit(kEnforce, "1"); }
  ~Enforcing() { spit(kEnforce, before_); }
  Enforcing(const Enforcing&) = delete;

 private:
  std::string before_;
};

void label(const std::string& path, const std::string& text) {
  REQUIRE(::lsetxattr(path.c_str(), "security.selinux", text.c_str(), text.size() + 1, 0) == 0);
}

void label_tree(const std::string& path, const std::string& text) {
  label(path, text);
  for (const auto& each : std::filesystem::recursive_directory_iterator(path)) label(each.path().string(), text);
}

std::string label_of(const std::string& path) {
  char text[256] = "";
  return ::lgetxattr(path.c_str(), "security.selinux", text, sizeof text - 1) > 0 ? text : "";
}

std::string read_of(const Json& report, const std::string& path) { return report.str("/read/" + step(path)); }
std::string write_of(const Json& report, const std::string& path) { return report.str("/write/" + step(path)); }

/// The label of the container's first process, as the host sees it, once it is `wanted`'s.
std::string label_of_init(const NsinitBox& box, const std::string& wanted, int& init) {
  std::string current;
  eventually([&] {
    if (!exists(box.state_path())) return false;
    init = static_cast<int>(Json(slurp(box.state_path())).num("/init_pid"));
    current = slurp("/proc/" + std::to_string(init) + "/attr/current");
    return current.starts_with(wanted);
  });
  return trimmed(current.substr(0, current.find('\0')));
}

/// "s0:c1,c2" of a label.
std::string level_of(const std::string& label) {
  const auto level = label.find(":s0:");
  return level == label.npos ? "" : label.substr(level + 1);
}

}  // namespace

TEST_CASE("AppArmor: the default profile is made and loaded, and holds", "[nsinit][apparmor]") {
  if (!has_apparmor()) CAISSON_SKIP("this host's kernel does not use AppArmor");
  if (!has_parser()) CAISSON_SKIP("no apparmor_parser to load a profile");
  const NoProfile none;
  World world;
  NsinitBox box(world);
  box.sample("apparmor").set("/user", "\"\"").set("/restrict_sys", "false").set("/hostname", "\"held\"");
  const std::vector<std::string> denied{"/proc/sys/kernel/hostname", "/proc/sys/kernel/pty/max", "/proc/sysrq-trigger"};
  const std::vector<std::string> questions{"--read",  kCurrent,      "--try-write", denied[0],      "--try-write",
                                           denied[1], "--try-write", denied[2],     "--try-create", "/etc/free"};
  const auto check = [&](const Json& report) {
    CHECK(read_of(report, kCurrent) == "docker-default (enforce)\n");
    for (const auto& path : denied) {
      INFO(path);
      CHECK(write_of(report, path) == "EACCES");
    }
    CHECK(report.str("/create/" + step("/etc/free")) == "ok");
  };
  check(box.report(questions));
  CHECK(is_loaded());
  CHECK(contains(slurp(kProfileFile), "profile docker-default"));
  // Whoever joins is held as well; and a second container finds the profile there.
  Ran files;
  const pid_t pid = box.started(files);
  check(box.report(questions));
  ::kill(pid, SIGTERM);
  CHECK(world.finish_call(pid, files, 10).code == 0);
  // It is the profile that denies, and nothing else.
  box.set("/apparmor_profile", "\"\"").write();
  CHECK(write_of(box.report(questions), denied[0]) == "ok");
  box.nothing_left();
}

TEST_CASE("AppArmor: the sample runs as it stands", "[nsinit][apparmor][samples]") {
  if (!has_apparmor()) CAISSON_SKIP("this host's kernel does not use AppArmor");
  if (!has_parser()) CAISSON_SKIP("no apparmor_parser to load a profile");
  const NoProfile none;
  World world;
  NsinitBox box(world);
  box.sample("apparmor");
  const Ran ran = box.exec({"sh", "-c", "id -un; cat /proc/self/attr/current"});
  INFO(ran.err);
  CHECK(ran.out == "daemon\ndocker-default (enforce)\n");
  CHECK(ran.err.empty());
  box.nothing_left();
}

TEST_CASE("AppArmor: a profile that cannot be loaded is an error, and nothing is left", "[nsinit][apparmor][errors]") {
  if (!has_apparmor()) CAISSON_SKIP("this host's kernel does not use AppArmor");
  if (!has_parser()) CAISSON_SKIP("no apparmor_parser to load a profile");
  const NoProfile none;
  World world;
  NsinitBox box(world);
  SECTION("the administrator's file is wrong") {
    box.set("/apparmor_profile", "\"docker-default\"");
    make_dirs("/etc/apparmor.d");
    spit(kProfileFile, "profile docker-default { nonsense }\n");
    const Ran ran = box.exec({"true"});
    INFO(ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "Error loading docker apparmor profile: exit status 1 ("));
    CHECK(contains(ran.err, "[config: /apparmor_profile]"));
    CHECK(slurp(kProfileFile) == "profile docker-default { nonsense }\n");
  }
  SECTION("nobody knows it") {
    box.set("/apparmor_profile", "\"caisson-no-such-profile\"");
    const Ran ran = box.exec({"true"});
    INFO(ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "caisson-no-such-profile"));
    CHECK(contains(ran.err, "[config: /apparmor_profile]"));
  }
  box.nothing_left();
}

TEST_CASE("AppArmor: without its parser, or in a container, a host counts as one without", "[nsinit][lsm][apparmor]") {
  if (!has_apparmor()) CAISSON_SKIP("this host's kernel does not use AppArmor");
  const NoProfile none;
  World world;
  NsinitBox box(world);
  box.set("/apparmor_profile", "\"docker-default\"");
  How how;
  std::string why = "the kernel does not know the profile 'docker-default', and there is no '/sbin/apparmor_parser'";
  if (has_parser()) {
    how.env = {"container=lxc"};
    why = "AppArmor is not ours in a container, as $container ('lxc') says this is";
  }
  const Ran ran = box.exec({"echo", "on"}, how);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "on\n");
  CHECK(contains(ran.err, "going on without it: " + why));
  CHECK(contains(ran.err, "[config: /apparmor_profile]"));
  CHECK_FALSE(exists(kProfileFile));
  box.nothing_left();
}

TEST_CASE("SELinux: the labels that container.json names", "[nsinit][selinux]") {
  if (!exists(kEnforce)) CAISSON_SKIP("this host's kernel does not use SELinux");
  World world;
  NsinitBox box(world);
  const std::string pair = ":s0:c11,c22";
  box.set("/process_label", quoted(kProcessLabel + pair)).set("/mount_config/mount_label", quoted(kFileLabel + pair));
  const auto check = [&](const Json& report) {
    CHECK(read_of(report, kCurrent).starts_with(kProcessLabel + pair));
    for (const char* target : {"/dev", "/dev/shm", "/dev/pts", "/tmp"}) {
      INFO(target);
      CHECK(contains(mount_at(report, target).str("/super"), kFileLabel + pair));
    }
  };
  check(box.report({"--read", kCurrent}));
  Ran files;
  const pid_t pid = box.started(files);
  check(box.report({"--read", kCurrent}));
  ::kill(pid, SIGTERM);
  CHECK(world.finish_call(pid, files, 10).code == 0);
  box.set("/process_label", "\"system_u:system_r:no_such_type_t:s0\"").write();
  const Ran ran = box.exec({"true"});
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "[config: /process_label]"));
  box.nothing_left();
}

TEST_CASE("SELinux: mounts that are relabelled", "[nsinit][selinux]") {
  if (!exists(kEnforce)) CAISSON_SKIP("this host's kernel does not use SELinux");
  World world;
  NsinitBox box(world);
  const std::string pair = ":s0:c11,c22";
  box.set("/process_label", quoted(kProcessLabel + pair)).set("/mount_config/mount_label", quoted(kFileLabel + pair));
  const auto bind = [&](const std::string& source, const std::string& relabel) {
    box.set("/mount_config/mounts/-", R"({"type": "bind", "source": ")" + source + R"(", "destination": "/in)" +
                                          relabel + R"(", "relabel": ")" + relabel + "\"}");
  };
  for (const char* each : {"/own", "/shared"}) {
    make_dirs(world.dir() + each + "/below");
    spit(world.dir() + each + "/below/file", "");
  }
  bind(world.dir() + "/own", "Z");
  bind(world.dir() + "/shared", "z");
  box.write();
  CHECK(box.exec({"true"}).code == 0);
  for (const char* each : {"", "/below", "/below/file"}) {
    CHECK(label_of(world.dir() + "/own" + each) == kFileLabel + pair);
    CHECK(label_of(world.dir() + "/shared" + each) == kFileLabel + std::string(":s0"));
  }
  const std::string before = label_of("/usr/bin");
  bind("/usr/bin", "z");
  box.write();
  const Ran ran = box.exec({"true"});
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "relabelling of /usr/bin is not allowed [config: /mount_config/mounts/3/relabel]"));
  CHECK(label_of("/usr/bin") == before);
  box.nothing_left();
}

TEST_CASE("SELinux enforcing: a container without labels gets the policy's own, and a pair of its own",
          "[nsinit][selinux]") {
  if (!exists(kEnforce)) CAISSON_SKIP("this host's kernel does not use SELinux");
  World world;
  const NsinitBox one(world, "one"), two(world, "two");
  for (const auto* box : {&one, &two}) {
    box->write();
    label_tree(box->rootfs(), kFileLabel + std::string(":s0"));
  }
  const Enforcing now;
  std::vector<std::string> levels;
  std::vector<pid_t> runs;
  std::vector<Ran> files(2);
  // Under its own label the process may not write to a file of ours: it is looked at from outside.
  for (const auto* box : {&one, &two}) {
    runs.push_back(box->start({"/probe", "--quiet", "--hold"}, files[runs.size()]));
    int init = 0;
    const std::string label = label_of_init(*box, kProcessLabel, init);
    INFO(label << slurp(files[runs.size() - 1].err_path));
    REQUIRE(label.starts_with(kProcessLabel + std::string(":s0:c")));
    levels.push_back(level_of(label));
    const std::string mounts = slurp("/proc/" + std::to_string(init) + "/mountinfo");
    std::size_t labelled = 0;
    const std::string context = kFileLabel + std::string(":") + levels.back();
    for (auto at = mounts.find(context); at != mounts.npos; at = mounts.find(context, at + 1)) ++labelled;
    CHECK(labelled >= 4);  // /dev, /dev/shm, /dev/pts, /tmp
  }
  CHECK(levels[0] != levels[1]);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    ::kill(runs[i], SIGTERM);
    CHECK(world.finish_call(runs[i], files[i], 10).code == 0);
  }
  one.nothing_left();
  two.nothing_left();
}

TEST_CASE("SELinux enforcing: a root file system that is not a container's is run without labels, and that is said",
          "[nsinit][selinux]") {
  if (!exists(kEnforce)) CAISSON_SKIP("this host's kernel does not use SELinux");
  World world;
  const NsinitBox box(world);
  box.write();
  const Enforcing now;
  const Ran ran = box.exec({"echo", "on"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "on\n");
  CHECK(contains(ran.err, "going on without a label, though SELinux enforces"));
  CHECK(contains(ran.err, "must be 'container_file_t' [config: /process_label]"));
  box.nothing_left();
}
