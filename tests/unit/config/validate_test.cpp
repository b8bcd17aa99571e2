// SPDX-License-Identifier: Apache-2.0
#include "config/validate.hpp"

#include <catch2/catch.hpp>

#include "verdict.hpp"

using namespace caisson;

namespace {

config::Spec sound() { return verdict::with_linux(""); }

std::string of_version(std::string version) {
  auto spec = sound();
  spec.oci_version = std::move(version);
  return verdict::of(spec);
}

std::string of_mount(config::Mount mount, bool user_namespace = false) {
  auto spec = sound();
  spec.mounts = {{.destination = "/proc", .type = "proc"}, std::move(mount)};
  if (user_namespace) {
    spec.linux->namespaces.push_back({config::NamespaceType::user, {}});
    spec.linux->uid_mappings = spec.linux->gid_mappings = {{0, 1000, 1}};
  }
  return verdict::of(spec);
}

std::string of_hook(config::Hook hook) {
  auto spec = sound();
  spec.hooks.emplace().start_container = {{.path = "/bin/true"}, std::move(hook)};
  return verdict::of(spec);
}

}  // namespace

TEST_CASE("versions", "[config][validate]") {
  for (const auto* good : {"1.0.0", "1.0.2-dev", "1.3.0", "1.4.0-rc.1+build.5", "1.10.20", "1.0.0-rc5"})
    CHECK(of_version(good) == "ok");
  for (const std::string bad :
       {"", "1", "1.3", "1.3.0.0", "v1.3.0", "1.03.0", "1.3.x", "1.3.0-", "1.3.0-a..b", "1.3.0+"})
    CHECK(of_version(bad) == "'" + bad + "' is not a version of the form 1.2.3 [/ociVersion]");
  for (const std::string other : {"0.5.0-dev", "2.0.0", "10.0.0"})
    CHECK(of_version(other) ==
          "unsupported runtime-spec version '" + other + "': this runtime implements 1.3.0 [/ociVersion]");
}

TEST_CASE("what a container cannot do without", "[config][validate]") {
  auto spec = sound();
  CHECK(verdict::of(spec) == "ok");
  spec.process.reset();
  CHECK(verdict::of(spec) == "process property must not be empty [/process]");
  spec = sound();
  spec.root.reset();
  CHECK(verdict::of(spec) == "root must be specified [/root]");
  spec = sound();
  spec.root->path.clear();
  CHECK(verdict::of(spec) == "root.path must not be empty [/root/path]");
  spec = sound();
  spec.linux.reset();
  CHECK(verdict::of(spec) == "ok");
}

TEST_CASE("sections of other platforms are refused by name", "[config][validate]") {
  for (const std::string key : {"solaris", "windows", "vm", "zos", "freebsd"}) {
    const auto spec = config::load(R"({"ociVersion":"1.3.0",")" + key + R"(":{"x":[1]}})");
    REQUIRE(spec);
    CHECK(verdict::of(*spec) == "the section '" + key + "' cannot be honoured on Linux [/" + key + "]");
    CHECK(config::load(config::save(*spec)) == *spec);
  }
}

TEST_CASE("names need a UTS namespace", "[config][validate]") {
  auto spec = sound();
  spec.hostname = "a";
  spec.domainname = "b";
  CHECK(verdict::of(spec) == "ok");
  spec.hostname = std::string(65, 'x');
  CHECK(verdict::of(spec) == "'" + spec.hostname + "' is longer than 64 bytes [/hostname]");
  spec.hostname = "a";
  std::erase_if(spec.linux->namespaces, [](const auto& space) { return space.type == config::NamespaceType::uts; });
  CHECK(verdict::of(spec) == "unable to set hostname without a private UTS namespace [/hostname]");
  spec.hostname.clear();
  CHECK(verdict::of(spec) == "unable to set domainname without a private UTS namespace [/domainname]");
}

