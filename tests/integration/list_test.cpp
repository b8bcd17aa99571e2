// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "integration/support/world.hpp"

using namespace caisson::testing;

using Strings = std::vector<std::string>;

namespace {

/// The name that a process of the runtime bears.
std::string runtime_name() { return std::filesystem::path(Places::get().caisson).filename().string().substr(0, 15); }

std::string name_of(int pid) { return trimmed(slurp("/proc/" + std::to_string(pid) + "/comm")); }

std::string record_of(const World& world, const Bundle& bundle) {
  return world.root() + "/" + bundle.id + "/state.json";
}

/// What `list` says of it, which is what `state` says.
std::string listed(const World& world, const Bundle& bundle) {
  const Json list(world.call({"list", "-f", "json"}).out);
  for (std::size_t i = 0; i < list.size(""); ++i) {
    const std::string at = "/" + std::to_string(i);
    if (list.str(at + "/id") != bundle.id) continue;
    const std::string status = list.str(at + "/status");
    CHECK(status == world.status(bundle));
    CHECK((list.num(at + "/pid") == 0) == (status == "stopped"));
    return status;
  }
  return "not there";
}

/// A program of the runtime's own name.
Bundle namesake(World& world) {
  Bundle bundle = world.bundle();
  install(Places::get().probe, bundle.rootfs + "/" + runtime_name());
  bundle.args({"/" + runtime_name(), "--quiet", "--print", "ready", "--hold"});
  return bundle;
}

}  // namespace

TEST_CASE("list: a program may have the runtime's name", "[cli][list]") {
  World world;
  const Bundle run = namesake(world), created = namesake(world);
  const Ran detached = world.run(run, {"--detach"});
  REQUIRE(detached.code == 0);
  CHECK(name_of(world.pid(run)) == runtime_name());
  CHECK(listed(world, run) == "running");
  REQUIRE(world.create(created).code == 0);
  CHECK(listed(world, created) == "created");
  CHECK(world.call({"start", created.id}).code == 0);
  CHECK(name_of(world.pid(created)) == runtime_name());
  CHECK(listed(world, created) == "running");
  for (const auto& bundle : {run, created}) {
    CHECK(world.call({"pause", bundle.id}).code == 0);
    CHECK(listed(world, bundle) == "paused");
    CHECK(world.call({"resume", bundle.id}).code == 0);
    CHECK(listed(world, bundle) == "running");
    CHECK(world.remove(bundle, true).code == 0);
  }
  world.nothing_left();
}

