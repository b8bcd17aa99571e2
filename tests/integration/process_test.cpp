// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

using Strings = std::vector<std::string>;

TEST_CASE("args are the process's argv", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.args({"probe", "--print", "a b", "--print", "", "--print", "ü\t\"'\\"});  // found in PATH
  bundle.write();
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const Json report(ran.out.substr(0, ran.out.find('\n')));
  CHECK(report.size("/argv") == 7);
  CHECK(report.str("/argv/0") == "probe");
  CHECK(contains(ran.out, "\na b\n\nü\t\"'\\\n"));
}

TEST_CASE("env is exactly the config's, the last of a name wins, HOME is added", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/env", R"(["A=1","B=2","A=3","EMPTY=","X=a=b"])");
  SECTION("without passwd HOME is /") {
    CHECK(world.report(bundle).strings("/env") == Strings{"B=2", "A=3", "EMPTY=", "X=a=b", "HOME=/"});
  }
  SECTION("HOME is the container's own passwd's") {
    make_dirs(bundle.rootfs + "/etc");
    spit(bundle.rootfs + "/etc/passwd", "root:x:0:0::/root:/bin/sh\nsomebody:x:1234:1234::/home/somebody:/bin/sh\n");
    bundle.set("/process/user", R"({"uid":1234,"gid":1234})");
    CHECK(world.report(bundle).strings("/env").back() == "HOME=/home/somebody");
  }
  SECTION("an empty HOME counts as none") {
    bundle.set("/process/env", R"(["HOME="])");
    CHECK(world.report(bundle).strings("/env") == Strings{"HOME=/"});
  }
  SECTION("a HOME that is set stays") {
    bundle.set("/process/env", R"(["HOME=/elsewhere"])");
    CHECK(world.report(bundle).strings("/env") == Strings{"HOME=/elsewhere"});
  }
  SECTION("no env at all gets HOME, too") {
    bundle.remove("/process/env");
    CHECK(world.report(bundle).strings("/env") == Strings{"HOME=/"});
  }
}

TEST_CASE("cwd is made and entered", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set_cwd("/some/new/place");
  const Json report = world.report(bundle, {"--stat", "/some/new"});
  CHECK(report.str("/cwd") == "/some/new/place");
  CHECK(report.num("/stat/~1some~1new/mode") == 0755);
}

TEST_CASE("cwd that only the user may enter is entered as the user", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  make_dirs(bundle.rootfs + "/private");
  REQUIRE(::chown((bundle.rootfs + "/private").c_str(), 1234, 1234) == 0);
  REQUIRE(::chmod((bundle.rootfs + "/private").c_str(), 0700) == 0);
  bundle.set("/process/user", R"({"uid":1234,"gid":1234})").remove("/process/capabilities").set_cwd("/private");
  CHECK(world.report(bundle).str("/cwd") == "/private");
}

TEST_CASE("user: ids, groups and umask", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  SECTION("all given") {
    bundle.set("/process/user", R"({"uid":1000,"gid":1001,"umask":63,"additionalGids":[5,10,20]})");
    const Json report = world.report(bundle);
    CHECK(report.text("/ids/uid") == "[1000,1000,1000,1000]");
    CHECK(report.text("/ids/gid") == "[1001,1001,1001,1001]");
    CHECK(report.text("/ids/groups") == "[5,10,20]");
    CHECK(report.num("/ids/umask") == 077);
  }
  SECTION("defaults") {
    const Json report = world.report(bundle);
    CHECK(report.text("/ids/uid") == "[0,0,0,0]");
    CHECK(report.text("/ids/groups") == "[]");
    CHECK(report.num("/ids/umask") == 022);
  }
}

namespace {
std::string capabilities(const Json& report) {
  return report.str("/capabilities/bounding") + " " + report.str("/capabilities/permitted") + " " +
         report.str("/capabilities/effective") + " " + report.str("/capabilities/inheritable") + " " +
         report.str("/capabilities/ambient");
}
}  // namespace

