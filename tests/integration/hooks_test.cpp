// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/world.hpp"

using namespace caisson::testing;

namespace {

/// A hook that appends "NAME <state on stdin>" to <world>/trace, by the host's shell.
std::string hook(const World& world, const std::string& name, const std::string& more = "") {
  Json entry;
  entry.set_string("/path", "/bin/sh");
  entry.set_strings("/args",
                    {"sh", "-c", "{ printf '" + name + " '; cat; echo; } >>" + world.dir() + "/trace; " + more});
  return entry.text();
}

std::string every_hook(const World& world) {
  Json hooks;
  for (const char* name : {"prestart", "createRuntime", "createContainer", "poststart", "poststop"})
    hooks.set(std::string("/") + name + "/0", hook(world, name));
  for (const char* name : {"prestart", "createRuntime", "createContainer", "poststart", "poststop"})
    hooks.set(std::string("/") + name + "/1", hook(world, std::string(name) + "-again"));
  // In the container: the probe writes into the tree.
  hooks.set("/startContainer/0", R"({"path":"/probe","args":["hook","--quiet","--append","/started","in","--cat"]})");
  return hooks.text();
}

std::vector<std::string> first_words(const std::string& text) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (at < text.size()) {
    words.push_back(text.substr(at, text.find(' ', at) - at));
    at = text.find('\n', at);
    if (at == std::string::npos) break;
    ++at;
  }
  return words;
}

/// The state that a hook got.
Json state_of(const World& world, const std::string& name) {
  const std::string trace = slurp(world.dir() + "/trace");
  const auto at = ("\n" + trace).find("\n" + name + " ");
  if (at == std::string::npos) return {};
  const auto start = at + name.size() + 1;
  return Json(trace.substr(start, trace.find('\n', start) - start));
}

}  // namespace

TEST_CASE("six kinds of hooks, in their order and at their time", "[hooks]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/hooks", every_hook(world))
      .set("/annotations", R"({"org.example/key":"a/b"})")
      .probe({"--quiet", "--hold"});

  using Words = std::vector<std::string>;
  Words expected{"prestart",        "prestart-again",       "createRuntime", "createRuntime-again",
                 "createContainer", "createContainer-again"};
  REQUIRE(world.create(bundle).code == 0);
  CHECK(first_words(slurp(world.dir() + "/trace")) == expected);
  CHECK_FALSE(exists(bundle.rootfs + "/started"));
  const int pid = world.pid(bundle);

  REQUIRE(world.call({"start", bundle.id}).code == 0);
  expected.insert(expected.end(), {"poststart", "poststart-again"});
  CHECK(first_words(slurp(world.dir() + "/trace")) == expected);
  CHECK(slurp(bundle.rootfs + "/started") == "in\n");

  CHECK(world.remove(bundle, true).code == 0);
  expected.insert(expected.end(), {"poststop", "poststop-again"});
  CHECK(first_words(slurp(world.dir() + "/trace")) == expected);

  const std::pair<const char*, const char*> statuses[] = {{"prestart", "creating"},
                                                          {"createRuntime", "creating"},
                                                          {"createContainer", "creating"},
                                                          {"poststart", "running"},
                                                          {"poststop", "stopped"}};
  for (const auto& [name, status] : statuses) {
    const Json state = state_of(world, name);
    INFO(name << ": " << state.text());
    CHECK(state.str("/status") == status);
    CHECK(state.str("/id") == bundle.id);
    CHECK(state.str("/bundle") == bundle.dir);
    CHECK_FALSE(state.str("/ociVersion").empty());
    CHECK(state.str("/annotations/org.example~1key") == "a/b");
    // In the container's namespaces it is the pid as seen there (runtime-spec, "State").
    if (std::string(name) != "poststop") CHECK(state.num("/pid") == (std::string(name) == "createContainer" ? 1 : pid));
  }
  CHECK(contains(slurp(world.dir() + "/trace"), "\"a/b\""));  // slashes are not escaped
  world.nothing_left();
}

TEST_CASE("createRuntime runs in the host's namespaces, createContainer in the container's", "[hooks]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string out = world.dir() + "/ns";
  Json hooks;
  hooks.set(
      "/createRuntime/0",
      hook(world, "r", "readlink /proc/self/ns/mnt /proc/self/ns/uts >" + out + "-runtime; pwd >>" + out + "-runtime"));
  hooks.set("/createContainer/0",
            hook(world, "c", "readlink /proc/self/ns/mnt /proc/self/ns/uts >" + out + "-container"));
  bundle.set("/hooks", hooks.text());
  bundle.probe({});
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const Json report(ran.out);
  const std::string inside = report.str("/namespaces/mnt") + "\n" + report.str("/namespaces/uts") + "\n";
  CHECK(slurp(out + "-container") == inside);
  CHECK_FALSE(contains(slurp(out + "-runtime"), report.str("/namespaces/mnt")));
  CHECK(contains(slurp(out + "-runtime"), bundle.dir));  // its working directory
}