TEST_CASE("list: a process that takes the runtime's name still runs", "[cli][list]") {
  World world;
  Bundle run = world.bundle(), created = world.bundle();
  for (Bundle* bundle : {&run, &created})
    bundle->probe({"--quiet", "--rename", runtime_name(), "--print", "ready", "--hold"});
  const Ran detached = world.run(run, {"--detach"});
  REQUIRE(detached.code == 0);
  CHECK(eventually([&] { return slurp(detached.out_path) == "ready\n"; }));
  CHECK(name_of(world.pid(run)) == runtime_name());
  CHECK(listed(world, run) == "running");
  const Ran started = world.started(created);
  CHECK(eventually([&] { return slurp(started.out_path) == "ready\n"; }));
  CHECK(name_of(world.pid(created)) == runtime_name());
  CHECK(listed(world, created) == "running");
  for (const auto& bundle : {run, created}) CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("list: what is made is being created until it runs", "[cli][list]") {
  World world;
  make_dirs(world.root());
  for (int round = 0; round < 20; ++round) {
    Bundle bundle = world.bundle();
    bundle.probe({"--quiet", "--hold"}).write();
    Ran files;
    const pid_t call = world.start_call({"run", "--detach", "--bundle", bundle.dir, bundle.id}, {}, files);
    Strings seen;
    const auto look = [&] {
      const Json list(world.call({"list", "-f", "json"}).out);
      const std::string status = list.size("") == 1 ? list.str("/0/status") : "not there";
      if (seen.empty() || seen.back() != status) seen.push_back(status);
      return status == "running";
    };
    CHECK(eventually(look));
    CHECK(world.finish_call(call, files, 10).code == 0);
    CHECK(look());
    std::erase(seen, "not there");
    std::erase(seen, "creating");
    CHECK(seen == Strings{"running"});
    CHECK(world.remove(bundle, true).code == 0);
  }
  world.nothing_left();
}

TEST_CASE("list: records of before they had init's name", "[cli][list]") {
  World world;
  Bundle run = world.bundle(), created = world.bundle();
  for (Bundle* bundle : {&run, &created}) bundle->probe({"--quiet", "--hold"});
  REQUIRE(world.run(run, {"--detach"}).code == 0);
  REQUIRE(world.create(created).code == 0);
  for (const auto& bundle : {run, created}) {
    Json record(slurp(record_of(world, bundle)));
    CHECK(record.str("/init_name") == (bundle.id == run.id ? runtime_name() : name_of(world.pid(bundle))));
    record.remove("/init_name");
    spit(record_of(world, bundle), record.text());
  }
  CHECK(listed(world, run) == "running");
  CHECK(listed(world, created) == "created");
  CHECK(world.call({"start", created.id}).code == 0);
  CHECK(listed(world, created) == "running");
  for (const auto& bundle : {run, created}) CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("list: another process of the same number is not the container's", "[cli][list]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  REQUIRE(world.run(bundle, {"--detach"}).code == 0);
  const std::string before = slurp(record_of(world, bundle));
  Json record(before);
  record.set("/init_process_start", std::to_string(record.num("/init_process_start") + 1));
  spit(record_of(world, bundle), record.text());
  CHECK(listed(world, bundle) == "stopped");
  spit(record_of(world, bundle), before);
  CHECK(listed(world, bundle) == "running");
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("list: many containers, in every state, by their ids", "[cli][list]") {
  World world;
  constexpr std::size_t kMany = 100;
  std::vector<Bundle> bundles;
  const Strings states{"running", "created", "paused", "stopped", "running"};
  std::map<std::string, std::string> expected;
  for (std::size_t i = 0; i < kMany; ++i) {
    Bundle bundle = world.bundle();
    bundle.probe({"--quiet", "--hold"});
    const std::string& state = states[i % states.size()];
    if (i % states.size() == 0) {
      REQUIRE(world.run(bundle, {"--detach"}).code == 0);
    } else {
      REQUIRE(world.create(bundle).code == 0);
      if (state != "created") REQUIRE(world.call({"start", bundle.id}).code == 0);
    }
    if (state == "paused") REQUIRE(world.call({"pause", bundle.id}).code == 0);
    if (state == "stopped") {
      REQUIRE(world.kill(bundle, "KILL").code == 0);
      REQUIRE(eventually([&] { return world.status(bundle) == "stopped"; }));
    }
    expected[bundle.id] = state;
    bundles.push_back(std::move(bundle));
  }
  make_dirs(world.root() + "/broken");
  spit(world.root() + "/broken/state.json", R"({"id":"broken"})");
  make_dirs(world.root() + "/empty");
  ::symlink(bundles.front().id.c_str(), (world.root() + "/link").c_str());
  const Ran ran = world.call({"list", "-f", "json"});
  CHECK(ran.code == 0);
  CHECK(contains(ran.err, "warning: load container broken: the record of container broken is damaged"));
  CHECK(contains(ran.err, "a required value is missing"));
  const Json list(ran.out);
  REQUIRE(list.size("") == expected.size());
  std::size_t at = 0;
  std::string ids;
  for (const auto& [id, state] : expected) {
    INFO(id);
    const std::string place = "/" + std::to_string(at++);
    CHECK(list.str(place + "/id") == id);
    CHECK(list.str(place + "/status") == state);
    CHECK(list.str(place + "/owner") == "root");
    const Json one(world.call({"state", id}).out);
    CHECK(one.str("/status") == state);
    CHECK(one.num("/pid") == list.num(place + "/pid"));
    CHECK(one.str("/created") == list.str(place + "/created"));
    ids += id + "\n";
  }
  CHECK(world.call({"list", "-q"}).out == ids);
  // With too few descriptors for several threads, the same; and with one processor.
  const auto call = [&](const std::string& before, const std::string& file) {
    return std::system(("exec >" + world.dir() + file + "; " + before + " " + Places::get().caisson + " --root " +
                        world.root() + " list -f json")
                           .c_str());
  };
  CHECK(call("ulimit -n 7; exec", "/few") == 0);
  CHECK(call("exec taskset -c $(taskset -cp $$ | sed 's/.*: *//; s/[-,].*//')", "/alone") == 0);
  CHECK(slurp(world.dir() + "/few") == ran.out);
  CHECK(slurp(world.dir() + "/alone") == ran.out);
  const std::string table = world.call({"list"}).out;
  for (const auto& [id, state] : expected) CHECK(contains(table, "\n" + id + " "));
  for (const auto& bundle : bundles) CHECK(world.remove(bundle, true).code == 0);
  std::filesystem::remove_all(world.root() + "/broken");
  std::filesystem::remove_all(world.root() + "/empty");
  std::filesystem::remove(world.root() + "/link");
  world.nothing_left();
}
