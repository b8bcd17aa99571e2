// SPDX-License-Identifier: Apache-2.0
#include "cli/app.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "cli/command_table.hpp"
#include "cli/version.hpp"
#include "fake_container.hpp"
#include "program.hpp"

using namespace caisson;
using Rootless = container::Globals::Rootless;

namespace {

bool is_one_line(const std::string& text) { return std::ranges::count(text, '\n') == 1 && text.ends_with('\n'); }

}  // namespace

TEST_CASE("a failure is one line on standard error and exit code 1", "[cli][app]") {
  reset_fake_container();
  fake_container().failure = Error(ErrorKind::destroyed, "container does not exist");
  const auto outcome = call({"start", "c1"});
  CHECK(outcome.code == 1);
  CHECK(outcome.out.empty());
  CHECK(outcome.err == "error: start c1: container does not exist\n");
  fake_container().failure = Error(ErrorKind::config, "two\nlines").at("/process");
  CHECK(call({"create", "c1"}).err == "error: create c1: two lines [config: /process]\n");
}

TEST_CASE("the log gets the same failure as its only record", "[cli][app]") {
  reset_fake_container();
  TemporaryDirectory dir;
  fake_container().failure = Error(ErrorKind::system, "mount '/x'", ENOENT);
  const auto outcome = call({"--log", dir.path("log"), "--log-format", "json", "create", "c1"});
  CHECK(outcome.code == 1);
  CHECK(outcome.err == "error: create c1: mount '/x': No such file or directory\n");
  const auto log = read_text(dir.path("log"));
  CHECK(is_one_line(log));
  CHECK(log.starts_with(R"({"level":"error","msg":"create c1: mount '/x': No such file or directory","time":"2)"));

  call({"--log", dir.path("text"), "create", "c1"});
  const auto text = read_text(dir.path("text"));
  CHECK(is_one_line(text));
  CHECK(text.find("level=error msg=\"create c1: mount '/x': No such file or directory\"") != text.npos);
}

TEST_CASE("a success says nothing, neither on standard error nor in the log", "[cli][app]") {
  reset_fake_container();
  TemporaryDirectory dir;
  const auto outcome = call({"--log", dir.path("log"), "--log-format=json", "start", "c1"});
  CHECK(outcome.code == 0);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.empty());
  CHECK(read_text(dir.path("log")).empty());
}

TEST_CASE("a debug log says what is done", "[cli][app]") {
  reset_fake_container();
  TemporaryDirectory dir;
  CHECK(call({"--debug", "--root=/r", "--log", dir.path("log"), "start", "c1"}).err.empty());
  const auto log = read_text(dir.path("log"));
  CHECK(log.find("level=debug") != log.npos);
  CHECK(log.find("root '/r': start 'c1'") != log.npos);
}

