// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

Bundle without_limits(World& world) {
  Bundle bundle = world.busybox_bundle();
  bundle.remove("/linux/resources");
  return bundle;
}

Ran call_disabled(const World& world, std::vector<std::string> words) {
  words.insert(words.begin(), {"--cgroup-manager", "disabled"});
  return world.call(words);
}

}  // namespace

TEST_CASE("--cgroup-manager=disabled: the container stays in the caller's cgroups", "[cgroup][disabled]") {
  World world;
  Bundle bundle = without_limits(world);
  bundle.without_namespace("cgroup").args({"/bin/busybox", "cat", "/proc/self/cgroup"}).write();
  const Ran ran = call_disabled(world, {"run", "--bundle", bundle.dir, bundle.id});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.err.empty());
  CHECK(ran.out == slurp("/proc/self/cgroup"));
  world.nothing_left();
}

TEST_CASE("--cgroup-manager=disabled: each command says what it cannot do", "[cgroup][disabled][errors]") {
  World world;
  Bundle bundle = without_limits(world);
  bundle.args({"/bin/busybox", "sleep", "1000"}).write();
  REQUIRE(call_disabled(world, {"run", "--detach", "--bundle", bundle.dir, bundle.id}).code == 0);
  CHECK(world.status(bundle) == "running");
  CHECK(world.call({"exec", bundle.id, "/bin/busybox", "echo", "joined"}).out == "joined\n");
  const std::vector<std::string> refused[] = {{"pause", bundle.id},
                                              {"ps", "--format", "json", bundle.id},
                                              {"events", "--stats", bundle.id},
                                              {"update", "--pids-limit", "5", bundle.id}};
  for (const auto& words : refused) {
    const Ran ran = world.call(words);
    INFO(words.front() << ": " << ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "the container has no cgroup"));
  }
  CHECK(world.status(bundle) == "running");
  CHECK(world.kill(bundle, "KILL").code == 0);
  CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
  CHECK(world.remove(bundle).code == 0);
  world.nothing_left();
}

TEST_CASE("--cgroup-manager=disabled: a limit is refused by name, device rules are warned of", "[cgroup][disabled]") {
  World world;
  Bundle bundle = without_limits(world);
  bundle.args({"/bin/busybox", "true"}).set("/linux/resources/pids", R"({"limit":5})").write();
  const Ran refused = call_disabled(world, {"run", "--bundle", bundle.dir, bundle.id});
  INFO(refused.err);
  CHECK(refused.code == 1);
  CHECK(contains(refused.err, "--cgroup-manager=disabled cannot be combined with 'pids.max'"));
  CHECK(contains(refused.err, "[config: /linux/resources/pids/limit]"));
  bundle.set("/linux/resources/pids", R"({"limit":-1})");
  bundle.set("/linux/resources/devices", R"([{"allow":false,"access":"rwm"}])").write();
  const Ran ran = call_disabled(world, {"run", "--bundle", bundle.dir, bundle.id});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(contains(ran.err, "without cgroups the rules of linux.resources.devices are not enforced"));
  world.nothing_left();
}

TEST_CASE("without a cgroup and with the host's PID namespace, kill and delete end init", "[cgroup][disabled]") {
  World world;
  Bundle bundle = without_limits(world);
  bundle.without_namespace("pid").args({"/bin/busybox", "sleep", "1000"}).write();
  for (const bool force : {false, true}) {
    const Ran ran = call_disabled(world, {"run", "--detach", "--bundle", bundle.dir, bundle.id});
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    CHECK(contains(ran.err, "the container's processes may outlive it"));
    if (!force) {
      CHECK(world.kill(bundle, "KILL").code == 0);
      CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
    }
    CHECK(world.remove(bundle, force).code == 0);
    world.nothing_left();
  }
}

TEST_CASE("a pids limit of 0 is no limit in configs older than 1.3.0", "[cgroup][resources]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.set("/linux/resources/pids", R"({"limit":0})");
  bundle.args({"/bin/busybox", "sh", "-c", "(true) && echo forked"});
  bundle.set("/ociVersion", R"("1.0.2")");
  const Ran old = world.run(bundle);
  INFO(old.err);
  CHECK(old.out == "forked\n");
  bundle.set("/ociVersion", R"("1.3.0")");
  CHECK(world.run(bundle).out.empty());
  world.nothing_left();
}

TEST_CASE("resume says which cgroup above is frozen", "[cgroup][errors]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.args({"/bin/busybox", "sleep", "1000"});
  world.started(bundle);
  const std::string controller = cgroup_v2() ? "" : "freezer";
  const std::string parent = cgroup_dir(controller, "/" + world.mark());
  if (parent.empty()) CAISSON_SKIP("there is no freezer");
  const std::string file = parent + (cgroup_v2() ? "/cgroup.freeze" : "/freezer.state");
  spit(file, cgroup_v2() ? "1" : "FROZEN");
  CHECK(eventually([&] { return world.status(bundle) == "paused"; }));
  const Ran ran = world.call({"resume", bundle.id});
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "'" + parent + "' above its own is"));
  spit(file, cgroup_v2() ? "0" : "THAWED");
  CHECK(eventually([&] { return world.status(bundle) == "running"; }));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("exec joins init's cgroup where the container's has handed its controllers down", "[exec][cgroup]") {
  if (!cgroup_v2()) CAISSON_SKIP("cgroup v1 cannot hand controllers down");
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.without_namespace("cgroup").args({"/bin/busybox", "sleep", "1000"});
  world.started(bundle);
  const std::string own = cgroup_dir("", "/" + world.mark() + "/" + bundle.id);
  make_dirs(own + "/init");
  spit(own + "/init/cgroup.procs", std::to_string(world.pid(bundle)));
  spit(own + "/cgroup.subtree_control", "+pids");
  const Ran ran = world.call({"exec", bundle.id, "/bin/busybox", "cat", "/proc/self/cgroup"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, bundle.id + "/init\n"));
  // What was asked for by name is not replaced.
  CHECK(world.call({"exec", "--cgroup", "/", bundle.id, "/bin/busybox", "true"}).code != 0);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}
