// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>

#include "base/fd.hpp"
#include "cli/output.hpp"
#include "config/spec.hpp"
#include "fake_container.hpp"
#include "program.hpp"

using namespace caisson;
using Texts = std::vector<std::string>;

TEST_CASE("create as containerd calls it", "[cli][create]") {
  reset_fake_container();
  TemporaryDirectory dir;
  const auto outcome = call({"--root",
                             "/run/containerd/runc/k8s.io",
                             "--log",
                             dir.path("log.json"),
                             "--log-format",
                             "json",
                             "create",
                             "--bundle",
                             "/b",
                             "--pid-file",
                             "/b/init.pid",
                             "--console-socket",
                             "/s",
                             "--pidfd-socket",
                             "/p",
                             "--no-pivot",
                             "--no-new-keyring",
                             "--detach",
                             "--preserve-fds",
                             "2",
                             "c1"});
  CHECK(outcome.code == 0);
  const auto& create = fake_container().create;
  CHECK(fake_container().called == "create");
  CHECK(create.id == "c1");
  CHECK(create.bundle == "/b");
  CHECK(create.config_file.empty());
  CHECK(create.pid_file == "/b/init.pid");
  CHECK(create.console_socket == "/s");
  CHECK(create.pidfd_socket == "/p");
  CHECK(create.no_pivot);
  CHECK(create.no_new_keyring);
  CHECK(create.preserve_fds == 2);
}

TEST_CASE("create as conmon calls it", "[cli][create]") {
  reset_fake_container();
  CHECK(call({"--systemd-cgroup", "create", "--bundle", "/b", "--pid-file", "/p", "c1"}).code == 0);
  CHECK(fake_container().globals.systemd_cgroup);
  CHECK(fake_container().create.bundle == "/b");
}

TEST_CASE("create by hand", "[cli][create]") {
  reset_fake_container();
  CHECK(call({"create", "c1", "-f", "other.json", "--no-subreaper"}).code == 0);
  CHECK(fake_container().create.bundle == ".");
  CHECK(fake_container().create.config_file == "other.json");
  CHECK_FALSE(fake_container().create.no_pivot);
}

TEST_CASE("run", "[cli][run]") {
  reset_fake_container();
  CHECK(call({"run", "c1"}).code == 0);
  CHECK(fake_container().called == "run");
  CHECK_FALSE(fake_container().run.detach);
  CHECK_FALSE(fake_container().run.keep);
  CHECK_FALSE(fake_container().run.no_subreaper);
  CHECK(call({"run", "-d", "--keep", "-no-subreaper", "-b", "/b", "--bundle=/c", "c2"}).code == 0);
  CHECK(fake_container().run.detach);
  CHECK(fake_container().run.keep);
  CHECK(fake_container().run.no_subreaper);
  CHECK(fake_container().create.id == "c2");
  CHECK(fake_container().create.bundle == "/c");
}

TEST_CASE("exec as engines call it", "[cli][exec]") {
  reset_fake_container();
  CHECK(call({"exec", "--process", "/p.json", "--console-socket", "/s", "--pidfd-socket", "/q", "--detach",
              "--pid-file", "/e.pid", "c1"})
            .code == 0);
  const auto& exec = fake_container().exec;
  CHECK(fake_container().called == "exec");
  CHECK(fake_container().id == "c1");
  CHECK(exec.process_file == "/p.json");
  CHECK(exec.console_socket == "/s");
  CHECK(exec.pidfd_socket == "/q");
  CHECK(exec.pid_file == "/e.pid");
  CHECK(exec.detach);
  CHECK(exec.args.empty());
  CHECK_FALSE(exec.tty.has_value());
}