TEST_CASE("the five capability sets are the config's", "[process][capabilities]") {
  World world;
  Bundle bundle = world.bundle();
  SECTION("as root") {
    bundle.set("/process/capabilities", R"({"bounding":["CAP_CHOWN","CAP_KILL","CAP_NET_RAW"],
      "permitted":["CAP_CHOWN","CAP_KILL"],"effective":["CAP_CHOWN"],"inheritable":["CAP_KILL"],"ambient":["CAP_KILL"]})");
    // execve of a root process: permitted and effective become inheritable | bounding.
    CHECK(capabilities(world.report(bundle)) ==
          "0000000000002021 0000000000002021 0000000000002021 0000000000000020 "
          "0000000000000020");
  }
  SECTION("as a user: what is ambient stays") {
    bundle.set("/process/user", R"({"uid":1000,"gid":1000})");
    bundle.set("/process/capabilities", R"({"bounding":["CAP_CHOWN","CAP_KILL"],"permitted":["CAP_CHOWN","CAP_KILL"],
      "effective":["CAP_CHOWN","CAP_KILL"],"inheritable":["CAP_KILL"],"ambient":["CAP_KILL"]})");
    CHECK(capabilities(world.report(bundle)) ==
          "0000000000000021 0000000000000020 0000000000000020 0000000000000020 "
          "0000000000000020");
  }
  SECTION("empty sets") {
    bundle.set("/process/capabilities", R"({"bounding":[],"permitted":[],"effective":[]})");
    CHECK(capabilities(world.report(bundle)) ==
          "0000000000000000 0000000000000000 0000000000000000 0000000000000000 "
          "0000000000000000");
  }
  SECTION("no object: none, as with empty sets") {
    bundle.remove("/process/capabilities");
    CHECK(capabilities(world.report(bundle)) ==
          "0000000000000000 0000000000000000 0000000000000000 0000000000000000 "
          "0000000000000000");
    bundle.probe({"--quiet", "--hold"});
    world.started(bundle);
    CHECK(capabilities(world.exec_report(bundle)) ==
          "0000000000000000 0000000000000000 0000000000000000 0000000000000000 "
          "0000000000000000");
    CHECK(world.remove(bundle, true).code == 0);
  }
}

TEST_CASE("capabilities outside the bounding set are warned of", "[process][capabilities]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({}).set("/process/capabilities",
                       R"({"bounding":["CAP_KILL"],"permitted":["CAP_KILL","CAP_CHOWN"],"effective":["CAP_CHOWN"]})");
  const Ran ran = world.run(bundle);
  REQUIRE(ran.code == 0);
  CHECK(contains(ran.err, "ignoring permitted capabilities that are not in the bounding set: [CAP_CHOWN]"));
  CHECK(contains(ran.err, "ignoring effective capabilities that are not in the bounding set: [CAP_CHOWN]"));
}

TEST_CASE("ambient capabilities of a config without inheritable ones appear in the debug log alone",
          "[process][capabilities]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet"})
      .set("/process/capabilities", R"({"bounding":["CAP_KILL"],"permitted":["CAP_KILL"],"ambient":["CAP_KILL"]})");
  const Ran ran = world.run(bundle);
  CHECK(ran.code == 0);
  CHECK(ran.err.empty());
  bundle.write();
  const Ran debug = world.call({"--debug", "run", "--bundle", bundle.dir, bundle.id});
  CHECK(debug.code == 0);
  CHECK(contains(debug.err, "ambient capabilities are not raised"));
}

