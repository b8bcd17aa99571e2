// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <map>

#include "integration/support/world.hpp"

using namespace caisson::testing;

using Strings = std::vector<std::string>;

namespace {

/// The steps of each track, "runtime" and "init", in the order in which they began.
std::map<std::string, Strings> tracks_of(const std::string& file) {
  const std::string text = slurp(file);
  INFO(text);
  REQUIRE(Json::valid(text));
  const Json trace(text);
  std::map<std::int64_t, std::string> names;
  std::map<std::string, Strings> tracks;
  std::map<std::string, double> latest;
  for (std::size_t i = 0; i < trace.size("/traceEvents"); ++i) {
    const Json event = trace.at("/traceEvents/" + std::to_string(i));
    if (event.str("/name") == "thread_name") names[event.num("/tid")] = event.str("/args/name");
    if (event.str("/ph") != "X") continue;
    const std::string& track = names[event.num("/tid")];
    const double begin = std::stod(event.text("/ts"));
    CHECK(begin >= latest[track]);
    CHECK(std::stod(event.text("/dur")) >= 0);
    latest[track] = begin;
    tracks[track].push_back(event.str("/name"));
  }
  return tracks;
}

/// Whether `wanted` stand in `all` in this order, others between them or not.
bool in_order(const Strings& all, const Strings& wanted) {
  auto next = wanted.begin();
  for (const auto& name : all)
    if (next != wanted.end() && *next == name) ++next;
  return next == wanted.end();
}

const Strings kInitOfRun{
    "enter namespaces", "mount and make devices", "mount",       "make devices",     "wait for the runtime",
    "switch root",      "finish root filesystem", "become user", "find the program", "wait to be recorded",
    "wait for start",   "execute the program"};

}  // namespace

TEST_CASE("the timeline of run: both sides, each step in its place", "[timeline]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet"});
  SECTION("of an init that goes on in the runtime's memory") {}
  SECTION("of an init that is executed anew") {
    bundle.add_namespace("user");
    bundle.set("/linux/uidMappings", R"([{"containerID":0,"hostID":0,"size":1000}])");
    bundle.set("/linux/gidMappings", R"([{"containerID":0,"hostID":0,"size":1000}])");
  }
  const std::string file = world.dir() + "/trace.json";
  const Ran ran = world.run(bundle, {"--timeline", file});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  auto tracks = tracks_of(file);
  CHECK(tracks.size() == 2);
  CHECK(in_order(tracks["runtime"],
                 {"decide", "read the config", "record the intent", "spawn init", "protect our own binary", "clone",
                  "make cgroups", "set limits", "record the container", "start the process",
                  "wait for the process to end", "remove the container", "remove cgroups"}));
  CHECK(in_order(tracks["init"], kInitOfRun));
  world.nothing_left();
}

TEST_CASE("the timelines of create, exec and delete", "[timeline]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  const std::string file = world.dir() + "/trace.json";
  REQUIRE(world.create(bundle, {"--timeline", file}).code == 0);
  auto create = tracks_of(file);
  CHECK(in_order(create["runtime"], {"decide", "spawn init", "wait for init", "record the container"}));
  CHECK(in_order(create["init"], {"enter namespaces", "switch root", "wait to be recorded"}));

  REQUIRE(world.call({"exec", "--timeline", file, bundle.id, "/probe", "--quiet"}).code == 0);
  auto exec = tracks_of(file);
  CHECK(in_order(exec["runtime"], {"open the container", "decide", "spawn the process", "wait for the process to run",
                                   "wait for the process to end"}));
  CHECK(in_order(exec["init"], {"enter namespaces", "become user", "find the program", "execute the program"}));

  REQUIRE(world.call({"delete", "--force", "--timeline", file, bundle.id}).code == 0);
  CHECK(in_order(tracks_of(file)["runtime"], {"remove the container", "end init", "remove cgroups"}));
  world.nothing_left();
}

TEST_CASE("the timeline as a chart, and of a run that fails", "[timeline]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet"});
  const Ran ran = world.run(bundle, {"--timeline", "-"});
  CHECK(ran.code == 0);
  CHECK(ran.out.empty());
  CHECK(contains(ran.err, "\ninit    switch root "));
  CHECK(contains(ran.err, " milliseconds\n"));

  bundle.args({"/no/such/program"});
  const Ran failed = world.run(bundle, {"--timeline", "-"});
  CHECK(failed.code == 1);
  CHECK(contains(failed.err, "runtime spawn init "));
  CHECK(contains(failed.err, "/no/such/program"));

  const Ran refused = world.run(bundle, {"--timeline", "/no/such/directory/file"});
  CHECK(refused.code == 1);
  CHECK(contains(refused.err, "timeline: open('/no/such/directory/file'): No such file or directory"));
  world.nothing_left();
}