TEST_CASE("exec by hand", "[cli][exec]") {
  reset_fake_container();
  CHECK(call({"exec",
              "-t",
              "-u",
              "5:6",
              "-g",
              "7",
              "--additional-gids=8",
              "--cwd",
              "/tmp",
              "-e",
              "A=B",
              "--env",
              "C=D,E",
              "-c",
              "CAP_KILL",
              "--cap",
              "CAP_CHOWN",
              "--no-new-privs",
              "--process-label",
              "u:r:t",
              "--apparmor",
              "profile",
              "--cgroup",
              "sub",
              "--cgroup=cpu,memory:x",
              "--preserve-fds=1",
              "--ignore-paused",
              "c1",
              "ls",
              "-l",
              "--detach",
              "-t=false",
              "--",
              "-h"})
            .code == 0);
  const auto& exec = fake_container().exec;
  CHECK(exec.tty == true);
  CHECK(exec.user == "5:6");
  CHECK(exec.additional_gids == std::vector<std::uint32_t>{7, 8});
  CHECK(exec.cwd == "/tmp");
  CHECK(exec.env == Texts{"A=B", "C=D,E"});
  CHECK(exec.caps == Texts{"CAP_KILL", "CAP_CHOWN"});
  CHECK(exec.no_new_privs);
  CHECK(exec.process_label == "u:r:t");
  CHECK(exec.apparmor == "profile");
  CHECK(exec.cgroups == Texts{"sub", "cpu,memory:x"});
  CHECK(exec.preserve_fds == 1);
  CHECK(exec.ignore_paused);
  CHECK_FALSE(exec.detach);
  CHECK(exec.args == Texts{"ls", "-l", "--detach", "-t=false", "--", "-h"});
}

TEST_CASE("two dashes between id and command are left out", "[cli][exec]") {
  reset_fake_container();
  CHECK(call({"exec", "c1", "--", "ls", "--", "-l"}).code == 0);
  CHECK(fake_container().exec.args == Texts{"ls", "--", "-l"});
  CHECK(call({"exec", "--", "c1", "ls"}).code == 0);
  CHECK(fake_container().id == "c1");
  CHECK(fake_container().exec.args == Texts{"ls"});
}

TEST_CASE("exec with a user that is no number, or with two commands", "[cli][exec]") {
  reset_fake_container();
  for (const char* user : {"nobody", "5:", ":6", "5:6:7", "-1", "4294967296", " 5"}) {
    const auto outcome = call({"exec", "--user", user, "c1", "ls"});
    CHECK(outcome.code == 255);
    CHECK(outcome.err ==
          "error: exec c1: invalid value '" + std::string(user) + "' for --user: neither UID nor UID:GID\n");
  }
  CHECK(call({"exec", "-p", "f", "c1", "ls"}).err == "error: exec c1: a command and --process exclude each other\n");
  CHECK(fake_container().called.empty());
}

TEST_CASE("exec --process says all about the process", "[cli][exec]") {
  using Words = std::vector<std::string>;
  for (const auto& words : {Words{"-u", "5"}, Words{"-g", "5"}, Words{"--cwd", "/tmp"}, Words{"-e", "A=b"},
                            Words{"--no-new-privs"}, Words{"--process-label", "l"}, Words{"--apparmor", "p"}}) {
    reset_fake_container();
    Words line{"exec", "--process", "f"};
    line.insert(line.end(), words.begin(), words.end());
    line.push_back("c1");
    const auto outcome = call(line);
    INFO(words.front() << ": " << outcome.err);
    CHECK(outcome.code == 255);
    CHECK(outcome.err.find(" and --process exclude each other: the file says it\n") != std::string::npos);
    CHECK(fake_container().called.empty());
  }
  reset_fake_container();
  CHECK(call({"exec", "--process", "f", "--tty", "--cap", "CAP_KILL", "--cgroup", "sub", "--preserve-fds", "1",
              "--ignore-paused", "c1"})
            .code == 0);
  CHECK(fake_container().called == "exec");
}