TEST_CASE("a passwd file that cannot be read leaves HOME at its default", "[process][env]") {
  World world;
  Bundle bundle = world.bundle();
  make_dirs(bundle.rootfs + "/etc");
  const std::string passwd = bundle.rootfs + "/etc/passwd";
  bundle.set("/process/user", R"({"uid":1000,"gid":1000})");
  SECTION("a file of another user's, in a user namespace") {
    const char* maps = R"([{"containerID":0,"hostID":100000,"size":65536}])";
    bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
    REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
    spit(passwd, "me:x:1000:1000::/home/me:\n", 0600);
  }
  SECTION("a directory") { make_dirs(passwd); }
  SECTION("a FIFO") { REQUIRE(::mkfifo(passwd.c_str(), 0666) == 0); }
  SECTION("a device that is not there") { REQUIRE(::mknod(passwd.c_str(), S_IFCHR | 0666, makedev(77, 7)) == 0); }
  SECTION("a symlink to itself") { REQUIRE(::symlink("passwd", passwd.c_str()) == 0); }
  CHECK(contains(world.report(bundle).text("/env"), "\"HOME=/\""));
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK(contains(world.exec_report(bundle).text("/env"), "\"HOME=/\""));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a capability that no Linux knows is warned of, by exec too", "[process][capabilities]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/capabilities/bounding/1", R"("CAP_TEA")");
  const Ran ran = world.run(bundle);
  CHECK(ran.code == 0);
  CHECK(contains(ran.err, "ignoring unknown capabilities: [CAP_TEA]"));
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  const Ran exec = world.call({"exec", "--cap", "CAP_TEA", bundle.id, "/probe"});
  CHECK(exec.code == 0);
  CHECK(contains(exec.err, "ignoring unknown capabilities: [CAP_TEA]"));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("rlimits", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/rlimits",
             R"([{"type":"RLIMIT_NOFILE","soft":100,"hard":200},{"type":"RLIMIT_CORE","soft":0,"hard":0},
    {"type":"RLIMIT_FSIZE","soft":1000000,"hard":18446744073709551615},{"type":"RLIMIT_STACK","soft":4194304,"hard":8388608},
    {"type":"RLIMIT_NPROC","soft":50,"hard":60},{"type":"RLIMIT_AS","soft":2000000000,"hard":3000000000},
    {"type":"RLIMIT_CPU","soft":100,"hard":200},{"type":"RLIMIT_MEMLOCK","soft":4096,"hard":8192},
    {"type":"RLIMIT_MSGQUEUE","soft":4096,"hard":8192},{"type":"RLIMIT_SIGPENDING","soft":10,"hard":20}])");
  const Json report = world.report(bundle);
  CHECK(report.text("/rlimits/RLIMIT_NOFILE") == "[100,200]");
  CHECK(report.text("/rlimits/RLIMIT_CORE") == "[0,0]");
  CHECK(report.text("/rlimits/RLIMIT_FSIZE") == "[1000000,18446744073709551615]");
  CHECK(report.text("/rlimits/RLIMIT_STACK") == "[4194304,8388608]");
  CHECK(report.text("/rlimits/RLIMIT_NPROC") == "[50,60]");
  CHECK(report.text("/rlimits/RLIMIT_AS") == "[2000000000,3000000000]");
  CHECK(report.text("/rlimits/RLIMIT_CPU") == "[100,200]");
  CHECK(report.text("/rlimits/RLIMIT_MEMLOCK") == "[4096,8192]");
  CHECK(report.text("/rlimits/RLIMIT_MSGQUEUE") == "[4096,8192]");
  CHECK(report.text("/rlimits/RLIMIT_SIGPENDING") == "[10,20]");
}

TEST_CASE("without rlimits the caller's limits are inherited", "[process]") {
  World world;
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(world.report(world.bundle()).text("/rlimits/RLIMIT_NOFILE") ==
        "[" + std::to_string(limit.rlim_cur) + "," + std::to_string(limit.rlim_max) + "]");
}

TEST_CASE("noNewPrivileges", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  CHECK(world.report(bundle).num("/no_new_privs") == 0);
  bundle.set("/process/noNewPrivileges", "true");
  CHECK(world.report(bundle).num("/no_new_privs") == 1);
}

TEST_CASE("oomScoreAdj", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  const int own = std::atoi(slurp("/proc/self/oom_score_adj").c_str());
  CHECK(world.report(bundle).num("/oom_score_adj") == own);
  bundle.set("/process/oomScoreAdj", "500");
  CHECK(world.report(bundle).num("/oom_score_adj") == 500);
}