TEST_CASE("mount destinations", "[config][validate]") {
  CHECK(of_mount({.destination = "/a"}) == "ok");
  CHECK(of_mount({.destination = ""}) == "invalid mount: destination must not be empty [/mounts/1/destination]");
  for (const std::string top : {"/", "//", "/.", "/a/..", "..", "/../.", "/a/../.."})
    CHECK(of_mount({.destination = top}) == "mountpoint '" + top + "' is on the top of rootfs [/mounts/1/destination]");
  CHECK(of_mount({.destination = "/../a"}) == "ok");
  auto spec = sound();
  spec.mounts = {{.destination = "a/b"}};
  std::vector<std::string> warnings;
  REQUIRE(config::validate(spec, warnings));
  CHECK(warnings ==
        std::vector<std::string>{"mount 'a/b': relative destination path is deprecated, using it as relative to /"});
}

TEST_CASE("id-mapped mounts", "[config][validate]") {
  const std::vector<config::IdMapping> map = {{0, 1000, 10}};
  CHECK(of_mount({.destination = "/a", .options = {"bind"}, .uid_mappings = map, .gid_mappings = map}) == "ok");
  CHECK(of_mount({.destination = "/a", .options = {"rbind", "ridmap"}, .uid_mappings = map, .gid_mappings = map}) ==
        "ok");
  CHECK(of_mount({.destination = "/a", .uid_mappings = map, .gid_mappings = map}) ==
        "id-mapped mounts are only supported for bind-mounts [/mounts/1]");
  CHECK(of_mount({.destination = "/a", .options = {"idmap"}}) ==
        "id-mapped mounts are only supported for bind-mounts [/mounts/1]");
  CHECK(of_mount({.destination = "/a", .options = {"bind"}, .uid_mappings = map}) ==
        "id-mapped mount needs gid mappings too [/mounts/1/gidMappings]");
  CHECK(of_mount({.destination = "/a", .options = {"bind"}, .gid_mappings = map}) ==
        "id-mapped mount needs uid mappings too [/mounts/1/uidMappings]");
  CHECK(of_mount({.destination = "/a", .options = {"bind", "idmap"}}) ==
        "id-mapped mount without mappings needs a user namespace [/mounts/1]");
  CHECK(of_mount({.destination = "/a", .options = {"bind", "idmap"}}, true) == "ok");
  CHECK(of_mount({.destination = "/a", .options = {"bind"}, .uid_mappings = {{0, 5, 0}}, .gid_mappings = map}) ==
        "a mapping of no ids [/mounts/1/uidMappings/0/size]");
}

TEST_CASE("hooks", "[config][validate]") {
  CHECK(of_hook({.path = "/x", .env = std::vector<std::string>{"A="}, .timeout = 1}) == "ok");
  CHECK(of_hook({.path = "x"}) == "hook path 'x' is not absolute [/hooks/startContainer/1/path]");
  CHECK(of_hook({.path = ""}) == "hook path '' is not absolute [/hooks/startContainer/1/path]");
  CHECK(of_hook({.path = "/x", .timeout = 0}) ==
        "hook timeout 0 is not greater than zero [/hooks/startContainer/1/timeout]");
  CHECK(of_hook({.path = "/x", .timeout = -3}) ==
        "hook timeout -3 is not greater than zero [/hooks/startContainer/1/timeout]");
  CHECK(of_hook({.path = "/x", .env = std::vector<std::string>{"A=1", "B"}}) ==
        "invalid environment variable: missing '=' in 'B' [/hooks/startContainer/1/env/1]");
  for (const auto list : {&config::Hooks::prestart, &config::Hooks::create_runtime, &config::Hooks::create_container,
                          &config::Hooks::start_container, &config::Hooks::poststart, &config::Hooks::poststop}) {
    auto spec = sound();
    spec.hooks.emplace().*list = {{.path = "relative"}};
    CHECK(verdict::of(spec).starts_with("hook path 'relative' is not absolute [/hooks/"));
  }
}

TEST_CASE("annotations have names", "[config][validate]") {
  auto spec = sound();
  spec.annotations = {{"a", ""}, {"", "b"}};
  CHECK(verdict::of(spec) == "the name of an annotation must not be empty [/annotations/]");
}