TEST_CASE("kill", "[cli][kill]") {
  reset_fake_container();
  CHECK(call({"kill", "c1"}).code == 0);
  CHECK(fake_container().called == "kill");
  CHECK(fake_container().signal == SIGTERM);
  CHECK_FALSE(fake_container().flag);
  CHECK(call({"kill", "--all", "c1", "9"}).code == 0);
  CHECK(fake_container().signal == SIGKILL);
  CHECK(fake_container().flag);
  CHECK(call({"kill", "c1", "hup", "-a"}).code == 0);
  CHECK(fake_container().signal == SIGHUP);
  const auto outcome = call({"kill", "c1", "XYZ"});
  CHECK(outcome.code == 1);
  CHECK(outcome.err == "error: kill c1: unknown signal \"XYZ\"\n");
}

TEST_CASE("commands that only need an id", "[cli]") {
  for (const char* name : {"start", "pause", "resume"}) {
    reset_fake_container();
    CHECK(call({name, "c1"}).code == 0);
    CHECK(fake_container().called == name);
    CHECK(fake_container().id == "c1");
    const bool takes_several = name == std::string_view("pause") || name == std::string_view("resume");
    CHECK(call({name, "c1", "c2"}).code == (takes_several ? 0 : 1));
  }
}

TEST_CASE("delete", "[cli][delete]") {
  reset_fake_container();
  CHECK(call({"delete", "c1"}).code == 0);
  CHECK(fake_container().called == "remove");
  CHECK_FALSE(fake_container().flag);
  CHECK(call({"delete", "c1", "--force"}).code == 0);
  CHECK(fake_container().flag);
}

TEST_CASE("state", "[cli][state]") {
  reset_fake_container();
  fake_container().states = {{.oci_version = "1.3.0", .id = "c1", .status = "stopped"}};
  const auto outcome = call({"state", "c1"});
  CHECK(outcome.code == 0);
  CHECK(outcome.err.empty());
  CHECK(outcome.out.starts_with("{\n  \"ociVersion\": \"1.3.0\",\n  \"id\": \"c1\",\n  \"pid\": 0,\n"));
}

TEST_CASE("list", "[cli][list]") {
  reset_fake_container();
  CHECK(call({"list"}).out == "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
  CHECK(call({"list", "--format=json"}).out == "null\n");
  CHECK(call({"list", "-q"}).out.empty());
  fake_container().states = {{.oci_version = "1.3.0", .id = "c1", .status = "stopped"}, {.id = "c2"}};
  fake_container().warnings = {"load container x: broken"};
  const auto outcome = call({"list", "--quiet"});
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "c1\nc2\n");
  CHECK(outcome.err == "warning: load container x: broken\n");
  CHECK(call({"list", "-f", "json"}).out.starts_with("[{\"ociVersion\":\"1.3.0\",\"id\":\"c1\""));
  CHECK(call({"list", "-f", "yaml"}).code == 1);
}

TEST_CASE("ps", "[cli][ps]") {
  reset_fake_container();
  CHECK(call({"ps", "--format", "json", "c1"}).out == "null\n");
  fake_container().pids = {static_cast<int>(::getpid())};
  const auto pid = std::to_string(::getpid());
  CHECK(call({"ps", "-f", "json", "c1"}).out == "[" + pid + "]\n");
  if (::access("/usr/bin/ps", X_OK) != 0 && ::access("/bin/ps", X_OK) != 0) {
    WARN("skipped in part: ps(1) is not installed");
    return;
  }
  const auto table = call({"ps", "c1", "-o", "pid,comm"});
  CHECK(table.code == 0);
  CHECK(table.out.find(" PID COMMAND\n") != table.out.npos);
  CHECK(table.out.find(pid) != table.out.npos);
  CHECK(std::count(table.out.begin(), table.out.end(), '\n') == 2);
  CHECK(call({"ps", "--format=table", "c1", "--", "-o", "pid,comm"}).out == table.out);
  CHECK(call({"ps", "c1"}).out.starts_with("UID "));
  CHECK(call({"ps", "c1", "-o", "comm"}).code == 1);
}