TEST_CASE("scheduler", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  SECTION("batch with nice") {
    bundle.set("/process/scheduler", R"({"policy":"SCHED_BATCH","nice":7})");
    const Json report = world.report(bundle);
    CHECK(report.num("/scheduler/policy") == 3);
    CHECK(report.num("/scheduler/nice") == 7);
  }
  SECTION("round robin with a priority, reset on fork") {
    // Where cgroups have a budget of real time, a new one has none: the parent gets some, and the container a part.
    if (exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us")) {
      make_dirs("/sys/fs/cgroup/cpu/" + world.mark());
      spit("/sys/fs/cgroup/cpu/" + world.mark() + "/cpu.rt_runtime_us", "100000");
      bundle.set("/linux/resources/cpu", R"({"realtimeRuntime":50000,"realtimePeriod":1000000})");
    }
    bundle.set("/process/scheduler", R"({"policy":"SCHED_RR","priority":10,"flags":["SCHED_FLAG_RESET_ON_FORK"]})");
    const Json report = world.report(bundle);
    CHECK(report.num("/scheduler/policy") == 2);
    CHECK(report.num("/scheduler/priority") == 10);
    CHECK((report.num("/scheduler/flags") & 1) == 1);
  }
  SECTION("idle") {
    bundle.set("/process/scheduler", R"({"policy":"SCHED_IDLE"})");
    CHECK(world.report(bundle).num("/scheduler/policy") == 5);
  }
  SECTION("deadline") {
    bundle.set("/process/scheduler",
               R"({"policy":"SCHED_DEADLINE","runtime":1000000,"deadline":10000000,"period":20000000})");
    const Json report = world.report(bundle);
    CHECK(report.num("/scheduler/policy") == 6);
    CHECK(report.num("/scheduler/runtime") == 1000000);
    CHECK(report.num("/scheduler/period") == 20000000);
  }
}

TEST_CASE("ioPriority", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/ioPriority", R"({"class":"IOPRIO_CLASS_BE","priority":6})");
  Json report = world.report(bundle);
  CHECK(report.num("/ioprio/class") == 2);
  CHECK(report.num("/ioprio/priority") == 6);
  bundle.set("/process/ioPriority", R"({"class":"IOPRIO_CLASS_IDLE","priority":0})");
  CHECK(world.report(bundle).num("/ioprio/class") == 3);
}

TEST_CASE("the caller's affinity is not inherited", "[process]") {
  World world;
  const auto all = Json("{\"a\":" + world.report(world.bundle()).text("/affinity") + "}").size("/a");
  if (all < 2) CAISSON_SKIP("one processor only");
  cpu_set_t before, one;
  REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  const Json report = world.report(world.bundle());
  REQUIRE(::sched_setaffinity(0, sizeof before, &before) == 0);
  CHECK(report.size("/affinity") == all);
}

TEST_CASE("personality", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  CHECK(world.report(bundle).num("/personality") == 0);
  bundle.set("/linux/personality", R"({"domain":"LINUX32"})");
  const Json report = world.report(bundle);
  CHECK(report.num("/personality") == 8);
  CHECK(report.str("/machine") != "x86_64");
}

TEST_CASE("memoryPolicy", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  if (!world.report(bundle).has("/mempolicy")) CAISSON_SKIP("a kernel without NUMA");
  bundle.set("/linux/memoryPolicy", R"({"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_STATIC_NODES"]})");
  const Json report = world.report(bundle);
  CHECK((report.num("/mempolicy/mode") & 0xff) == 2);
  CHECK(report.num("/mempolicy/nodes") == 1);
}

