// SPDX-License-Identifier: Apache-2.0
#include "nsinit/words.hpp"

#include <catch2/catch.hpp>

using namespace caisson;
using nsinit::Words;
using Command = nsinit::Words::Command;

namespace {

Result<Words> read(std::vector<const char*> words) { return nsinit::read_words(words); }

Words good(std::vector<const char*> words) {
  auto asked = read(std::move(words));
  INFO((asked ? std::string() : asked.error().message()));
  REQUIRE(asked);
  return *asked;
}

std::string fault(std::vector<const char*> words) {
  auto asked = read(std::move(words));
  REQUIRE_FALSE(asked);
  return asked.error().message();
}

using Args = std::vector<std::string>;

}  // namespace

TEST_CASE("the user's command needs no -- before it and is never read", "[nsinit]") {
  CHECK(good({"exec", "/bin/ls", "-l", "--list"}).args == Args{"/bin/ls", "-l", "--list"});
  CHECK(good({"exec", "--", "-odd", "--func"}).args == Args{"-odd", "--func"});
  CHECK(good({"exec", "sh", "--", "x"}).args == Args{"sh", "--", "x"});
  CHECK(good({"exec", "-"}).args == Args{"-"});
  CHECK(good({"exec", "sh"}).function == "exec");
}

TEST_CASE("functions of exec", "[nsinit]") {
  CHECK(good({"exec", "--func", "ip"}).function == "ip");
  CHECK(good({"exec", "-func=ip"}).function == "ip");
  const auto node = good({"exec", "--func", "mknod", "--", "/dev/fuse", "c", "10", "229"});
  CHECK(node.function == "mknod");
  CHECK(node.args == Args{"/dev/fuse", "c", "10", "229"});
  CHECK(good({"exec", "--list"}).command == Command::list_functions);
  CHECK(fault({"exec", "--func", "mknod", "/dev/fuse"}) == "expected mknod to have 4 arguments not 1");
  CHECK(fault({"exec", "--func", "dance"}).starts_with("exec: unknown function 'dance'"));
  CHECK(fault({"exec", "--func"}) == "exec: --func needs a name");
  CHECK(fault({"exec", "--speed", "sh"}) == "exec: unknown option '--speed'");
  CHECK(fault({"exec"}) == "exec: a command to run is needed");
  const auto table = nsinit::function_table();
  CHECK(table.starts_with("NAME    USAGE\nexec    execute a process inside an existing container\n"));
  CHECK(table.find("mknod   mknod a device inside an existing container\n") != table.npos);
  CHECK(table.find("ip      display the container's network interfaces\n") != table.npos);
}

TEST_CASE("commands", "[nsinit]") {
  CHECK(good({}).command == Command::help);
  CHECK(good({"--help"}).command == Command::help);
  CHECK(good({"--version"}).command == Command::version);
  CHECK(good({"stats"}).command == Command::stats);
  CHECK(good({"config"}).command == Command::config);
  CHECK(good({"pause"}).command == Command::pause);
  CHECK(good({"unpause"}).command == Command::unpause);
  CHECK(fault({"stop"}) == "unknown command 'stop': nsinit help lists them");
  CHECK(fault({"stats", "c1"}) == "stats: unexpected argument 'c1'");
  for (const char* name : {"exec", "stats", "config", "pause", "unpause"})
    CHECK(nsinit::help_text().find(name) != std::string::npos);
}
