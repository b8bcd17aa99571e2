// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

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

TEST_CASE("a hook has the config's argv and environment, or else the runtime's environment", "[hooks]") {
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

  bundle.set("/hooks/createRuntime/0/env", "[]");
  REQUIRE(::unlink(file.c_str()) == 0);
  CHECK(world.run(bundle, {}, how).code == 0);
  CHECK(Json(slurp(file)).size("/env") == 0);

  bundle.remove("/hooks/createRuntime/0/env");
  const Json without = Json(entry).remove("/env");
  for (const char* kind : {"prestart", "createRuntime", "createContainer", "poststart", "poststop"}) {
    INFO(kind);
    REQUIRE(::unlink(file.c_str()) == 0);
    Bundle one = bundle;
    one.set("/hooks", "{}").set(std::string("/hooks/") + kind, "[" + without.text() + "]");
    CHECK(world.run(one, {}, how).code == 0);
    CHECK(contains(Json(slurp(file)).text("/env"), "\"OF_THE_CALLER=1\""));
  }
}

TEST_CASE("a startContainer hook without an environment has the container's and nothing of the caller's", "[hooks]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.env("OF_THE_CONFIG", "1").probe({"--quiet"});
  bundle.set("/hooks/startContainer", R"([{"path":"/probe","args":["hook","--report-to","/report"]}])");
  How how;
  how.env = {"OF_THE_CALLER=1"};
  const Ran ran = world.run(bundle, {}, how);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const std::string env = Json(slurp(bundle.rootfs + "/report")).text("/env");
  CHECK(contains(env, "OF_THE_CONFIG=1"));
  CHECK_FALSE(contains(env, "OF_THE_CALLER"));
}

TEST_CASE("hooks of start and delete run though the bundle is gone", "[hooks]") {
  World world;
  Bundle bundle = world.bundle();
  Json hooks;
  for (const char* name : {"poststart", "poststop"})
    hooks.set(std::string("/") + name + "/0", hook(world, name, "pwd >>" + world.dir() + "/places"));
  bundle.set("/hooks", hooks.text()).probe({"--quiet", "--hold"});
  REQUIRE(world.create(bundle).code == 0);
  std::filesystem::rename(bundle.dir, bundle.dir + ".moved");
  SECTION("with nothing in its place") {}
  SECTION("with a file in its place") { spit(bundle.dir, ""); }
  const Ran started = world.call({"start", bundle.id});
  INFO(started.err);
  CHECK(started.code == 0);
  const Ran deleted = world.remove(bundle, true);
  CHECK(deleted.code == 0);
  CHECK(deleted.err.empty());
  CHECK(first_words(slurp(world.dir() + "/trace")) == std::vector<std::string>{"poststart", "poststop"});
  CHECK(slurp(world.dir() + "/places") == "/\n/\n");
  world.nothing_left();
}

TEST_CASE("a createContainer hook runs where the user namespace's root may not search the way to the bundle",
          "[hooks][user]") {
  World world;
  Bundle bundle = world.bundle();
  const char* maps = R"([{"containerID":0,"hostID":100000,"size":65536}])";
  bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
  bundle.set("/hooks/createContainer",
             R"([{"path":"/bin/true"},{"path":"/bin/sh","args":["sh","-c","test -e probe"]}])");
  bundle.probe({"--quiet", "--print", "ran"});
  REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
  REQUIRE(::chmod(bundle.dir.c_str(), 0700) == 0);
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "ran\n");
  world.nothing_left();
}

TEST_CASE("a hook that cannot be executed is diagnosed as the process is", "[hooks][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet"});
  const std::string path = world.dir() + "/hook";
  std::string what;
  SECTION("its interpreter is missing") {
    spit(path, "#!/no/such/interpreter\n", 0755);
    what = "no such file or directory: its #! interpreter '/no/such/interpreter' is missing";
  }
  SECTION("its interpreter's name ends in a carriage return") {
    spit(path, "#!/bin/sh\r\n", 0755);
    what = "(its #! line ends in a carriage return)";
  }
  SECTION("it lacks the permission") {
    spit(path, "#!/bin/sh\n", 0644);
    what = "permission denied";
  }
  SECTION("it is a directory") {
    make_dirs(path);
    what = "it is a directory";
  }
  SECTION("it has no #! line") {
    spit(path, "true\n", 0755);
    what = "exec format error: neither an ELF program nor a script";
  }
  for (const char* kind : {"createRuntime", "createContainer"}) {
    Bundle failing = bundle;
    failing.set("/hooks", "{}").set(std::string("/hooks/") + kind, R"([{"path":")" + path + "\"}]");
    const Ran ran = world.run(failing);
    INFO(kind << ": " << ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, what));
    CHECK(contains(ran.err, std::string("[config: /hooks/") + kind + "/0]"));
  }
  world.nothing_left();
}

TEST_CASE("annotations name files for what the hooks print", "[hooks]") {
  World world;
  Bundle bundle = world.bundle();
  const std::string out = world.dir() + "/hooks.out", err = world.dir() + "/hooks.err";
  Json entry;
  entry.set_string("/path", "/bin/sh");
  entry.set_strings("/args", {"sh", "-c", "echo said; echo why >&2"});
  Json hooks;
  for (const char* kind : {"prestart", "createRuntime", "createContainer", "poststart", "poststop"})
    hooks.set(std::string("/") + kind + "/0", entry.text());
  hooks.set("/startContainer/0", R"({"path":"/probe","args":["probe","--quiet","--print","said","--error","why"]})");
  bundle.set("/hooks", hooks.text()).probe({"--quiet"});
  bundle.set("/annotations/run.oci.hooks.stdout", "\"" + out + "\"");
  SECTION("both") {
    bundle.set("/annotations/run.oci.hooks.stderr", "\"" + err + "\"");
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(slurp(out) == "said\nsaid\nsaid\nsaid\nsaid\nsaid\n");
    CHECK(slurp(err) == "why\nwhy\nwhy\nwhy\nwhy\nwhy\n");
  }
  SECTION("one, in a user namespace that may not open it") {
    const char* maps = R"([{"containerID":0,"hostID":100000,"size":65536}])";
    bundle.add_namespace("user").set("/linux/uidMappings", maps).set("/linux/gidMappings", maps);
    REQUIRE(::chown(bundle.rootfs.c_str(), 100000, 100000) == 0);
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(slurp(out) == "said\nsaid\nsaid\nsaid\nsaid\nsaid\n");
  }
  SECTION("a failing hook names the file's place") {
    bundle.set("/hooks", "{}").set("/hooks/createRuntime/0", entry.text());
    bundle.set("/hooks/createRuntime/0/args/2", R"("echo said; echo why >&2; exit 3")");
    const Ran ran = world.run(bundle);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "exit status 3, stdout: in its file, stderr: why"));
    CHECK(slurp(out) == "said\n");
  }
  SECTION("a path that cannot be opened ends create") {
    for (const char* path : {"relative", "/no/such/directory/file"}) {
      Bundle failing = bundle;
      failing.set("/annotations/run.oci.hooks.stdout", std::string("\"") + path + "\"");
      const Ran ran = world.run(failing);
      INFO(ran.err);
      CHECK(ran.code == 1);
      CHECK(contains(ran.err, path));
      CHECK(contains(ran.err, "run.oci.hooks.stdout"));
    }
  }
  world.nothing_left();
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
