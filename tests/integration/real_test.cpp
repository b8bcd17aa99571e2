// SPDX-License-Identifier: Apache-2.0
// Real things in containers: a Debian with bash, apt and a compiler, a server, and many containers at once.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>

#include "integration/support/terminal.hpp"
#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

using Strings = std::vector<std::string>;

namespace {

/// A bundle whose rootfs is the Debian tree with a writable layer of its own.
Bundle debian(World& world) {
  Bundle bundle = world.bundle();
  make_dirs(world.dir() + "/upper");
  make_dirs(world.dir() + "/work");
  const std::string data =
      "lowerdir=" + Places::get().debian + ",upperdir=" + world.dir() + "/upper,workdir=" + world.dir() + "/work";
  REQUIRE(::mount("overlay", bundle.rootfs.c_str(), "overlay", 0, data.c_str()) == 0);
  const Strings names = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID",
                         "CAP_KILL",  "CAP_SETGID",       "CAP_SETUID", "CAP_SYS_CHROOT"};
  for (const char* set : {"bounding", "effective", "permitted"})
    bundle.config.set_strings(std::string("/process/capabilities/") + set, names);
  bundle.env("HOME", "/root").env("DEBIAN_FRONTEND", "noninteractive");
  bundle.set("/linux/maskedPaths", R"(["/proc/kcore","/proc/keys","/sys/firmware"])");
  bundle.set("/linux/readonlyPaths", R"(["/proc/sys","/proc/irq"])");
  return bundle;
}

/// nothing_left() but for the overlay that the test itself mounted.
void done(World& world, const Bundle& bundle) {
  ::umount2(bundle.rootfs.c_str(), MNT_DETACH);
  world.nothing_left();
}

bool no_debian() { return Places::get().debian.empty() || !exists(Places::get().debian + "/usr/bin/gcc"); }

}  // namespace

TEST_CASE("Debian: bash, users, processes, the file system", "[real]") {
  if (no_debian()) CAISSON_SKIP("no Debian tree: debootstrap had no network");
  World world;
  Bundle bundle = debian(world);
  bundle.args({"bash", "-ec", R"(
    [[ $BASH_VERSION ]]; id -un; ps -e -o comm= | sort | head -1
    useradd --create-home guest; su guest -c 'id -un; pwd; cd; pwd'
    coproc cat; echo through >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"
    diff <(seq 3) <(printf '1\n2\n3\n') && echo same
    (trap 'echo caught' TERM; kill $BASHPID); mktemp -d >/dev/null && df / >/dev/null && echo ok)"});
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "root\nbash\n"));
  CHECK(contains(ran.out, "guest\n/\n/home/guest\n"));
  CHECK(contains(ran.out, "through\nsame\ncaught\nok\n"));
  done(world, bundle);
}

