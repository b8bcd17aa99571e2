// SPDX-License-Identifier: Apache-2.0
// The creator's side of the channel against a scripted peer.
#include "container/launch/conversation.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "container/foreground/signals.hpp"
#include "sys/socket.hpp"

using namespace caisson;
using container::Answers;
using container::Until;

namespace {

struct Ends {
  wire::Channel creator;
  wire::Channel init;
};

Ends make_ends() {
  auto pair = sys::packet_pair();
  REQUIRE(pair);
  return {wire::Channel(std::move(pair->first)), wire::Channel(std::move(pair->second))};
}

FileDescriptor any_file() { return FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

wire::Message named(const std::string& name) {
  if (name == "Executing") return wire::Executing{};
  if (name == "Created") return wire::Created{};
  if (name == "Console") return wire::Console{"/dev/pts/0"};
  if (name == "SeccompListener") return wire::SeccompListener{5};
  if (name == "Spawned") return wire::Spawned{42, true};
  if (name == "Failed") return wire::Failed{Error(ErrorKind::system, "it failed", EACCES)};
  if (name == "RootfsReady") return wire::RootfsReady{};
  if (name == "Proceed") return wire::Proceed{};
  FAIL(name);
  return wire::More{};
}

/// What happened when the peer had sent `script` and closed its end.
struct Outcome {
  std::string error;
  ErrorKind kind = ErrorKind::system;
  std::vector<std::string> answered;
};

Outcome play(const std::vector<std::string>& script, Until until, bool answers_all) {
  Ends ends = make_ends();
  {
    const wire::Channel init = std::move(ends.init);
    for (const auto& name : script) {
      const FileDescriptor file = any_file();
      std::vector<FdView> beside;
      if (name == "Console" || name == "Spawned") beside.push_back(file);
      REQUIRE(init.send(named(name), beside));
    }
  }
  Outcome outcome;
  Answers answers;
  if (answers_all) {
    answers.console = [&](const wire::Console& console, FileDescriptor master) -> Status {
      REQUIRE(master);
      outcome.answered.push_back(console.name);
      return {};
    };
    answers.seccomp_listener = [&](int number) -> Status {
      outcome.answered.push_back("listener " + std::to_string(number));
      return {};
    };
    answers.spawned = [&](const wire::Spawned& spawned, FileDescriptor pidfd) -> Status {
      REQUIRE(pidfd);
      outcome.answered.push_back("pid " + std::to_string(spawned.pid));
      return {};
    };
  }
  const Status status = converse(ends.creator, until, answers);
  if (!status) outcome.error = status.error().message();
  if (!status) outcome.kind = status.error().kind();
  return outcome;
}

}  // namespace

TEST_CASE("a conversation ends well with what it waits for", "[conversation]") {
  CHECK(play({"Created"}, Until::created, false).error.empty());
  CHECK(play({"Executing"}, Until::execve, false).error.empty());
  const Outcome all = play({"Spawned", "Console", "Created"}, Until::created, true);
  CHECK(all.error.empty());
  CHECK(all.answered == std::vector<std::string>{"pid 42", "/dev/pts/0"});
}

TEST_CASE("a peer that dies before its time is destroyed, not a success", "[conversation]") {
  for (const auto& script : {std::vector<std::string>{}, {"Console"}, {"Spawned"}, {"Spawned", "Console"}}) {
    const Outcome created = play(script, Until::created, true);
    CHECK(created.error == "the container's init process ended without a word");
    CHECK(created.kind == ErrorKind::destroyed);
    const Outcome executed = play(script, Until::execve, true);
    CHECK(executed.error == "container process is already dead");
    CHECK(executed.kind == ErrorKind::destroyed);
  }
}

TEST_CASE("Failed is the conversation's error, whenever it comes", "[conversation]") {
  for (const auto& script :
       {std::vector<std::string>{"Failed"}, {"Console", "Failed"}, {"Executing", "Failed"}, {"Spawned", "Failed"}})
    CHECK(play(script, Until::execve, true).error == "it failed: Permission denied");
  CHECK(play({"Failed", "Created"}, Until::created, true).error == "it failed: Permission denied");
}

TEST_CASE("a message that comes twice, out of place or unasked for is named", "[conversation]") {
  const auto error = [](const std::vector<std::string>& script, Until until, bool answers_all = true) {
    return play(script, until, answers_all).error;
  };
  CHECK(error({"Console", "Console"}, Until::execve) == "init sent Console where its execve was expected");
  CHECK(error({"Spawned", "Spawned"}, Until::created) == "init sent Spawned where Created was expected");
  CHECK(error({"Executing", "Executing"}, Until::execve) == "init sent Executing where its execve was expected");
  CHECK(error({"Executing"}, Until::created) == "init sent Executing where Created was expected");
  CHECK(error({"Created"}, Until::execve) == "init sent Created where its execve was expected");
  CHECK(error({"Executing", "Console"}, Until::execve) == "init sent Console where its execve was expected");
  CHECK(error({"Console"}, Until::created, false) == "init sent Console where Created was expected");
  CHECK(error({"SeccompListener"}, Until::execve, false) == "init sent SeccompListener where its execve was expected");
  CHECK(error({"Spawned"}, Until::execve, false) == "init sent Spawned where its execve was expected");
  for (const char* creators_own : {"RootfsReady", "Proceed"})
    CHECK(error({creators_own}, Until::created) ==
          std::string("init sent ") + creators_own + " where Created was expected");
}

TEST_CASE("what is cut short or no message at all is an error", "[conversation]") {
  Ends ends = make_ends();
  const std::string created = wire::encode(wire::Created{});
  SECTION("no message") { REQUIRE(::write(ends.init.fd().get(), "?", 1) == 1); }
  SECTION("half of one") {
    const std::string console = wire::encode(wire::Console{"/dev/pts/0"});
    REQUIRE(::write(ends.init.fd().get(), console.data(), console.size() / 2) > 0);
  }
  REQUIRE(::write(ends.init.fd().get(), created.data(), created.size()) > 0);
  CHECK_FALSE(converse(ends.creator, Until::created, {}));
}

TEST_CASE("descriptors come beside Console alone, one of them", "[conversation]") {
  Ends ends = make_ends();
  const FileDescriptor file = any_file();
  Answers answers;
  answers.console = [](const wire::Console&, FileDescriptor) { return Status(); };
  SECTION("none") { REQUIRE(ends.init.send(wire::Console{"/dev/pts/0"})); }
  SECTION("two") { REQUIRE(ends.init.send(wire::Console{"/dev/pts/0"}, {file, file})); }
  SECTION("beside another") { REQUIRE(ends.init.send(wire::Created{}, {file})); }
  CHECK_FALSE(converse(ends.creator, Until::created, answers));
}

TEST_CASE("Taken is sent once the listener was taken, and not when that failed", "[conversation]") {
  Ends ends = make_ends();
  REQUIRE(ends.init.send(wire::SeccompListener{7}));
  REQUIRE(ends.init.send(wire::Created{}));
  int taken = -1;
  Answers answers;
  SECTION("taken") {
    answers.seccomp_listener = [&](int number) -> Status {
      taken = number;
      return {};
    };
    CHECK(converse(ends.creator, Until::created, answers));
    CHECK(taken == 7);
    CHECK(ends.init.expect<wire::Taken>());
  }
  SECTION("failed") {
    answers.seccomp_listener = [](int) -> Status { return fail(ErrorKind::system, "no agent"); };
    CHECK(converse(ends.creator, Until::created, answers).error().message() == "no agent");
    const wire::Channel gone = std::move(ends.creator);
  }
}

TEST_CASE("SIGTERM ends a conversation that hangs; other signals are kept for the process", "[conversation]") {
  Ends ends = make_ends();
  auto signals = container::SignalCustody::take();
  REQUIRE(signals);
  ::raise(SIGUSR1);
  ::raise(SIGTERM);
  for (const Until until : {Until::created, Until::execve}) {
    const Status status = converse(ends.creator, until, {}, &*signals);
    REQUIRE_FALSE(status);
    CHECK(status.error().message() == "interrupted by SIGTERM");
    ::raise(SIGTERM);
  }
  CHECK_FALSE(converse(ends.creator, Until::execve, {}, &*signals));
}
