// SPDX-License-Identifier: Apache-2.0
#include "process/run_hooks.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "base/fd.hpp"
#include "in_child.hpp"

namespace caisson::process {

namespace {

/// A hook that a shell runs, with PATH.
config::Hook shell(const std::string& script) {
  return {.path = "/bin/sh", .args = {"sh", "-c", script}, .env = {{"PATH=/usr/bin:/bin"}}, .timeout = {}};
}

std::string run_text(const config::Hook& hook, const std::string& state = "{}") {
  return test::text_of(run_hook(hook, state, {.stage = "createRuntime", .index = 2}));
}

}  // namespace

TEST_CASE("a hook reads the state and may succeed", "[process][hooks]") {
  const test::TemporaryDirectory directory;
  CHECK(run_text(shell("cat > " + directory / "state"), R"({"id":"c1"})") == "");
  CHECK(test::read_text(directory / "state") == R"({"id":"c1"})");
  // More than a pipe holds, and a hook that does not read at all.
  const std::string large(300'000, 'x');
  CHECK(run_text(shell("wc -c > " + directory / "count"), large) == "");
  CHECK(std::stoul(test::read_text(directory / "count")) == large.size());
  CHECK(run_text(shell("exec 0<&-; exit 0"), large) == "");
}

TEST_CASE("a hook that fails is told of with its output", "[process][hooks]") {
  CHECK(run_text(shell("echo said; echo why >&2; exit 7")) ==
        "error running createRuntime hook #2: '/bin/sh': exit status 7, stdout: said, stderr: why "
        "[config: /hooks/createRuntime/2]");
  CHECK(run_text(shell("kill -9 $$")).contains("signal: killed"));
  const auto absent = run_text({.path = "/none/hook"});
  CHECK(absent.contains("exec: \"/none/hook\": stat /none/hook: no such file or directory"));
  CHECK(absent.contains("error running createRuntime hook #2"));
}

TEST_CASE("endless output neither blocks nor fills memory", "[process][hooks]") {
  const std::string text =
      run_text(shell("i=0; while [ $i -lt 30000 ]; do echo 0123456789; i=$((i+1)); done; echo end; exit 1"));
  CHECK(text.contains("end, stderr: "));
  CHECK(text.contains("stdout: ..."));
  CHECK(text.size() < 6000);
}

TEST_CASE("a hook past its timeout is killed with what it started", "[process][hooks]") {
  const test::TemporaryDirectory directory;
  auto hook = shell("sh -c 'sleep 3; touch " + directory / "late" + "' & echo $! > " + directory / "pid" +
                    "; echo busy; sleep 60");
  hook.timeout = 1;
  const auto begin = std::chrono::steady_clock::now();
  CHECK(run_text(hook) ==
        "error running createRuntime hook #2: '/bin/sh': hook ran past specified timeout of 1.0s, stdout: busy, "
        "stderr:  [config: /hooks/createRuntime/2]");
  CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(950));
  // The signal is sent by then, and what it hits may take a moment to go.
  const std::string stat_file = "/proc/" + std::to_string(std::stoi(test::read_text(directory / "pid"))) + "/stat";
  const auto is_gone = [&] {
    const std::string stat = test::read_text(stat_file);
    return stat.empty() || stat.contains(") Z ") || stat.contains(") X ");
  };
  for (int tries = 0; tries < 200 && !is_gone(); ++tries) ::usleep(10'000);
  CHECK(is_gone());
}

TEST_CASE("what a hook leaves running does not hold it up", "[process][hooks]") {
  const test::TemporaryDirectory directory;
  for (const char* left : {"sleep 600", "yes"}) {
    INFO(left);
    CHECK(run_text(shell(std::string(left) + " & echo $! > " + directory / "pid" + "; exit 0")) == "");
    // Who writes without end goes by SIGPIPE once nobody reads; the other is still there.
    const pid_t pid = std::stoi(test::read_text(directory / "pid"));
    CHECK((::kill(pid, SIGKILL) == 0 || std::string(left) == "yes"));
  }
}

TEST_CASE("a hook has its own environment, arguments and directory", "[process][hooks]") {
  const test::TemporaryDirectory directory;
  ::setenv("CAISSON_UNIT_LEAK", "1", 1);
  config::Hook hook{.path = "/usr/bin/env", .args = {}, .env = {}, .timeout = {}};
  // env(1) fails on an unknown option and so shows its environment through a shell.
  hook = {.path = "/bin/sh",
          .args = {"zero", "-c", "echo $0-$CAISSON_UNIT_LEAK-$A; pwd >&2; exit 1"},
          .env = {},
          .timeout = {}};
  const std::vector<std::string> process_env{"A=process"};
  const auto run = [&](const std::vector<std::string>* fallback) {
    return test::text_of(
        run_hook(hook, "{}", {.stage = "startContainer", .cwd = directory.path(), .default_env = fallback}));
  };
  CHECK(run(nullptr).contains("stdout: zero-1-, stderr: " + directory.path()));
  CHECK(run(&process_env).contains("stdout: zero--process, "));
  hook.env = {{"A=own"}};
  CHECK(run(&process_env).contains("stdout: zero--own, "));
  hook.env = std::vector<std::string>{};
  CHECK(run(&process_env).contains("stdout: zero--, "));
  ::unsetenv("CAISSON_UNIT_LEAK");
}

TEST_CASE("a hook starts in / where its directory cannot be entered, and in one that is open", "[process][hooks]") {
  const test::TemporaryDirectory directory;
  const FileDescriptor open(::open(directory.path().c_str(), O_PATH | O_CLOEXEC));
  const config::Hook hook = shell("pwd; exit 1");
  CHECK(test::text_of(run_hook(hook, "{}", {.stage = "poststop", .cwd = directory / "gone"})).contains("stdout: /, "));
  CHECK(test::text_of(run_hook(hook, "{}", {.stage = "poststop", .cwd = directory / "gone", .cwd_fd = open.get()}))
            .contains("stdout: " + directory.path() + ", "));
}

TEST_CASE("the environment is kept for hooks that have none of their own", "[process][hooks]") {
  ::setenv("CAISSON_UNIT_KEPT", "1", 1);
  std::vector<config::Hook> hooks{{.path = "/a"}, {.path = "/b", .args = {}, .env = {{}}, .timeout = {}}};
  keep_environment(hooks);
  ::unsetenv("CAISSON_UNIT_KEPT");
  CHECK(std::ranges::count(*hooks[0].env, "CAISSON_UNIT_KEPT=1") == 1);
  CHECK(hooks[1].env->empty());
}

TEST_CASE("a hook has no descriptors and no signal settings of the runtime", "[process][hooks]") {
  const std::string script =
      "ls /proc/self/fd | tr '\\n' ' '; grep SigBlk /proc/self/status; "
      "kill -USR1 $$; kill -PIPE $$; echo ignored; exit 1";
  const std::string said = test::in_child([&]() -> std::string {
    ::dup2(0, 17);  // handed over without close-on-exec, as descriptors for the container are
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGUSR1, SIG_IGN);
    return run_text(shell(script));
  });
  INFO(said);
  CHECK(said.contains("signal: user defined signal 1, stdout: 0 1 2 3 SigBlk:\\t0000000000000000, stderr: "));
}

TEST_CASE("a hook dies with its runner", "[process][hooks]") {
  const test::TemporaryDirectory directory;
  const std::string pipe = directory / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const pid_t runner = ::fork();
  if (runner == 0) {
    (void)run_hook(shell("exec sleep 600 > " + pipe), "{}", {.stage = "createRuntime"});
    ::_exit(0);
  }
  // The pipe's writing end is open from the hook's start to its end.
  const FileDescriptor end(::open(pipe.c_str(), O_RDONLY | O_CLOEXEC));
  ::kill(runner, SIGKILL);
  ::waitpid(runner, nullptr, 0);
  pollfd closed{end.get(), 0, 0};
  CHECK(::poll(&closed, 1, 10'000) == 1);
}

TEST_CASE("hooks run where the standard streams are closed", "[process][hooks]") {
  CHECK(test::in_child([]() -> std::string {
          for (int fd : {0, 1, 2}) ::close(fd);
          return run_text(shell("cat; echo err >&2; exit 1"), "state");
        }).contains("stdout: state, stderr: err"));
}

TEST_CASE("the first hook that fails ends the list", "[process][hooks]") {
  const test::TemporaryDirectory directory;
  const std::vector<config::Hook> hooks{shell("touch " + directory / "a"), shell("exit 3"),
                                        shell("touch " + directory / "c")};
  const auto done = run_hooks(hooks, "{}", {.stage = "poststart"});
  REQUIRE_FALSE(done);
  CHECK(done.error().pointer() == "/hooks/poststart/1");
  CHECK(::access((directory / "a").c_str(), F_OK) == 0);
  CHECK(::access((directory / "c").c_str(), F_OK) != 0);
}

}  // namespace caisson::process
