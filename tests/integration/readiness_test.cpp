// SPDX-License-Identifier: Apache-2.0
// sd_notify(3): what a service manager hears of a container that it waits for.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

#include <catch2/catch.hpp>

#include "support/world.hpp"

namespace caisson::testing {

namespace {

/// The service manager's side. What it reads it forgets, descriptors too: that is how a barrier is answered.
class Manager {
 public:
  /// `name` is a path, or "@name" of the abstract namespace.
  explicit Manager(const std::string& name) : name_(name), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  }
  ~Manager() { ::close(socket_); }
  Manager(const Manager&) = delete;

  std::string variable() const { return "NOTIFY_SOCKET=" + name_; }
  /// "" when nothing comes in time.
  std::string next(int timeout_ms = 10'000) const {
    pollfd ready{socket_, POLLIN, 0};
    if (::poll(&ready, 1, timeout_ms) != 1) return "";
    std::array<char, 4096> text;
    const ssize_t size = ::recv(socket_, text.data(), text.size(), 0);
    return {text.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
  }

 private:
  std::string name_;
  int socket_;
};

}  // namespace

TEST_CASE("start waits for the container to be ready, and says so", "[readiness]") {
  World world;
  const Manager manager(world.dir() + "/manager");
  How how;
  how.env = {manager.variable()};
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--notify", "STATUS=busy", "--notify", "X=1\nREADY=1\nMAINPID=4711", "--hold"});
  bundle.write();
  REQUIRE(world.create(bundle, {}, how).code == 0);
  CHECK(manager.next(0) == "");
  Ran files;
  const pid_t starting = world.start_call({"start", bundle.id}, how, files);
  CHECK(manager.next() == "MAINPID=" + std::to_string(world.pid(bundle)) + "\nREADY=1");
  CHECK(alive(starting));  // until we have read the barrier
  CHECK(manager.next() == "BARRIER=1");
  const Ran started = world.finish_call(starting, files, 10);
  INFO(started.err);
  CHECK(started.code == 0);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("a container that ends without being ready ends the wait", "[readiness]") {
  World world;
  const Manager manager("@" + world.mark());
  How how;
  how.env = {manager.variable()};
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--exit", "3"});
  bundle.write();
  REQUIRE(world.create(bundle, {}, how).code == 0);
  CHECK(world.call({"start", bundle.id}, how).code == 0);
  CHECK(manager.next(0) == "");
  CHECK(world.remove(bundle).code == 0);
  world.nothing_left();
}

TEST_CASE("run passes readiness on and stays the main process", "[readiness]") {
  World world;
  const Manager manager("@" + world.mark());
  How how;
  how.env = {manager.variable()};
  Bundle bundle = world.bundle();
  bundle.set("/process/user", R"({"uid":1000,"gid":1000})");
  bundle.set("/process/env", R"(["NOTIFY_SOCKET=/of/somebody","A=b"])");
  bundle.probe({"--notify", "READY=1", "--exit", "5"});
  bundle.write();
  Ran files;
  const pid_t running = world.start_call({"run", "--bundle", bundle.dir, bundle.id}, how, files);
  CHECK(manager.next() == "READY=1");
  CHECK(manager.next() == "BARRIER=1");
  const Ran ran = world.finish_call(running, files, 10);
  INFO(ran.err);
  CHECK(ran.code == 5);
  CHECK(Json(ran.out).text("/env") == R"(["A=b","NOTIFY_SOCKET=/run/notify/notify.sock","HOME=/"])");
  world.nothing_left();
}

TEST_CASE("without a service manager there is no socket", "[readiness]") {
  World world;
  const Json report = world.report(world.bundle(), {"--stat", "/run/notify"});
  CHECK_FALSE(contains(report.text("/env"), "NOTIFY_SOCKET"));
}

}  // namespace caisson::testing