TEST_CASE("spec writes a config that can be loaded, once", "[cli][spec]") {
  TemporaryDirectory dir;
  CHECK(call({"spec", "--bundle", dir.path()}).code == 0);
  const auto text = read_text(dir.path("config.json"));
  CHECK(text.starts_with("{\n\t\"ociVersion\": \"1.3.0\",\n\t\"process\": {\n\t\t"));
  CHECK(config::load(text));
  const auto again = call({"spec", "--bundle", dir.path()});
  CHECK(again.code == 1);
  CHECK(again.err == "error: spec: File config.json exists. Remove it first\n");
  CHECK(read_text(dir.path("config.json")) == text);
  CHECK(call({"spec", "--bundle", dir.path("none")}).code == 1);
}

TEST_CASE("spec for a user without privileges maps that user", "[cli][spec]") {
  TemporaryDirectory dir;
  CHECK(call({"spec", "--rootless", "-b", dir.path()}).code == 0);
  const auto spec = config::load(read_text(dir.path("config.json")));
  REQUIRE(spec);
  const auto& mappings = spec->linux_or_empty().uid_mappings;
  REQUIRE(mappings.size() == 1);
  CHECK(mappings[0].host_id == ::geteuid());
}

TEST_CASE("output that cannot be written is a failure", "[cli]") {
  const FileDescriptor saved(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  const FileDescriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full);
  std::fflush(nullptr);
  ::dup2(full.get(), STDOUT_FILENO);
  const auto printed = cli::print("text");
  ::dup2(saved.get(), STDOUT_FILENO);
  REQUIRE_FALSE(printed);
  CHECK(printed.error().message() == "write to standard output: No space left on device");
}

TEST_CASE("several containers at once", "[cli][kill][delete]") {
  reset_fake_container();
  auto& fake = fake_container();
  CHECK(call({"kill", "a", "b", "HUP"}).code == 0);
  CHECK(fake.id == "b");
  CHECK(fake.signal == SIGHUP);
  CHECK(call({"kill", "a", "b"}).err == "error: kill a: unknown signal \"b\"\n");
  CHECK(call({"pause", "a", "b"}).code == 0);
  CHECK(fake.id == "b");
  fake.states = {{.id = "web-1"}, {.id = "db"}, {.id = "web-2"}};
  CHECK(call({"delete", "--force", "--regex", "^web"}).code == 0);
  CHECK(fake.id == "web-2");
  CHECK(call({"kill", "-r", "^d", "9"}).code == 0);
  CHECK(fake.id == "db");
  CHECK(fake.signal == 9);
  CHECK(call({"delete", "--regex", "none"}).code == 0);
  CHECK(call({"delete", "--regex", "["}).err.starts_with("error: delete: '[' is not a regular expression: "));
  CHECK(call({"kill", "--regex", "a", "b", "9"}).code == 1);
  fake.failure = Error(ErrorKind::destroyed, "container does not exist");
  CHECK(call({"delete", "a"}).err == "error: delete a: container does not exist\n");
  const auto both = call({"delete", "a", "b"});
  CHECK(both.code == 1);
  CHECK(both.err == "error: delete a: container does not exist; delete b: container does not exist\n");
}

TEST_CASE("verify: a line for each difference, and the exit code tells the three outcomes apart", "[cli][verify]") {
  reset_fake_container();
  CHECK(call({"verify", "c1"}).code == 0);
  CHECK(fake_container().called == "verify");
  CHECK(fake_container().id == "c1");
  fake_container().differences = {{"/mounts/1", "options of '/a'", "ro", "none"}, {"", "device '/dev/null'", "a", "b"}};
  const auto differs = call({"verify", "c1"});
  CHECK(differs.code == 1);
  CHECK(differs.out ==
        "options of '/a': 'none' instead of 'ro' [config: /mounts/1]\n"
        "device '/dev/null': 'b' instead of 'a' [config: default]\n");
  CHECK(call({"verify", "--format", "json", "c1"}).out ==
        R"([{"pointer":"/mounts/1","what":"options of '/a'","wanted":"ro","found":"none"},)"
        R"({"pointer":"","what":"device '/dev/null'","wanted":"a","found":"b"}])"
        "\n");
  fake_container().failure = Error(ErrorKind::destroyed, "container not running");
  CHECK(call({"verify", "c1"}).code == 2);
}

