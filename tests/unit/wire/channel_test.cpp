// SPDX-License-Identifier: Apache-2.0
#include "wire/channel.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "sys/socket.hpp"

using namespace caisson;

namespace {

struct Ends {
  wire::Channel parent;
  wire::Channel child;
};

Ends make_ends() {
  auto pair = sys::packet_pair();
  REQUIRE(pair);
  return {wire::Channel(std::move(pair->first)), wire::Channel(std::move(pair->second))};
}

wire::Begin full_begin() {
  wire::Begin begin;
  begin.kind = wire::Kind::exec;
  begin.id = "c1";
  begin.bundle = "/b \"quoted\"";
  begin.facts.euid = 1000;
  begin.facts.bounding_capabilities = 0x1ffffffffff;
  begin.facts.cgroup_flavour = plan::CgroupFlavour::hybrid;
  begin.cgroups = {{{"cpu", "cpuacct"}, "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/c1", false}};
  begin.descriptors.prepared = 3;
  begin.start_by_parent = true;
  begin.preserve_fds = 2;
  begin.namespaces = 0x2c020080;
  return begin;
}

}  // namespace

TEST_CASE("Begin comes out as it went in", "[wire]") {
  const wire::Begin sent = full_begin();
  const auto got = wire::decode(wire::encode(sent));
  REQUIRE(got);
  const auto* begin = std::get_if<wire::Begin>(&*got);
  REQUIRE(begin != nullptr);
  CHECK(begin->kind == sent.kind);
  CHECK(begin->id == sent.id);
  CHECK(begin->bundle == sent.bundle);
  CHECK(begin->facts == sent.facts);
  CHECK(begin->cgroups == sent.cgroups);
  CHECK(begin->descriptors.prepared == 3);
  CHECK(begin->start_by_parent);
  CHECK(begin->preserve_fds == 2);
  CHECK(begin->namespaces == sent.namespaces);
}

TEST_CASE("an error keeps its kind, errno, pointer and frames on the way", "[wire]") {
  const auto ends = make_ends();
  Error error(ErrorKind::config, "fsconfig(size=x)", EINVAL);
  error = std::move(error).with("tmpfs: Bad value").with("mount '/tmp'").at("/mounts/0");
  REQUIRE(ends.child.send(wire::Failed{error}));
  const auto got = ends.parent.expect<wire::Created>();
  REQUIRE_FALSE(got);
  CHECK(got.error().kind() == ErrorKind::config);
  CHECK(got.error().message() ==
        "mount '/tmp': tmpfs: Bad value: fsconfig(size=x): Invalid argument [config: /mounts/0]");
}

TEST_CASE("an unexpected message is an error with both names", "[wire]") {
  const auto ends = make_ends();
  REQUIRE(ends.child.send_plainly(wire::RootfsReady{}));
  const auto got = ends.parent.expect<wire::Created>();
  REQUIRE_FALSE(got);
  CHECK(got.error().message() == "the other side sent RootfsReady where Created was expected");
}

TEST_CASE("the peer's end is an error where a word is due, and success after its last", "[wire]") {
  auto ends = make_ends();
  { const wire::Channel gone = std::move(ends.child); }
  CHECK(ends.parent.expect<wire::Created>().error().kind() == ErrorKind::destroyed);
  CHECK(ends.parent.expect_end().error().message() == "container process is already dead");
  ends = make_ends();
  REQUIRE(ends.child.send_plainly(wire::Executing{}));
  { const wire::Channel gone = std::move(ends.child); }
  CHECK(ends.parent.expect_end());
}

TEST_CASE("descriptors ride beside a message and are close-on-exec", "[wire]") {
  const auto ends = make_ends();
  const FileDescriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  REQUIRE(ends.child.send(wire::Console{"/dev/pts/0"}, {file, file}));
  std::vector<FileDescriptor> descriptors;
  const auto got = ends.parent.expect<wire::Console>(&descriptors);
  REQUIRE(got);
  CHECK(got->name == "/dev/pts/0");
  REQUIRE(descriptors.size() == 2);
  CHECK((::fcntl(descriptors[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a failure that waits is found behind other messages", "[wire]") {
  const auto ends = make_ends();
  CHECK_FALSE(ends.parent.pending_failure());
  REQUIRE(ends.child.send(wire::RootfsReady{}));
  REQUIRE(ends.child.send(wire::Failed{Error(ErrorKind::system, "it broke")}));
  const auto word = ends.parent.pending_failure();
  REQUIRE(word);
  CHECK(word->what() == "it broke");
}

TEST_CASE("packets that are not messages are refused", "[wire]") {
  for (const char* packet : {"", "z", "A", "A{}", "A{\"kind\":\"nothing\"}", "Z{", "\xff"}) {
    CAPTURE(packet);
    CHECK_FALSE(wire::decode(packet));
  }
}

TEST_CASE("more descriptors than a packet takes follow it", "[wire]") {
  const auto ends = make_ends();
  const FileDescriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::vector<FdView> many(600, FdView(file));
  REQUIRE(ends.parent.send_many(wire::CgroupsReady{}, many));
  std::vector<FileDescriptor> got;
  REQUIRE(ends.child.expect<wire::CgroupsReady>(&got));
  while (got.size() < many.size()) {
    std::vector<FileDescriptor> more;
    REQUIRE(ends.child.expect<wire::More>(&more));
    for (auto& fd : more) got.push_back(std::move(fd));
  }
  CHECK(got.size() == many.size());
}