TEST_CASE("signals are neither blocked nor ignored", "[process]") {
  World world;
  How how;
  for (const bool odd : {false, true}) {
    INFO("the caller ignores and blocks some: " << odd);
    how.odd_signals = odd;
    const Json report = world.report(world.bundle(), {}, how);
    CHECK(report.str("/signals_ignored") == "0000000000000000");
    CHECK(report.str("/signals_blocked") == "0000000000000000");
  }
  Bundle bundle = world.bundle();
  bundle.args({"/probe", "--exit", "7"});
  CHECK(world.run(bundle, {}, how).code == 7);
}

TEST_CASE("the process leads a session of its own", "[process]") {
  World world;
  const Json report = world.report(world.bundle());
  CHECK(report.num("/pid") == 1);
  CHECK(report.num("/ppid") == 0);
  CHECK(report.num("/sid") == 1);
  CHECK(report.num("/pgid") == 1);
}

TEST_CASE("only stdio is open in the process", "[process][security]") {
  World world;
  Bundle bundle = world.bundle();
  CHECK(world.report(bundle).keys("/fds") == Strings{"0", "1", "2"});
}

TEST_CASE("stdio belongs to the process's user", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/user", R"({"uid":1000,"gid":1000})");
  bundle.probe({"--quiet", "--append", "/proc/self/fd/1", "again"});  // opens it once more, by permission
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "again\n");
}

TEST_CASE("a session keyring of its own", "[process]") {
  World world;
  Bundle bundle = world.bundle();
  CHECK(contains(world.report(bundle).str("/keyring"), "_ses." + bundle.id));
  bundle.probe({});
  const Ran ran = world.run(bundle, {"--no-new-keyring"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK_FALSE(contains(Json(ran.out).str("/keyring"), "_ses." + bundle.id));
}

TEST_CASE("a program that cannot be run is diagnosed at create", "[process][errors][compat]") {
  World world;
  Bundle bundle = world.bundle();
  make_dirs(bundle.rootfs + "/etc");
  spit(bundle.rootfs + "/plain", "just text\n");
  spit(bundle.rootfs + "/script", "#!/no/such/interpreter -x\n", 0755);
  std::string what;
  bool at_start = false;  // what only execve meets may be told by start
  SECTION("not in PATH") {
    bundle.args({"nowhere"});
    what = "executable file not found in $PATH";
  }
  SECTION("no such file") {
    bundle.args({"/no/where"});
    what = "no such file or directory";
  }
  SECTION("not executable") {
    bundle.args({"/plain"});
    what = "permission denied";
  }
  SECTION("a directory") {
    bundle.args({"/etc"});
    what = "is a directory";
  }
  SECTION("a FIFO") {
    REQUIRE(::mkfifo((bundle.rootfs + "/fifo").c_str(), 0755) == 0);
    bundle.args({"/fifo"});
    what = "permission denied: it is a FIFO and no regular file";
  }
  SECTION("its interpreter is missing") {
    at_start = true;
    bundle.args({"/script"});
    what =
        "exec /script: no such file or directory: its #! interpreter '/no/such/interpreter' is missing "
        "[config: /process/args/0]";
  }
  SECTION("its ELF loader is missing") {
    at_start = true;
    install("/bin/cat", bundle.rootfs + "/cat");
    bundle.args({"/cat"});
    what = "exec /cat: no such file or directory: its ELF loader '/lib64/ld-linux-x86-64.so.2' is missing";
  }
  SECTION("built for another machine") {
    at_start = true;
    std::string elf = slurp(Places::get().probe);
    elf[18] = static_cast<char>(0xb7);  // e_machine = EM_AARCH64
    spit(bundle.rootfs + "/foreign", elf, 0755);
    bundle.args({"/foreign"});
    what = "exec /foreign: exec format error: built for aarch64";
  }
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, what));
  CHECK(ran.out.empty());
  world.nothing_left();
  Ran created = world.create(bundle);
  if (at_start && created.code == 0) {
    created = world.call({"start", bundle.id});
    CHECK(world.remove(bundle, true).code == 0);
  }
  INFO("create: " << created.err);
  CHECK(created.code == 1);
  CHECK(contains(created.err, what));
  world.nothing_left();
}
