// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "world.hpp"

using namespace caisson::test;
namespace config = caisson::config;

namespace {

struct Row {
  const char* root;    ///< rootfsPropagation
  const char* bind;    ///< option of the bind, or ""
  const char* tags;    ///< of "/" and of the bind, "|shared |master"
  const char* events;  ///< what arrives: from the host in the root, in the bind; from the container on the host
};

bool mounted(const std::string& path) { return !mount_at(path).type.empty(); }

// A container with a volume; then the host mounts below the rootfs and the volume, and the container below the volume.
Outcome exchange(const World& world, const char* root, const char* bind, bool prepared) {
  Scenario s(world);
  if (prepared) s.user_namespace(world);
  s.share_host = true;
  s.spec.linux->rootfs_propagation = root;
  std::vector<std::string> options = {"rbind"};
  if (*bind) options.emplace_back(bind);
  s.mount({"/v", "", "volume", options, {}, {}});
  s.host_setup = [&] {
    for (const char* name : {"volume", "rootfs"})
      ::mount(world.path(name).c_str(), world.path(name).c_str(), nullptr, MS_BIND, nullptr);
  };
  s.on_host = [&](const std::string& word) {
    if (word == "look") return std::string(mounted(world.path("volume/mine")) ? "host sees" : "host blind");
    ::mount("tmpfs", world.path("rootfs/late").c_str(), "tmpfs", 0, nullptr);
    ::mount("tmpfs", world.path("volume/late").c_str(), "tmpfs", 0, nullptr);
    return std::string("done");
  };
  s.inside = [](const AskHost& ask) {
    const auto tags = [](const char* path) {
      const std::string text = brief(path);
      return text.substr(text.find('|'));
    };
    std::string out = tags("/") + " " + tags("/v") + ": ";
    ask("mount");
    out += mounted("/late") ? "root " : "- ";
    out += mounted("/v/late") ? "bind " : "- ";
    ::mount("tmpfs", "/v/mine", "tmpfs", 0, nullptr);
    return out + ask("look");
  };
  s.host_check = [&] {
    std::string out;
    for (const auto& line : all_mounts())
      if (line.point.starts_with(world.path("rootfs/")) && line.point != world.path("rootfs/late"))
        out += " leaked " + line.point;
    return out;
  };
  return run(world, s);
}

}  // namespace

TEST_CASE("propagation between host, rootfs and volumes", "[rootfs][propagation]") {
  CAISSON_NEEDS_ROOT();
  const Row table[] = {
      {"", "", "| |master", "- bind host blind"},
      {"rslave", "rprivate", "| |", "- - host blind"},
      {"slave", "rslave", "| |master", "- bind host blind"},
      {"private", "", "| |", "- - host blind"},
      {"rprivate", "rslave", "| |master", "- bind host blind"},
      // A peer group of the container's own.
      {"shared", "", "|shared |master", "- bind host blind"},
      {"shared", "rprivate", "|shared |", "- - host blind"},
      // The pair that engines use for volumes whose mounts are to reach the host.
      {"shared", "rshared", "|shared |shared", "- bind host sees"},
      {"rshared", "rshared", "|shared |shared", "- bind host sees"},
      {"", "rshared", "| |shared+master", "- bind host blind"},
      {"unbindable", "rslave", "|unbindable |master", "- bind host blind"},
      {"runbindable", "", "|unbindable |unbindable", "- - host blind"},
  };
  for (const auto& row : table) {
    World world;
    for (const char* name : {"volume", "volume/late", "volume/mine", "rootfs/late"}) world.directory(name);
    INFO("rootfsPropagation '" << row.root << "', bind '" << row.bind << "'");
    const Outcome outcome = exchange(world, row.root, row.bind, false);
    CHECK(outcome.error == "");
    CHECK(outcome.text == std::string(row.tags) + ": " + row.events);
  }
}

TEST_CASE("trees from the runtime do not carry the host's peer groups into a user namespace",
          "[rootfs][propagation][userns]") {
  CAISSON_NEEDS_ROOT();
  const Row table[] = {
      {"", "", "| |master", "- bind host blind"},
      {"rprivate", "", "| |", "- - host blind"},
      {"", "rshared", "| |shared+master", "- bind host blind"},
      {"shared", "rshared", "|shared |shared+master", "- bind host blind"},
  };
  for (const auto& row : table) {
    World world;
    for (const char* name : {"volume", "volume/late", "volume/mine", "rootfs/late"}) world.directory(name);
    INFO("rootfsPropagation '" << row.root << "', bind '" << row.bind << "'");
    const Outcome outcome = exchange(world, row.root, row.bind, true);
    CHECK(outcome.error == "");
    CHECK(outcome.text == std::string(row.tags) + ": " + row.events);
  }
}

TEST_CASE("what the host mounts later on a mount below the rootfs arrives where rslave asks for it",
          "[rootfs][propagation]") {
  CAISSON_NEEDS_ROOT();
  for (const bool prepared : {false, true})
    for (const char* name : {"", "private", "shared", "rshared", "slave", "rslave", "unbindable"}) {
      World world;
      world.directory("rootfs/below");
      Scenario s(world);
      if (prepared) s.user_namespace(world);
      s.share_host = true;
      s.spec.linux->rootfs_propagation = name;
      s.host_setup = [&] {
        ::mount(world.path("rootfs").c_str(), world.path("rootfs").c_str(), nullptr, MS_BIND, nullptr);
        ::mount("tmpfs", world.path("rootfs/below").c_str(), "tmpfs", 0, nullptr);
        world.directory("rootfs/below/late");
      };
      s.on_host = [&](const std::string&) {
        ::mount("tmpfs", world.path("rootfs/below/late").c_str(), "tmpfs", 0, nullptr);
        ::mount("tmpfs", world.path("rootfs/etc").c_str(), "tmpfs", 0, nullptr);
        return std::string("done");
      };
      s.inside = [](const AskHost& ask) {
        ask("mount");
        const std::string tags = brief("/");
        return tags.substr(tags.find('|')) + (mounted("/below/late") ? " late" : " -") +
               (mounted("/etc") ? " etc" : " -");
      };
      INFO("rootfsPropagation '" << name << "'" << (prepared ? ", user namespace" : ""));
      const Outcome outcome = run(world, s);
      CHECK(outcome.error == "");
      const std::string text = name;
      CHECK(outcome.text == std::string(text.ends_with("shared")       ? "|shared"
                                        : text.ends_with("unbindable") ? "|unbindable"
                                                                       : "|") +
                                (text.ends_with("slave") ? " late" : " -") + " -");
    }
}

TEST_CASE("readonly and masked paths with an unbindable root", "[rootfs][propagation]") {
  CAISSON_NEEDS_ROOT();
  World world;
  Scenario s(world);
  s.spec.linux->rootfs_propagation = "runbindable";
  s.spec.linux->readonly_paths = {"/etc"};
  s.spec.linux->masked_paths = {"/etc/marker", "/tmp"};
  s.inside = [](const AskHost&) { return try_create("/etc/x") + look("/etc/marker") + try_create("/tmp/x"); };
  const Outcome outcome = run(world, s);
  CHECK(outcome.error == "");
  CHECK(outcome.text == "EROFSc 1:3 0666 0:0EROFS");
}