TEST_CASE("a hook has the config's argv and environment, and no other", "[hooks]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string probe = Places::get().probe, file = world.dir() + "/report";
  Json entry;
  entry.set_string("/path", probe)
      .set_strings("/args", {"name", "--report-to", file})
      .set("/env", R"(["ONE=1","TWO=2"])");
  bundle.set("/hooks/createRuntime", "[" + entry.text() + "]").probe({"--quiet"});
  How how;
  how.env = {"OF_THE_CALLER=1"};
  const Ran ran = world.run(bundle, {}, how);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const Json report(slurp(file));
  CHECK(report.str("/argv/0") == "name");
  CHECK(report.strings("/env") == std::vector<std::string>{"ONE=1", "TWO=2"});
  CHECK(report.keys("/fds") == std::vector<std::string>{"0", "1", "2"});

  bundle.remove("/hooks/createRuntime/0/env");
  REQUIRE(::unlink(file.c_str()) == 0);
  CHECK(world.run(bundle, {}, how).code == 0);
  CHECK(Json(slurp(file)).size("/env") == 0);
}

TEST_CASE("a hook that fails ends create, is named with what it said, and nothing is left", "[hooks][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--print", "must not run"});
  for (const char* kind : {"prestart", "createRuntime", "createContainer", "startContainer"}) {
    Json entry;
    entry.set_string("/path", std::string(kind) == "startContainer" ? "/probe" : Places::get().probe);
    entry.set_strings("/args", {"probe", "--quiet", "--print", "said this", "--error", "and that", "--exit", "3"});
    Bundle failing = bundle;
    failing.set(std::string("/hooks/") + kind, "[" + hook(world, "fine") + "," + entry.text() + "]");
    if (std::string(kind) == "startContainer") failing.set("/hooks/startContainer", "[" + entry.text() + "]");
    failing.set("/hooks/poststop", "[" + hook(world, "poststop") + "]");
    const Ran ran = world.run(failing);
    INFO(kind << ": " << ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, std::string("error running ") + kind + " hook #" +
                                (std::string(kind) == "startContainer" ? "0" : "1")));
    CHECK(contains(ran.err, "said this"));
    CHECK(contains(ran.err, "and that"));
    CHECK_FALSE(contains(ran.out, "must not run"));
    world.nothing_left();
  }
}

TEST_CASE("a startContainer hook that fails is told by start", "[hooks][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/hooks/startContainer",
             R"([{"path":"/probe","args":["probe","--quiet","--error","no way","--exit","1"]}])");
  bundle.probe({"--quiet", "--print", "must not run"});
  const Ran created = world.create(bundle);
  REQUIRE(created.code == 0);
  const Ran ran = world.call({"start", bundle.id});
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "no way"));
  CHECK(slurp(created.out_path).empty());
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a poststart hook that fails ends the container", "[hooks][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/hooks/poststart", R"([{"path":"/bin/false"}])").probe({"--quiet", "--hold"});
  const Ran ran = world.run(bundle, {"--detach"});
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "poststart"));
  CHECK(eventually([&] { return world.status(bundle) != "running"; }));
  world.remove(bundle, true);
  world.nothing_left();
}

TEST_CASE("a poststart hook that fails at start ends and removes the container", "[hooks][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/hooks/poststart", R"([{"path":"/bin/false"}])").probe({"--quiet", "--hold"});
  bundle.set("/hooks/poststop", "[" + hook(world, "after") + "]");
  bundle.write();
  REQUIRE(world.create(bundle).code == 0);
  const Ran ran = world.call({"start", bundle.id});
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "/hooks/poststart/0"));
  CHECK(contains(world.call({"state", bundle.id}).err, "container does not exist"));
  CHECK(state_of(world, "after").str("/status") == "stopped");
  world.nothing_left();
}

TEST_CASE("a poststop hook that fails does not keep the rest from being removed", "[hooks][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/hooks/poststop", R"([{"path":"/bin/false"},)" + hook(world, "second") + "]").probe({"--quiet"});
  CHECK(world.run(bundle).code == 0);
  CHECK(contains(slurp(world.dir() + "/trace"), "second"));  // each is run
  world.nothing_left();
}

TEST_CASE("a hook past its time is killed and named", "[hooks][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/hooks/createRuntime", R"([{"path":"/bin/sleep","args":["sleep","1000"],"timeout":1}])");
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "hook ran past specified timeout of 1.0s"));
  world.nothing_left();
}

TEST_CASE("hooks that cannot be: no such file, a relative path, no time", "[hooks][errors]") {
  World world;
  Bundle bundle = world.bundle();
  std::string what;
  SECTION("missing") {
    bundle.set("/hooks/createRuntime", R"([{"path":"/no/such/hook"}])");
    what = "/no/such/hook";
  }
  SECTION("relative") {
    bundle.set("/hooks/createRuntime", R"([{"path":"bin/true"}])");
    what = "/hooks/createRuntime/0/path";
  }
  SECTION("timeout 0") {
    bundle.set("/hooks/poststop", R"([{"path":"/bin/true","timeout":0}])");
    what = "/hooks/poststop/0/timeout";
  }
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, what));
  world.nothing_left();
}

TEST_CASE("a createRuntime hook can change what the container gets", "[hooks]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/hooks/createRuntime", "[" + hook(world, "r", "echo made >" + bundle.rootfs + "/by-the-hook") + "]");
  CHECK(world.report(bundle, {"--read", "/by-the-hook"}).str("/read/~1by-the-hook") == "made\n");
}
