// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "cgroup/manager.hpp"

using namespace caisson;

namespace {

/// Directories that look like cgroups, removed at the end.
struct Tree {
  Tree() {
    char pattern[] = "/tmp/caisson-frozen-XXXXXX";
    REQUIRE(::mkdtemp(pattern) != nullptr);
    path = pattern;
  }
  ~Tree() { std::filesystem::remove_all(path); }
  std::string put(const std::string& dir, const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(path + dir);
    std::ofstream(path + dir + '/' + file) << text;
    return path + dir;
  }
  std::string path;
};

using Paths = std::map<std::string, std::string>;

/// What a look says that has seen others before, and one that has not: the same as is_frozen().
bool frozen(cgroup::FrozenLook& look, const Paths& paths) {
  const auto seen = look.at(paths);
  const auto expected = cgroup::is_frozen(paths);
  REQUIRE(seen);
  REQUIRE(expected);
  CHECK(*seen == *expected);
  return *seen;
}

}  // namespace

TEST_CASE("one after another is seen to be frozen or not", "[cgroup]") {
  const Tree tree;
  cgroup::FrozenLook look;
  const auto v1 = [&](const std::string& dir, const std::string& text) {
    return Paths{{"", "/nowhere/c"}, {"freezer", tree.put(dir, "freezer.state", text)}, {"memory", "/nowhere/c"}};
  };
  const auto v2 = [&](const std::string& dir, const std::string& text) {
    return Paths{{"", tree.put(dir, "cgroup.events", text)}};
  };
  CHECK_FALSE(frozen(look, v1("/a/c1", "THAWED\n")));
  CHECK(frozen(look, v1("/a/c2", "FROZEN\n")));
  CHECK(frozen(look, v1("/a/c3", "FREEZING\n")));
  CHECK(frozen(look, v1("/b/c1", "FROZEN\n")));
  CHECK_FALSE(frozen(look, v1("/a/c2", "THAWED\n")));
  CHECK(frozen(look, v2("/a/c4", "populated 1\nfrozen 1\n")));
  CHECK_FALSE(frozen(look, v2("/a/c4", "populated 1\nfrozen 0\n")));
  CHECK_FALSE(frozen(look, v2("/a/c5", "populated 1\n")));
  CHECK_FALSE(frozen(look, {}));
  CHECK_FALSE(frozen(look, {{"memory", tree.path + "/a/c2"}}));
}

TEST_CASE("what is gone, or was made anew, is looked at where it is", "[cgroup]") {
  const Tree tree;
  cgroup::FrozenLook look;
  const Paths one{{"freezer", tree.put("/a/c1", "freezer.state", "FROZEN\n")}};
  CHECK(frozen(look, one));
  std::filesystem::remove_all(tree.path + "/a");
  CHECK_FALSE(frozen(look, one));
  tree.put("/a/c1", "freezer.state", "FROZEN\n");
  CHECK(frozen(look, one));
}

TEST_CASE("what cannot be read is an error, by its whole path", "[cgroup]") {
  const Tree tree;
  std::filesystem::create_directories(tree.path + "/a/c1/freezer.state");
  cgroup::FrozenLook look;
  const auto seen = look.at({{"freezer", tree.path + "/a/c1"}});
  REQUIRE_FALSE(seen);
  CHECK(seen.error().message().find(tree.path + "/a/c1/freezer.state") != std::string::npos);
}
