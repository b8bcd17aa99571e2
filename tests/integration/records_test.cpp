// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/world.hpp"

using namespace caisson::testing;

namespace {

std::string record_of(const World& world, const Bundle& bundle) {
  return world.root() + "/" + bundle.id + "/state.json";
}

/// By the host's shell, with $C for caisson and its root.
int shell(const World& world, const std::string& script) {
  const std::string all = "C='" + Places::get().caisson + " --root " + world.root() + "'; " + script;
  const int status = ::system(all.c_str());  // NOLINT(concurrency-mt-unsafe)
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// What a disk or a hand can do to a record.
void damage(const std::string& file, const std::string& how) {
  const std::string text = slurp(file);
  REQUIRE(::unlink(file.c_str()) == 0);
  if (how == "truncated") spit(file, text.substr(0, text.size() / 2));
  if (how == "zeros") spit(file, std::string(text.size(), '\0'));
  if (how == "foreign") spit(file, R"({"some":"other","program":1})");
  if (how == "another's") {
    Json record(text);
    record.set_string("/id", "somebody-else");
    spit(file, record.text());
  }
  if (how == "empty") spit(file, "");
  if (how == "a directory") REQUIRE(::mkdir(file.c_str(), 0755) == 0);
  if (how == "a FIFO") REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  if (how == "a symlink") REQUIRE(::symlink("/dev/zero", file.c_str()) == 0);
  if (how == "sparse") {
    spit(file, "{");
    REQUIRE(::truncate(file.c_str(), 20LL << 30) == 0);
  }
}

/// What was made above the cgroups of containers whose records went before the last user.
void remove_cgroups_above(const World& world) {
  for (const auto& hierarchy : names_in("/sys/fs/cgroup"))
    ::rmdir(("/sys/fs/cgroup/" + hierarchy + "/" + world.mark()).c_str());
  ::rmdir(("/sys/fs/cgroup/" + world.mark()).c_str());
}

How soon() {
  How how;
  how.seconds = 9;
  return how;
}

}  // namespace

TEST_CASE("a damaged record is named, hangs no command, and delete --force removes what can be found", "[records]") {
  World world;
  const auto how = GENERATE(as<std::string>(), "truncated", "zeros", "foreign", "another's", "empty", "missing",
                            "a directory", "a FIFO", "a symlink", "sparse");
  const auto stage = GENERATE(as<std::string>(), "created", "running", "stopped");
  INFO(how << ", " << stage);
  Bundle bundle = world.bundle(), other = world.bundle("other");
  bundle.probe({"--quiet", "--hold"});
  other.probe({"--quiet", "--hold"});
  world.started(other);
  REQUIRE(world.create(bundle).code == 0);
  if (stage != "created") REQUIRE(world.call({"start", bundle.id}).code == 0);
  const int pid = world.pid(bundle);
  if (stage == "stopped") {
    CHECK(world.kill(bundle, "KILL").code == 0);
    REQUIRE(eventually([&] { return world.status(bundle) == "stopped"; }));
  }
  damage(record_of(world, bundle), how);

  const Ran listed = world.call({"list", "--format", "json"}, soon());
  CHECK(listed.code == 0);
  CHECK(contains(listed.err, "load container " + bundle.id + ": the record of container " + bundle.id + " is damaged"));
  CHECK(Json(listed.out).str("/0/id") == other.id);
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{"state"},
                                                                                       {"start"},
                                                                                       {"kill"},
                                                                                       {"pause"},
                                                                                       {"resume"},
                                                                                       {"update", "--pids-limit", "9"},
                                                                                       {"ps"},
                                                                                       {"delete"}}) {
    auto words = command;
    words.push_back(bundle.id);
    const Ran ran = world.call(words, soon());
    INFO(command.front() << ": " << ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "is damaged"));
  }
  if (stage != "stopped") CHECK(alive(pid));
  const Ran removed = world.remove(bundle, true);
  INFO(removed.err);
  CHECK(removed.code == 0);
  CHECK(contains(removed.err, "is damaged"));
  CHECK(contains(removed.err, "Unknown: "));
  if (stage != "stopped") CHECK(contains(removed.err, std::to_string(pid)));
  CHECK_FALSE(alive(pid));
  CHECK_FALSE(exists(world.root() + "/" + bundle.id));
  CHECK(world.status(other) == "running");
  CHECK(world.remove(other, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a damaged record's cgroup that another container has is left alone", "[records]") {
  World world;
  Bundle bundle = world.bundle(), other = world.bundle("other");
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK(world.kill(bundle, "KILL").code == 0);
  REQUIRE(eventually([&] { return world.status(bundle) == "stopped"; }));
  other.probe({"--quiet", "--hold"}).set("/linux/cgroupsPath", "\"/" + world.mark() + "/" + bundle.id + "\"");
  world.started(other);
  damage(record_of(world, bundle), "empty");
  const Ran removed = world.remove(bundle, true);
  INFO(removed.err);
  CHECK(removed.code == 0);
  CHECK(contains(removed.err, other.id));
  CHECK(world.status(other) == "running");
  CHECK(world.remove(other, true).code == 0);
  remove_cgroups_above(world);
  world.nothing_left();
}

TEST_CASE("a record of another boot is of no process", "[records]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  const auto shares = GENERATE(false, true);
  if (shares) bundle.without_namespace("pid");
  world.started(bundle);
  const int pid = world.pid(bundle);
  const std::string text = slurp(record_of(world, bundle));
  Json record(text);
  CHECK(record.str("/boot") == trimmed(slurp("/proc/sys/kernel/random/boot_id")));
  record.set_string("/boot", "01234567-89ab-cdef-0123-456789abcdef");
  spit(record_of(world, bundle), record.text());
  CHECK(world.status(bundle) == "stopped");
  CHECK(world.kill(bundle, "KILL").code == 1);
  const Ran removed = world.remove(bundle);
  INFO(removed.err);
  CHECK(removed.code == 0);
  CHECK(contains(removed.err, std::to_string(pid)));  // its cgroup is still used
  CHECK(alive(pid));
  ::kill(pid, SIGKILL);
  CHECK(eventually([&] { return !alive(pid); }));
  for (const auto& hierarchy : names_in("/sys/fs/cgroup")) {
    const std::string dir = "/sys/fs/cgroup/" + hierarchy + "/" + world.mark() + "/" + bundle.id;
    if (exists(dir)) CHECK(eventually([&] { return ::rmdir(dir.c_str()) == 0; }));
  }
  ::rmdir(("/sys/fs/cgroup/" + world.mark() + "/" + bundle.id).c_str());
  remove_cgroups_above(world);
  world.nothing_left();
}

TEST_CASE("the start socket is its owner's alone, and a silent caller holds up no other", "[records][security]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  bundle.write();
  const auto mask = GENERATE(as<std::string>(), "000", "077", "777");
  REQUIRE(shell(world, "umask " + mask + "; $C create -b " + bundle.dir + " " + bundle.id +
                           " </dev/null >/dev/null 2>&1") == 0);
  const std::string path = world.root() + "/" + bundle.id + "/start.sock";
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  std::vector<int> silent;
  for (int i = 0; i < 20; ++i) {
    const int caller = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    REQUIRE(::connect(caller, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    silent.push_back(caller);
  }
  CHECK(world.status(bundle) == "created");
  CHECK(world.call({"start", bundle.id}, soon()).code == 0);
  CHECK(world.status(bundle) == "running");
  for (const int caller : silent) ::close(caller);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a pid file that is a device, a FIFO or leads to one is refused and stays", "[records][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  const std::string fifo = world.dir() + "/fifo", link = world.dir() + "/link", full = world.dir() + "/full";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  REQUIRE(::symlink("/dev/full", link.c_str()) == 0);
  REQUIRE(::mknod(full.c_str(), S_IFCHR | 0666, makedev(1, 7)) == 0);
  for (const auto& file : {fifo, link, full}) {
    struct stat before {
    }, after{};
    REQUIRE(::lstat(file.c_str(), &before) == 0);
    INFO(file);
    for (const std::vector<std::string>& flags : {std::vector<std::string>{}, {"--detach"}}) {
      const Ran ran = flags.empty() ? world.create(bundle, {"--pid-file", file}, soon())
                                    : world.run(bundle, {"--detach", "--pid-file", file}, soon());
      CHECK(ran.code == 1);
      CHECK(contains(ran.err, "is not a regular file: it is not replaced"));
    }
    REQUIRE(::lstat(file.c_str(), &after) == 0);
    CHECK(before.st_ino == after.st_ino);
  }
  world.started(bundle);
  CHECK(world.call({"exec", "--detach", "--pid-file", fifo, bundle.id, "/probe", "--quiet"}, soon()).code == 255);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("no reader of our errors and no room for files end us half-way", "[records][kill]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  SECTION("stderr is a pipe without a reader") {
    Bundle warned = world.bundle("warned");
    warned.set("/process/capabilities/bounding", R"(["CAP_NO_SUCH"])").probe({"--quiet", "--hold"}).write();
    for (const char* command : {"create", "run -d"}) {
      const int code = shell(world, std::string("{ sleep 0.2; $C ") + command + " -b " + warned.dir + " " + warned.id +
                                        " </dev/null >/dev/null; echo $? >" + world.dir() + "/code; } 2>&1 | true; " +
                                        "while [ ! -s " + world.dir() + "/code ]; do sleep 0.1; done; " +
                                        "exit $(cat " + world.dir() + "/code)");
      CHECK(code == 0);
      ::unlink((world.dir() + "/code").c_str());
      CHECK(world.remove(warned, true).code == 0);
    }
  }
  SECTION("files of no size") {
    bundle.write();
    for (const char* command : {"create", "run", "run -d"}) {
      const int code = shell(world, std::string("ulimit -f 0; $C ") + command + " -b " + bundle.dir + " " + bundle.id +
                                        " </dev/null >/dev/null 2>/dev/null");
      INFO(command);
      CHECK(code == 1);
      world.nothing_left();
    }
  }
  SECTION("the process and hooks have the default action of SIGPIPE") {
    const Json report = world.report(bundle);
    CHECK(report.str("/signals_ignored") == "0000000000000000");
  }
  world.nothing_left();
}

TEST_CASE("a lock that the file system does not have leaves nothing", "[records][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet"}).write();
  if (!exists("/usr/bin/strace")) {
    WARN("skipped: no strace, which makes flock fail");
    return;
  }
  for (const char* fault : {"flock:error=ENOLCK", "flock:error=ENOLCK:when=2+"}) {
    for (const char* command : {"create", "run", "run -d"}) {
      const int code =
          shell(world, std::string("strace -f -o /dev/null -e trace=flock -e inject=") + fault + " $C " + command +
                           " -b " + bundle.dir + " " + bundle.id + " </dev/null >/dev/null 2>&1");
      INFO(fault << " " << command << " " << code);
      if (code != 0 || std::string(command) == "run") world.nothing_left();
      (void)world.remove(bundle, true);
    }
  }
  world.nothing_left();
}

TEST_CASE("a frozen cgroup above the container's is named", "[records][pause]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  const std::string above = cgroup_dir("freezer", "/" + world.mark());
  const std::string file = above + (cgroup_v2() ? "/cgroup.freeze" : "/freezer.state");
  spit(file, cgroup_v2() ? "1" : "FROZEN");
  CHECK(eventually([&] { return world.status(bundle) == "paused"; }));
  Ran ran = world.call({"resume", bundle.id});
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "'" + above + "'"));
  if (!cgroup_v2()) {
    ran = world.remove(bundle, true);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "'" + above + "'"));
  }
  spit(file, cgroup_v2() ? "0" : "THAWED");
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a small limit on the stack ends nothing, and is the process's own", "[records][limits]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"}).write();
  const std::string id = bundle.id;
  REQUIRE(shell(world, "ulimit -s 64; $C run -d -b " + bundle.dir + " " + id + " </dev/null >/dev/null 2>&1") == 0);
  CHECK(contains(slurp("/proc/" + std::to_string(world.pid(bundle)) + "/limits"), "Max stack size            65536 "));
  for (const auto& command :
       std::vector<std::string>{"state " + id, "list", "update --pids-limit 50 " + id, "pause " + id, "resume " + id,
                                "exec " + id + " /probe --quiet", "events --stats " + id, "delete --force " + id}) {
    INFO(command);
    CHECK(shell(world, "ulimit -s 64; $C " + command + " </dev/null >/dev/null") == 0);
  }
  world.nothing_left();
}
