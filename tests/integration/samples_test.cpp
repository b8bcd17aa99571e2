// SPDX-License-Identifier: Apache-2.0
// Every file of config-samples/ runs as it stands, but for a cgroup name that the tests can clean up.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

/// A bundle of busybox with the sample's config.
Bundle sample(World& world, const std::string& name) {
  Bundle bundle = world.busybox_bundle();
  for (const char* applet : {"chmod", "mkdir", "nproc", "unshare"})
    install(bundle.rootfs + "/bin/busybox", bundle.rootfs + "/bin/" + applet);
  bundle.config = Json(slurp(Places::get().source + "/config-samples/" + name));
  bundle.config.set_string("/linux/cgroupsPath", "/" + world.mark() + "/" + bundle.id);
  return bundle;
}

}  // namespace

TEST_CASE("sample minimal.json", "[samples]") {
  World world;
  const Ran ran = world.run(sample(world, "minimal.json"));
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "hello from minimal, pid 1\n");
  world.nothing_left();
}

TEST_CASE("sample limits.json", "[samples]") {
  World world;
  const Ran ran = world.run(sample(world, "limits.json"));
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "32\n256\n1\n");
  world.nothing_left();
}

TEST_CASE("sample seccomp.json", "[samples]") {
  World world;
  const Ran ran = world.run(sample(world, "seccomp.json"));
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "a directory was made\nunshare was refused\nsetuid was refused\n"));
  world.nothing_left();
}

TEST_CASE("sample hooks.json", "[samples]") {
  World world;
  const Bundle bundle = sample(world, "hooks.json");
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "written by startContainer\n");
  CHECK(Json(slurp(bundle.dir + "/created.json")).str("/status") == "creating");
  CHECK(Json(slurp(bundle.dir + "/started.json")).str("/status") == "running");
  CHECK(Json(slurp(bundle.dir + "/stopped.json")).str("/status") == "stopped");
  world.nothing_left();
}

TEST_CASE("sample rootless.json, as the user it is for", "[samples][rootless]") {
  World world;
  Bundle bundle = sample(world, "rootless.json");
  bundle.remove("/linux/cgroupsPath").write();
  make_dirs(world.dir() + "/run");
  world.give_to(1000);
  How how;
  how.uid = 1000;
  how.env = {"XDG_RUNTIME_DIR=" + world.dir() + "/run"};
  how.global_root = false;
  const Ran ran = world.call({"run", "--bundle", bundle.dir, bundle.id}, how);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "0\n"));
  CHECK(contains(ran.out, "1000"));
  CHECK(contains(ran.out, "rootless\n"));
  CHECK(names_in(world.dir() + "/run/caisson").empty());
  world.nothing_left();
}

TEST_CASE("there is a test for each sample", "[samples]") {
  const std::vector<std::string> known = {"hooks.json", "limits.json", "minimal.json", "rootless.json", "seccomp.json"};
  std::vector<std::string> found;
  for (const auto& name : names_in(Places::get().source + "/config-samples"))
    if (name.ends_with(".json") && Json(slurp(Places::get().source + "/config-samples/" + name)).has("/ociVersion"))
      found.push_back(name);
  CHECK(found == known);
}

TEST_CASE("the schema's examples load", "[samples][config]") {
  // They ask for devices, labels and paths that no host has: what is shown is that reading them is not what fails.
  World world;
  const std::string dir = Places::get().source + "/tests/schema/examples";
  for (const auto& name : names_in(dir)) {
    Bundle bundle = world.bundle();
    spit(bundle.dir + "/config.json", slurp(dir + "/" + name));
    const Ran ran = world.call({"create", "--bundle", bundle.dir, bundle.id});
    INFO(name << ": " << ran.err);
    CHECK(ran.code == 1);
    CHECK_FALSE(contains(ran.err, "invalid JSON"));
    CHECK_FALSE(contains(ran.err, "expected"));
  }
  world.nothing_left();
}