TEST_CASE("Debian: apt and dpkg", "[real]") {
  if (no_debian()) CAISSON_SKIP("no Debian tree: debootstrap had no network");
  World world;
  Bundle bundle = debian(world);
  // A package is built, installed by apt as its own user _apt allows, used, and removed.
  bundle.args({"bash", "-ec", R"(
    mkdir -p /tmp/p/DEBIAN /tmp/p/usr/bin
    printf '%s\n' 'Package: greeter' 'Version: 1.0' 'Architecture: all' 'Maintainer: N <n@example.org>' \
      'Description: says so' >/tmp/p/DEBIAN/control
    printf '#!/bin/sh\necho greetings\n' >/tmp/p/usr/bin/greeter; chmod 755 /tmp/p/usr/bin/greeter
    dpkg-deb --build /tmp/p /tmp/greeter.deb >/dev/null
    apt-get install -y /tmp/greeter.deb >/dev/null 2>/tmp/err || { cat /tmp/err; exit 1; }
    greeter; dpkg-query -W -f '${Status}\n' greeter
    apt-get remove -y greeter >/dev/null 2>&1; test ! -e /usr/bin/greeter; dpkg --audit; apt-cache stats >/dev/null; echo ok)"});
  const Ran ran = world.run(bundle);
  INFO(ran.out << ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "greetings\ninstall ok installed\nok\n");
  done(world, bundle);
}

TEST_CASE("Debian: a compiler makes a program that runs", "[real]") {
  if (no_debian()) CAISSON_SKIP("no Debian tree: debootstrap had no network");
  World world;
  Bundle bundle = debian(world);
  bundle.args({"bash", "-ec", R"(
    cd /tmp
    printf '#include <pthread.h>\n#include <stdio.h>\nstatic void *f(void *p) { return p; }\n
    int main(void) { pthread_t t; void *r; pthread_create(&t, 0, f, "threads"); pthread_join(t, &r); puts(r); return 0; }\n' >a.c
    gcc -O2 -Wall -o a a.c && ./a
    gcc -static -o b a.c && ./b)"});
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "threads\nthreads\n");
  done(world, bundle);
}

TEST_CASE("Debian: a terminal session with bash", "[real][terminal]") {
  if (no_debian()) CAISSON_SKIP("no Debian tree: debootstrap had no network");
  World world;
  Bundle bundle = debian(world);
  bundle.set("/process/terminal", "true").args({"bash", "--norc", "-i"}).env("PS1", "ready> ").env("TERM", "xterm");
  bundle.write();
  {
    Terminal terminal(world, {"run", "--bundle", bundle.dir, bundle.id}, 40, 120);
    REQUIRE(terminal.appears("ready> "));
    terminal.type("stty size; echo $COLUMNS\r");
    CHECK(terminal.appears("40 120"));
    terminal.type("cat >/dev/null\r");
    ::usleep(200000);
    terminal.type("\x1a");
    CHECK(terminal.appears("Stopped"));
    REQUIRE(terminal.appears("ready> "));
    terminal.type("fg\r");
    ::usleep(200000);
    terminal.type("\x03");
    CHECK(terminal.appears("ready> "));
    terminal.type("exit 3\r");
    CHECK(terminal.wait() == 3);
  }
  done(world, bundle);
}

TEST_CASE("a redis server: created, started, entered, paused, resumed, signalled, deleted", "[real]") {
  if (no_debian() || !exists(Places::get().debian + "/usr/bin/redis-server")) CAISSON_SKIP("no Debian tree with redis");
  World world;
  Bundle bundle = debian(world);
  bundle.args({"redis-server", "--dir", "/var/lib/redis", "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"});
  bundle.set("/process/rlimits", R"([{"type":"RLIMIT_NOFILE","soft":10032,"hard":10032}])");
  bundle.set("/linux/resources/memory", R"({"limit":134217728})").set("/linux/resources/pids", R"({"limit":64})");
  bundle.set("/root/readonly", "true");
  bundle.mount("/var/lib/redis", "tmpfs", "tmpfs", {"nosuid", "nodev", "size=16m"});
  const Ran files = world.started(bundle);
  const auto client = [&](const Strings& words) {
    Strings args{"exec", bundle.id, "redis-cli"};
    args.insert(args.end(), words.begin(), words.end());
    return world.call(args);
  };
  REQUIRE(eventually([&] { return client({"ping"}).out == "PONG\n"; }, 20));
  CHECK(client({"set", "key", "value"}).out == "OK\n");
  CHECK(client({"get", "key"}).out == "value\n");
  CHECK(client({"config", "set", "save", ""}).out == "OK\n");
  CHECK(contains(world.call({"ps", bundle.id}).out, "redis-server"));

  REQUIRE(world.call({"pause", bundle.id}).code == 0);
  Ran waiting;
  const pid_t asking = world.start_call({"exec", "--ignore-paused", bundle.id, "redis-cli", "get", "key"}, {}, waiting);
  ::usleep(200000);
  CHECK(slurp(waiting.out_path).empty());
  REQUIRE(world.call({"resume", bundle.id}).code == 0);
  CHECK(world.finish_call(asking, waiting, 10).out == "value\n");

  CHECK(world.kill(bundle, "TERM").code == 0);
  CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
  CHECK(contains(slurp(files.out_path), "User requested shutdown"));
  CHECK(world.remove(bundle).code == 0);
  done(world, bundle);
}

TEST_CASE("50 containers at once", "[real][load]") {
  World world;
  constexpr std::size_t kMany = 50;
  std::vector<Bundle> bundles;
  for (std::size_t i = 0; i < kMany; ++i) {
    bundles.push_back(world.bundle());
    bundles.back().probe({"--quiet", "--print", std::to_string(i), "--hold"}).write();
  }
  const auto all = [&](auto make_args) {
    std::vector<std::pair<pid_t, Ran>> calls(kMany);
    for (std::size_t i = 0; i < kMany; ++i)
      calls[i].first = world.start_call(make_args(bundles[i]), {}, calls[i].second);
    for (auto& [pid, ran] : calls) {
      ran = world.finish_call(pid, ran, 60);
      if (ran.code != 0) FAIL_CHECK(ran.code << ": " << ran.err);
    }
    return calls;
  };
  const auto begin = std::chrono::steady_clock::now();
  const auto ran = all([&](const Bundle& b) { return Strings{"run", "--detach", "--bundle", b.dir, b.id}; });
  for (std::size_t i = 0; i < kMany; ++i) {
    INFO(i);
    CHECK(eventually([&] { return slurp(ran[i].second.out_path) == std::to_string(i) + "\n"; }));
  }
  CHECK(Json(world.call({"list", "-f", "json"}).out).size("") == kMany);
  const auto inside = all([&](const Bundle& b) { return Strings{"exec", b.id, "/probe", "--quiet", "--print", b.id}; });
  for (std::size_t i = 0; i < kMany; ++i) CHECK(inside[i].second.out == bundles[i].id + "\n");
  all([&](const Bundle& b) { return Strings{"kill", b.id, "KILL"}; });
  all([&](const Bundle& b) { return Strings{"delete", "--force", b.id}; });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  INFO("took " << took.count() << " s");
  CHECK(took.count() < 60);
  world.nothing_left();
}

TEST_CASE("one container after the other, 100 times, leaves nothing", "[real][load]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet"});
  for (int i = 0; i < 100; ++i) REQUIRE(world.run(bundle).code == 0);
  world.nothing_left();
}

TEST_CASE("the same id from two sides at once: one wins, whole", "[real][load]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"}).write();
  for (int round = 0; round < 10; ++round) {
    std::vector<std::pair<pid_t, Ran>> calls(4);
    for (auto& [pid, files] : calls) pid = world.start_call({"create", "--bundle", bundle.dir, bundle.id}, {}, files);
    int won = 0;
    for (auto& [pid, files] : calls) {
      const Ran ran = world.finish_call(pid, files, 20);
      won += ran.code == 0;
      if (ran.code != 0) CHECK(contains(ran.err, "container with given ID already exists"));
    }
    CHECK(won == 1);
    CHECK(world.status(bundle) == "created");
    CHECK(world.remove(bundle).code == 0);
    world.nothing_left();
  }
}
