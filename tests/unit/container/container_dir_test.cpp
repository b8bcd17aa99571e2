// SPDX-License-Identifier: Apache-2.0
#include "container/record/container_dir.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

using namespace caisson;
using container::Store;

namespace {

/// A runtime root of its own, removed at the end.
struct Root {
  Root() {
    char pattern[] = "/tmp/caisson-store-XXXXXX";
    REQUIRE(::mkdtemp(pattern) != nullptr);
    path = pattern;
  }
  ~Root() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("ids are checked", "[container]") {
  for (const char* good : {"a", "A-b_c.d+e", "0", "..a"}) CHECK(container::check_id(good));
  for (const char* bad : {"", ".", "..", "a/b", "a b", "ä", "a\n"}) {
    CAPTURE(bad);
    REQUIRE_FALSE(container::check_id(bad));
    CHECK(container::check_id(bad).error().kind() == ErrorKind::invalid_id);
  }
  CHECK_FALSE(container::check_id(std::string(256, 'a')));
}

TEST_CASE("an id is reserved once", "[container]") {
  const Root root;
  const Store store(root.path + "/deep/root");
  auto first = store.reserve("c1");
  REQUIRE(first);
  const auto second = store.reserve("c1");
  REQUIRE_FALSE(second);
  CHECK(second.error().kind() == ErrorKind::id_in_use);
  CHECK(second.error().message().find("container with given ID already exists") != std::string::npos);
  REQUIRE(first->remove());
  CHECK(store.reserve("c1"));
}

TEST_CASE("who makes a container holds its lock", "[container]") {
  const Root root;
  const Store store(root.path);
  auto maker = store.reserve("c1");
  REQUIRE(maker);
  const auto other = store.open("c1");
  REQUIRE(other);
  CHECK(other->locked_by_other());
  maker->unlock();
  CHECK_FALSE(other->locked_by_other());
}

TEST_CASE("an entry that goes away while its lock is waited for is no container", "[container]") {
  const Root root;
  const Store store(root.path);
  auto maker = store.reserve("c1");
  auto other = store.open("c1");
  REQUIRE(other);
  REQUIRE(maker->remove());
  maker->unlock();
  const auto locked = other->lock();
  REQUIRE_FALSE(locked);
  CHECK(locked.error().kind() == ErrorKind::destroyed);
}

TEST_CASE("what is missing does not exist", "[container]") {
  const Root root;
  CHECK(Store(root.path).open("none").error().message() == "container does not exist");
  CHECK(Store(root.path + "/none").open("none").error().kind() == ErrorKind::destroyed);
  CHECK(Store(root.path + "/none").ids(true)->empty());
  CHECK_FALSE(Store(root.path + "/none").ids(false));
  // Reserved, but not recorded yet.
  const Store store(root.path);
  const auto entry = store.reserve("c1");
  CHECK(entry->load_state().error().kind() == ErrorKind::destroyed);
}

TEST_CASE("removal takes what helpers have put there", "[container]") {
  const Root root;
  const Store store(root.path);
  auto entry = store.reserve("c1");
  REQUIRE(entry->make_config());
  std::filesystem::create_directories(entry->path() + "/notify/deep");
  std::filesystem::create_symlink("/etc", entry->path() + "/notify/link");
  REQUIRE(entry->remove());
  CHECK_FALSE(std::filesystem::exists(entry->path()));
  CHECK(std::filesystem::exists("/etc/passwd"));
  CHECK(entry->remove());
}
