// SPDX-License-Identifier: Apache-2.0
// --debug: what caisson and init do, with the values that decided it.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/world.hpp"

using namespace caisson::testing;

namespace {

/// The log of one call with --debug.
std::string debug_log(const World& world, std::vector<std::string> words, int code = 0) {
  const std::string path = world.dir() + "/debug.log";
  spit(path, "");
  std::vector<std::string> all{"--debug", "--log", path, "--log-format", "json"};
  all.insert(all.end(), words.begin(), words.end());
  const Ran ran = world.call(all);
  INFO(ran.err);
  CHECK(ran.code == code);
  return slurp(path);
}

std::size_t place(const std::string& log, const std::string& text) {
  INFO(text << " in " << log);
  CHECK(contains(log, text));
  return log.find(text);
}

}  // namespace

TEST_CASE("--debug tells each step of the runtime and of init, in order, with what decided it", "[debug]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({});
  bundle.write();
  const std::string log = debug_log(world, {"run", "--bundle", bundle.dir, bundle.id});
  CHECK(place(log, "run '--bundle'") < place(log, "begin: decide"));
  CHECK(place(log, "plan: namespaces: make 0x") < place(log, "end: decide ("));
  CHECK(contains(log, "plan: mount /proc: new proc 'proc'"));
  CHECK(contains(log, "/" + world.mark() + "/" + bundle.id));
  CHECK(place(log, "init: begin: switch root") < place(log, "init: end: switch root ("));
  CHECK(place(log, "init: end: switch root (") < place(log, "init: begin: become user"));
  CHECK(contains(log, "program: '/probe'"));
  CHECK(contains(log, "begin: remove the container"));
  world.nothing_left();
}

TEST_CASE("--debug tells of a process that joins, and of an init that is executed anew", "[debug]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.args({"/bin/sleep", "60"});
  bundle.add_namespace("user");
  bundle.set("/linux/uidMappings", R"([{"containerID":0,"hostID":100000,"size":65536}])")
      .set("/linux/gidMappings", R"([{"containerID":0,"hostID":100000,"size":65536}])");
  REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
  bundle.write();
  const std::string log = debug_log(world, {"create", "--bundle", bundle.dir, bundle.id});
  CHECK(contains(log, "init: begin: switch root"));
  CHECK(contains(log, "init: end: become user ("));
  CHECK(contains(debug_log(world, {"start", bundle.id}), "start '"));
  const std::string exec = debug_log(world, {"exec", bundle.id, "/bin/true"});
  CHECK(contains(exec, "plan: join namespaces 0x"));
  CHECK(contains(exec, "init: begin: become user"));
  CHECK(contains(exec, "program: '/bin/true'"));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("no descriptor of the log reaches the container, with --debug either", "[debug][descriptors][security]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.args({"/bin/sh", "-c", "ls -l /proc/self/fd; ls -l /proc/1/fd"});
  bundle.write();
  const std::string path = world.dir() + "/debug.log";
  const Ran ran = world.call({"--debug", "--log", path, "run", "--bundle", bundle.dir, bundle.id});
  INFO(ran.out << ran.err);
  CHECK(ran.code == 0);
  CHECK_FALSE(contains(ran.out, "debug.log"));
  CHECK_FALSE(contains(ran.out, "socket:"));
}

TEST_CASE("--debug names keys that mean nothing, with the nearest that does", "[debug][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({});
  bundle.set("/process/noNewPrivilege", "true").set("/linux/maskedPath", "[]").set("/mounts/0/optoins", "[]");
  bundle.write();
  const std::string log = debug_log(world, {"run", "--bundle", bundle.dir, bundle.id});
  CHECK(contains(log, "key '/process/noNewPrivilege' is not known and is ignored: did you mean 'noNewPrivileges'?"));
  CHECK(contains(log, "key '/linux/maskedPath' is not known and is ignored: did you mean 'maskedPaths'?"));
  CHECK(contains(log, "key '/mounts/0/optoins' is not known and is ignored: did you mean 'options'?"));
  const Ran quiet = world.run(bundle);
  CHECK(quiet.code == 0);
  CHECK_FALSE(contains(quiet.err, "noNewPrivilege"));
}

TEST_CASE("seccomp: an unknown name is a warning where its rule was to deny, else a debug line", "[debug][seccomp]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({});
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["mkdri"],"action":"SCMP_ACT_ERRNO"},{"names":["opne"],"action":"SCMP_ACT_LOG"}]})");
  bundle.write();
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(contains(ran.err, "no system call is called 'mkdri': the rule that denies it protects nothing"));
  CHECK_FALSE(contains(ran.err, "opne"));
  const std::string log = debug_log(world, {"run", "--bundle", bundle.dir, bundle.id});
  CHECK(contains(log, "no system call is called 'opne'"));
  CHECK(contains(log, " instructions, flags 0x"));
}