TEST_CASE("without a log file a JSON log is what standard error shows", "[cli][app]") {
  reset_fake_container();
  fake_container().failure = Error(ErrorKind::destroyed, "container does not exist");
  const auto outcome = call({"--log-format=json", "start", "c1"});
  CHECK(is_one_line(outcome.err));
  CHECK(outcome.err.starts_with(R"({"level":"error","msg":"start c1: container does not exist","time":")"));
}

TEST_CASE("a log that cannot be opened is a failure", "[cli][app]") {
  reset_fake_container();
  const auto outcome = call({"--log", "/no/such/directory/log", "start", "c1"});
  CHECK(outcome.code == 1);
  CHECK(is_one_line(outcome.err));
  CHECK(outcome.err.find("/no/such/directory/log") != outcome.err.npos);
  CHECK(fake_container().called.empty());
}

TEST_CASE("exec's own failures are 255, its process' code is passed on", "[cli][app]") {
  reset_fake_container();
  fake_container().code = 137;
  CHECK(call({"exec", "c1", "true"}).code == 137);
  CHECK(call({"run", "c1"}).code == 137);
  fake_container().failure = Error(ErrorKind::system, "no");
  CHECK(call({"exec", "c1", "true"}).code == 255);
  CHECK(call({"run", "c1"}).code == 1);
  CHECK(call({"exec", "--bogus", "c1", "true"}).code == 1);
}

TEST_CASE("words that make no sense bring help on standard output", "[cli][app]") {
  reset_fake_container();
  const auto outcome = call({"start"});
  CHECK(outcome.code == 1);
  CHECK(outcome.out.starts_with("Incorrect Usage.\n\ncaisson start - "));
  CHECK(outcome.err == "error: caisson: \"start\" requires exactly 1 argument(s)\n");
  CHECK(call({"start", "--bogus", "c1"}).err == "error: flag provided but not defined: --bogus\n");
  CHECK(call({"--bogus", "start", "c1"}).out.starts_with("Incorrect Usage.\n\ncaisson - "));
  CHECK(fake_container().called.empty());
}

TEST_CASE("engines' questions", "[cli][app]") {
  reset_fake_container();
  const auto lsm = call({"restore", "--lsm-mount-context"});
  CHECK(lsm.code == 1);
  CHECK(lsm.err == "error: flag needs an argument: --lsm-mount-context\n");
  CHECK(call({"checkpoint", "--help"}).code == 0);
  CHECK(call({"checkpoint", "--help"}).err.empty());
  const auto features = call({"features"});
  CHECK(features.code == 0);
  CHECK(features.err.empty());
  CHECK(features.out.find("\"linux\"") != features.out.npos);
}

TEST_CASE("the version text", "[cli][app]") {
  for (const char* word : {"--version", "-v", "-version"}) {
    const auto outcome = call({word});
    CHECK(outcome.code == 0);
    CHECK(outcome.out == std::string("caisson version ") + cli::kVersion + "\ncommit: " + cli::kCommit +
                             "\nspec: 1.3.0\nlibseccomp: 2.5.4\n");
  }
  CHECK_FALSE(std::string(cli::kCommit).empty());
}

TEST_CASE("help", "[cli][app]") {
  reset_fake_container();
  const auto none = call({});
  CHECK(none.code == 0);
  CHECK(call({"help"}).out == none.out);
  CHECK(call({"--help"}).out == none.out);
  CHECK(call({"-h", "start"}).out == none.out);
  for (const auto* command : cli::commands()) {
    const std::string name(command->name);
    INFO(name);
    CHECK(none.out.find("\n  " + name + " ") != none.out.npos);
    const auto page = call({name, "--help"});
    CHECK(page.code == 0);
    CHECK(page.err.empty());
    CHECK(page.out.starts_with("caisson " + name + " - "));
    CHECK(page.out.find("Usage: caisson " + name) != page.out.npos);
    CHECK(call({"help", name}).out == page.out);
  }
  CHECK(fake_container().called.empty());
}

TEST_CASE("commands that are unknown", "[cli][app]") {
  CHECK(call({"lst"}).err == "error: unknown command 'lst': did you mean 'list'?\n");
  CHECK(call({"frobnicate"}).err == "error: unknown command 'frobnicate': caisson help lists them all\n");
  CHECK(call({"help", "lst"}).code == 1);
  CHECK(call({""}).code == 1);
}

TEST_CASE("commands in order", "[cli][app]") {
  CHECK(std::ranges::is_sorted(cli::commands(), {}, [](const cli::Command* command) { return command->name; }));
  CHECK(cli::commands().size() == 19);
}

TEST_CASE("commands of a later version read their words and say so", "[cli][app]") {
  struct Row {
    std::vector<std::string> words;
    const char* error;
  };
  const Row rows[] = {
      {{"checkpoint", "--image-path", "i", "--work-path", "w", "--leave-running", "--tcp-established", "--file-locks",
        "--leave-running", "--pre-dump", "--parent-path", "../p", "--empty-ns", "network", "--status-fd", "3", "c1"},
       "error: 'checkpoint' is not yet supported by this version\n"},
      {{"restore", "--bundle", "b", "--pid-file", "p", "--no-pivot", "--no-new-keyring", "--detach", "--image-path",
        "i", "--work-path", "w", "-no-subreaper", "--tcp-close", "--lsm-profile=selinux:x", "--lsm-mount-context=y",
        "c1"},
       "error: 'restore' is not yet supported by this version\n"},
  };
  for (const auto& row : rows) {
    const auto outcome = call(row.words);
    CHECK(outcome.code == 1);
    CHECK(outcome.out.empty());
    CHECK(outcome.err == row.error);
  }
  CHECK(call({"checkpoint", "--manage-cgroups-mode", "hard", "c1"}).err ==
        "error: invalid value for --manage-cgroups-mode: 'hard' is none of soft|full|strict|ignore\n");
  CHECK(call({"update", "--pids-limit", "many", "c1"}).err ==
        "error: invalid value for --pids-limit: 'many' is not a number\n");
}

TEST_CASE("global options reach the container room", "[cli][app]") {
  reset_fake_container();
  const auto& globals = fake_container().globals;
  REQUIRE(call({"--root", "/tmp/x//y/", "start", "c1"}).code == 0);
  CHECK(globals.root == "/tmp/x/y");
  CHECK_FALSE(globals.root_is_default);
  CHECK_FALSE(globals.systemd_cgroup);
  CHECK(globals.rootless == Rootless::automatic);
  REQUIRE(call({"--systemd-cgroup", "--rootless=true", "start", "c1"}).code == 0);
  CHECK(globals.root_is_default);
  CHECK(globals.systemd_cgroup);
  CHECK(globals.rootless == Rootless::yes);
  REQUIRE(call({"--rootless", "false", "--cgroup-manager", "systemd", "start", "c1"}).code == 0);
  CHECK(globals.systemd_cgroup);
  CHECK(globals.rootless == Rootless::no);
  REQUIRE(call({"--cgroup-manager=cgroupfs", "--debug", "start", "c1"}).code == 0);
  CHECK_FALSE(globals.systemd_cgroup);
  CHECK_FALSE(globals.cgroups_disabled);
  REQUIRE(call({"--cgroup-manager=disabled", "start", "c1"}).code == 0);
  CHECK(globals.cgroups_disabled);
}

TEST_CASE("global options that cannot be", "[cli][app]") {
  reset_fake_container();
  CHECK(call({"--root", "/", "start", "c1"}).err == "error: --root '/': / cannot be the runtime root\n");
  CHECK(call({"--cgroup-manager", "disabled", "--systemd-cgroup", "start", "c1"}).err ==
        "error: --systemd-cgroup and --cgroup-manager=disabled exclude each other\n");
  CHECK(call({"--rootless", "maybe", "start", "c1"}).err ==
        "error: invalid value for --rootless: 'maybe' is none of auto|true|false\n");
  CHECK(call({"--log-format", "xml", "start", "c1"}).err == "error: invalid log-format: xml\n");
  CHECK(fake_container().called.empty());
}
