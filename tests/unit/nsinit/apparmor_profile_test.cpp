// SPDX-License-Identifier: Apache-2.0
#include "nsinit/apparmor_profile.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "nsinit/host_lsm.hpp"
#include "support/skip.hpp"

using namespace caisson;

namespace {

/// A place for AppArmor's things, with a parser that does as it is told.
class Places {
 public:
  explicit Places(const char* parser) {
    char name[] = "/tmp/caisson-unit-apparmor-XXXXXX";
    REQUIRE(::mkdtemp(name));
    dir = name;
    write("parser", std::string("#!/bin/sh\n") + parser + "\n");
    ::chmod((dir + "/parser").c_str(), 0755);
    // The directory of profiles need not be there.
    places = {.profiles = dir + "/etc/apparmor.d", .loaded = dir + "/loaded", .parser = dir + "/parser", .module = dir};
  }
  ~Places() { std::filesystem::remove_all(dir); }
  Places(const Places&) = delete;
  void write(const char* name, const std::string& text) const { std::ofstream(dir + "/" + name) << text; }
  std::string read(const char* name) const {
    std::ostringstream text;
    text << std::ifstream(dir + "/" + name).rdbuf();
    return text.str();
  }
  std::string dir;
  nsinit::ApparmorPlaces places;
};

}  // namespace

TEST_CASE("the default profile builds on what the distribution has", "[nsinit][apparmor]") {
  const auto bare = nsinit::default_profile_text({});
  CHECK(bare.starts_with("@{PROC}=/proc/\n\nprofile docker-default flags=(attach_disconnected,mediate_deleted) {\n"));
  CHECK(bare.ends_with("}\n"));
  CHECK(bare.find("#include") == bare.npos);
  for (const char* rule : {"deny @{PROC}/sysrq-trigger", "deny mount fstype=devpts", "mount fstype=tmpfs",
                           "deny /sys/kernel/security/**", "umount,"})
    CHECK(bare.find(rule) != bare.npos);
  const auto full = nsinit::default_profile_text({.tunables = true, .abstractions = true});
  CHECK(full.starts_with("#include <tunables/global>\n"));
  CHECK(full.find("  #include <abstractions/base>\n") != full.npos);
}

TEST_CASE("AppArmor's own parser takes the profile", "[nsinit][apparmor]") {
  const char* parser = std::getenv("CAISSON_TEST_APPARMOR_PARSER");
  const std::string program = parser ? parser : "/sbin/apparmor_parser";
  if (::access(program.c_str(), X_OK) != 0) CAISSON_SKIP("no apparmor_parser(8)");
  const Places here("");
  here.write("docker", nsinit::default_profile_text({}));
  CHECK(std::system((program + " --skip-kernel-load --skip-cache --features-file /dev/null " + here.dir +
                     "/docker >/dev/null 2>" + here.dir + "/called")
                        .c_str()) == 0);
  INFO(here.read("called"));
}

TEST_CASE("a profile is loaded once, from a file that stays the administrator's", "[nsinit][apparmor]") {
  const Places here("echo \"$@\" > \"$(dirname \"$0\")/called\"");
  CHECK_FALSE(nsinit::apparmor_profile_is_loaded("docker-default", here.places));
  here.write("loaded", "other (enforce)\ndocker-default (enforce)\n");
  CHECK(nsinit::apparmor_profile_is_loaded("docker-default", here.places));
  CHECK_FALSE(nsinit::apparmor_profile_is_loaded("docker", here.places));
  CHECK(nsinit::load_apparmor_profile("docker", "the text\n", here.places));
  CHECK(here.read("etc/apparmor.d/docker") == "the text\n");
  CHECK(here.read("called") == "-r -W " + here.places.profiles + "/docker\n");
  CHECK(nsinit::load_apparmor_profile("docker", "another text\n", here.places));
  CHECK(here.read("etc/apparmor.d/docker") == "the text\n");
}

TEST_CASE("a parser that fails is repeated in its own words, and its file is not left", "[nsinit][apparmor]") {
  const Places here("echo 'line 3: no such rule' >&2; exit 2");
  const auto loaded = nsinit::load_apparmor_profile("docker", "nonsense", here.places);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().message() == "Error loading docker apparmor profile: exit status 2 (line 3: no such rule)");
  CHECK(std::filesystem::is_empty(here.places.profiles));
  auto places = here.places;
  places.parser = "/nowhere/parser";
  CHECK_FALSE(nsinit::load_apparmor_profile("docker", "text", places));
}

TEST_CASE("a host without the parser, or in a container, counts as one without AppArmor", "[nsinit][apparmor]") {
  const Places here("");
  const auto why = [&](const nsinit::ApparmorPlaces& places) {
    return nsinit::why_no_apparmor("docker-default", places);
  };
  ::unsetenv("container");
  CHECK(why(here.places).empty());
  auto places = here.places;
  places.module = "/nowhere/apparmor";
  CHECK(why(places) == "this host's AppArmor cannot be spoken to, for '/nowhere/apparmor' is not there");
  places = here.places;
  places.parser = "/nowhere/parser";
  CHECK(why(places) ==
        "the kernel does not know the profile 'docker-default', and there is no '/nowhere/parser' to load one");
  ::setenv("container", "lxc", 1);
  CHECK(why(here.places) == "AppArmor is not ours in a container, as $container ('lxc') says this is");
  // What the kernel has already needs nothing of that.
  here.write("loaded", "docker-default (enforce)\n");
  CHECK(why(here.places).empty());
  ::unsetenv("container");
}

TEST_CASE("the policy's own labels of containers", "[nsinit][selinux]") {
  const Places here("");
  CHECK(nsinit::selinux_container_labels(here.dir).process.empty());
  std::filesystem::create_directories(here.dir + "/default/contexts");
  here.write("config", "# of the test\nSELINUX=enforcing\nSELINUXTYPE=default\n");
  here.write("default/contexts/lxc_contexts",
             "process = \"system_u:system_r:container_t:s0\"\nfile = \"system_u:object_r:container_file_t:s0\"\n");
  const auto labels = nsinit::selinux_container_labels(here.dir);
  CHECK(labels.process == "system_u:system_r:container_t");
  CHECK(labels.file == "system_u:object_r:container_file_t");
}

TEST_CASE("levels by chance are two categories in order", "[nsinit][selinux]") {
  for (int round = 0; round < 200; ++round) {
    const auto level = nsinit::random_level();
    REQUIRE(level);
    unsigned a = 0, b = 0;
    INFO(*level);
    REQUIRE(std::sscanf(level->c_str(), "s0:c%u,c%u", &a, &b) == 2);
    CHECK(a < b);
    CHECK(b < 1024);
  }
}