TEST_CASE("update: flags become resources", "[cli][update]") {
  reset_fake_container();
  REQUIRE(call({"update", "--memory", "64m", "--memory-swap=-1", "--cpu-quota", "-1", "--cpu-share", "512",
                "--cpuset-cpus", "0-1", "--pids-limit", "-1", "--blkio-weight", "100", "--kernel-memory", "1m", "c1"})
              .code == 0);
  CHECK(fake_container().called == "update");
  CHECK(fake_container().id == "c1");
  const auto& update = fake_container().update;
  CHECK(update.pointer == "/linux/resources");
  CHECK(update.resources.memory == config::Memory{.limit = 64 << 20, .swap = -1, .kernel = 1 << 20});
  CHECK(update.resources.cpu == config::Cpu{.shares = 512, .quota = -1, .cpus = "0-1"});
  CHECK(update.resources.pids == config::Pids{-1});
  CHECK(update.resources.block_io == config::BlockIo{.weight = 100});
  CHECK(call({"update", "--memory", "12x", "c1"}).err ==
        "error: update c1: invalid value '12x' for --memory: not a number of bytes, with or without k, m or g\n");
  CHECK(call({"update", "--cpu-share=-5", "c1"}).err == "error: update c1: invalid value '-5' for --cpu-share\n");
  reset_fake_container();
  for (const char* option : {"--memory", "--memory-reservation", "--memory-swap", "--kernel-memory", "--cpuset-cpus",
                             "--cpuset-mems", "--l3-cache-schema", "--mem-bw-schema", "--resources"}) {
    INFO(option);
    const auto ran = call({"update", option, "", "--pids-limit", "5", "c1"});
    CHECK(ran.code == 1);
    CHECK(ran.err.contains(std::string("invalid value '' for ") + option));
  }
  CHECK(fake_container().called.empty());
}

TEST_CASE("update: a document that is not understood in full is refused", "[cli][update]") {
  reset_fake_container();
  const TemporaryDirectory dir;
  const std::string file = dir.path("resources.json");
  const auto fault = [&](const std::string& text, std::vector<std::string> more = {}) {
    dir.write("resources.json", text);
    std::vector<std::string> words{"update", "--resources", file};
    words.insert(words.end(), more.begin(), more.end());
    words.emplace_back("c1");
    const auto ran = call(words);
    CHECK(ran.code == 1);
    return ran.err;
  };
  CHECK(fault(R"({"memory":{"limit":5,"limitt":6}})").contains("unknown member 'limitt' [config: /memory/limitt]"));
  CHECK(fault(R"({"pid":{"limit":5}})").contains("unknown member 'pid' [config: /pid]"));
  CHECK(fault(R"({"blockIO":{"weightDevice":[{"major":1,"minor":2,"wait":3}]}})")
            .contains("[config: /blockIO/weightDevice/0/wait]"));
  CHECK(fault(R"({"linux":{"resources":{"pids":{"limit":5}}}})").contains("must be what linux.resources holds"));
  CHECK(fault(R"({"resources":{"pids":{"limit":5}}})").contains("must be what linux.resources holds"));
  CHECK(fault("{}").contains("names nothing that could be changed"));
  CHECK(fault(R"({"memory":null})").contains("names nothing that could be changed"));
  CHECK(fault(R"({"pids":{"limit":5}})", {"--memory", "5m", "--cpu-share", "7"})
            .contains("--resources gives all limits: it cannot be combined with --cpu-share, --memory"));
  CHECK(fake_container().called.empty());
}
